"""How a command ends when something is not right: one message, status other than 0, no traceback."""

import os
import signal
import subprocess
import sys

import pytest

from tests.conftest import ROOT, Repository, copy_repository


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return Repository(copy_repository(tmp_path_factory.mktemp("stages") / "repository"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train.learning_rate=-1"], "train.learning_rate: found -1, expected a number above 0"),
        (["train.learning_rate=fast"], "train.learning_rate: found 'fast'"),
        (["train.learning_rat=0.1"], "did you mean train.learning_rate?"),
        (["trian.epochs=3"], "did you mean train?"),
        (["train.epochs=abc"], "expected a whole number at least 1"),
        (["convert=equl"], "raw"),
        (["preprocess=resize"], "preprocess=resize is inputs=resized"),
        (["decision.threshold=balanced_accuracy"], "what decides now is decision.false_alarms"),
        (["inputs.augment.rotation=3"], "inputs.augment.rotation: no such key"),
        (["data.root=../elsewhere"], "data.root"),
        (["data=folders", "data.root=/nowhere/at/all"], "/nowhere/at/all"),
        (["data=folders"], "data/raw/folders/genuine"),
        (["-m", "seed=1,2"], "pipeline.experiment -m"),
        (["extra"], "extra is not understood: settings are given as key=value"),
        (["data.root=/a[b"], "data.root: the value /a[b is not understood"),
        (["data.root\x1b=1"], "data.root\\x1b=1 is not understood: settings are given as key=value"),
    ],
)
def test_a_mistake_ends_with_a_message_and_no_traceback(repository, arguments, said):
    output = repository.stage("convert", *arguments, fails=True)
    assert said in output
    assert "Traceback" not in output
    assert not (repository.folder / "data/converted").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["https://host/a.jpg"], "PATH is https://host/a.jpg, an address"),
        (["a.jpg", "--models", "https://host/models"], "--models is https://host/models, an address"),
        (["a.jpg", "--maps", "s3://bucket/maps"], "--maps is s3://bucket/maps, an address"),
        (["a.jpg", "--models", "Data"], "there is no folder Data; data is there"),
        (["a.jpg"], "train a detector with make repro"),
    ],
)
def test_predict_says_what_is_wrong_before_tensorflow_starts(repository, arguments, said):
    output = repository.run(
        sys.executable, "-X", "importtime", "-m", "pipeline.predict", *arguments, fails=True
    )
    assert said in output
    assert "Traceback" not in output
    assert " pathlib\n" in output  # the list of what was imported is there
    assert " tensorflow\n" not in output


def test_score_looks_for_the_detector_before_it_converts(repository):
    assert "train a detector with make repro" in repository.stage("score", fails=True)
    assert not (repository.folder / "score").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_in_the_middle_of_a_stage_leaves_the_earlier_result(repository):
    earlier = repository.folder / "data" / "raw" / "sample" / "genuine" / "earlier.txt"
    earlier.parent.mkdir(parents=True)
    earlier.write_text("an earlier result")
    command = [sys.executable, "-m", "pipeline.sample", "sample.genuine=4000", "sample.fake=4000"]
    with subprocess.Popen(
        command, cwd=repository.folder, env=repository.environment(), stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as stage:  # fmt: skip
        partial = earlier.parents[1].with_name(".sample.partial")
        while not any(partial.glob("genuine/*")):
            assert stage.poll() is None
        os.killpg(stage.pid, signal.SIGINT)
        _, said = stage.communicate(timeout=60)
    assert stage.returncode == 130
    assert "interrupted; nothing is left half done" in said
    assert "Traceback" not in said
    assert earlier.read_text() == "an earlier result"
    assert not partial.exists()


@pytest.mark.skipif(not hasattr(signal, "alarm"), reason="needs SIGALRM")
def test_a_stage_that_is_told_to_end_and_waits_for_what_never_comes_ends_all_the_same(tmp_path):
    script = (
        "import time\n"
        "import pipeline.stage as stage\n"
        "stage.GRACE_SECONDS = 1\n"
        "with stage.plain_errors():\n"
        "    while True:\n"
        "        try:\n"
        "            print('ready', flush=True)\n"  # not before: the signal may come at once
        "            time.sleep(60)\n"
        "        except SystemExit:\n"
        "            pass\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as stage:
        assert stage.stdout.readline() == "ready\n"
        stage.terminate()
        assert stage.wait(30) == -signal.SIGALRM
