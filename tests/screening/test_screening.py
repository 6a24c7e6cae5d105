"""An archive is answered whole, each picture once, whatever ends the workers or the work meanwhile."""

import multiprocessing
import os
import shutil
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.config import Compute
from pipeline.detector.detector import Detector
from pipeline.errors import UserError
from pipeline.reports.gallery import draw_map
from pipeline.screening import screening
from pipeline.screening.answers import COLUMNS, UNREADABLE
from pipeline.screening.archive import name_of
from pipeline.screening.ledger import LEDGER
from pipeline.screening.looking import Plan, map_path
from pipeline.screening.screening import LOCK, screen
from pipeline.storage import sole_writer
from tests.detector.builders import BY_NETWORK, reference, write_decision
from tests.images.pictures import on_cores
from tests.screening.conftest import BROKEN, LINES, SCRIPT

DASK = Compute(backend="dask", workers=2, scheduler=None)


@pytest.fixture(scope="module")
def plan(models):
    return Plan(str(models), None, Detector.load(models).about.id, None, None)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(screening, "PART", 6)


def screened(source, output, plan, compute=None, **settings):
    return screen(str(source), output, plan, settings, compute or on_cores(1))


def answers(output):
    return pd.read_parquet(output / "answers").set_index("path")


def parts(output):
    return {path.name: path.read_bytes() for path in (output / "answers").iterdir()}


@pytest.fixture(scope="module")
def done(archive, plan, tmp_path_factory):
    """A screening by one worker, which others must equal to the byte."""
    output = tmp_path_factory.mktemp("screened") / name_of(str(archive))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(screening, "PART", 6)
        progress = screened(archive, output, plan)
    assert progress == (0, 16, 2)
    return output


def test_every_picture_has_a_row_and_what_cannot_be_read_its_reason(archive, done, plan):
    found = answers(done)
    assert list(found.reset_index().columns) == list(COLUMNS)
    assert len(found) == 16
    assert set(parts(done)) == {f"part-0000{number}.parquet" for number in range(3)}
    reasons = found[found["verdict"] == UNREADABLE]["reason"]
    said = {Path(path).name: reason for path, reason in reasons.items()}
    assert set(said) == {BROKEN, "empty.jpg", "photo.cr2"}
    assert said["empty.jpg"] == "the file is empty"
    assert "raw file" in said["photo.cr2"]
    whole = found.drop(reasons.index)
    sizes = whole.loc[f"{archive}/deeper/3.jpg", ["width", "height", "format"]]
    assert sizes.tolist() == [200, 168, "JPEG"]
    assert {f"{archive}/{SCRIPT}", f"{archive}/{LINES}", f"{archive}/caf\\xe9.png"} <= set(whole.index)
    assert set(found["detector"]) == {plan.detector}
    assert whole.loc[f"{archive}/small.png", "verdict"] == "cannot tell"
    told = whole["verdict"] != "cannot tell"
    assert told.sum() >= 9
    assert whole["probability"][told].between(0, 1).all()
    assert whole["probability"][~told].isna().all()


def test_answers_are_those_of_the_detector(archive, done, models):
    said = Detector.load(models).look(archive / "deeper" / "5.jpg").said
    row = answers(done).loc[f"{archive}/deeper/5.jpg"]
    assert row["probability"] == pytest.approx(said["probability_fake"], abs=1e-6)
    assert (row["verdict"], row["reason"]) == (said["verdict"], said["reason"])


@pytest.mark.slow
@pytest.mark.parametrize("compute", [on_cores(4), DASK], ids=["four workers", "Dask"])
def test_the_same_by_other_workers(archive, done, plan, compute, tmp_path):
    screened(archive, tmp_path / "out", plan, compute)
    assert parts(tmp_path / "out") == parts(done)


def test_a_second_call_does_nothing_and_new_pictures_are_added(archive, plan, tmp_path):
    own = shutil.copytree(archive / "deeper", tmp_path / "scans")
    screened(own, tmp_path / "out", plan)
    earlier = parts(tmp_path / "out")
    assert screened(own, tmp_path / "out", plan) == (8, 0, 0)
    assert parts(tmp_path / "out") == earlier
    shutil.copy(archive / "small.png", own)
    assert screened(own, tmp_path / "out", plan) == (8, 1, 0)
    assert parts(tmp_path / "out").items() > earlier.items()
    assert len(answers(tmp_path / "out")) == 9


def test_the_same_bytes_are_looked_at_once(archive, plan, tmp_path, monkeypatch):
    looked_at = Counter()
    remember = screening.Ledger.remember

    def counted(ledger, found):
        looked_at.update(found.keys())
        remember(ledger, found)

    monkeypatch.setattr(screening.Ledger, "remember", counted)
    screened(archive, tmp_path / "out", plan)
    assert set(looked_at.values()) == {1}
    same = answers(tmp_path / "out").groupby("sha256").size()
    assert same.max() == 3
    assert len(looked_at) == len(same)


def test_a_list_with_a_path_twice_and_one_that_is_gone(archive, plan, tmp_path):
    (tmp_path / "list.txt").write_text(
        f"{archive}/copy.jpg\n{archive}/gone.jpg\n{archive}/copy.jpg\n{archive}\n"
    )
    screened(tmp_path / "list.txt", tmp_path / "out", plan)
    found = answers(tmp_path / "out")
    assert len(found) == 3
    assert found.loc[f"{archive}/gone.jpg", "reason"] == "No such file or directory"
    assert found.loc[str(archive), "reason"] == "it is no file"


def test_an_address_is_screened_as_a_folder_is(archive, done, plan, tmp_path):
    screened(f"file://{archive}/deeper", tmp_path / "out", plan)
    found = answers(tmp_path / "out").rename(index=lambda path: path.removeprefix("file://"))
    pd.testing.assert_frame_equal(
        found.sort_index(), answers(done).loc[found.index].sort_index(), check_dtype=False
    )


# What ends workers, and the work.


@pytest.mark.slow
@pytest.mark.parametrize("compute", [on_cores(2), DASK], ids=["here", "Dask"])
def test_the_same_after_a_worker_was_killed(archive, done, plan, compute, tmp_path, monkeypatch):
    killed, remember = [], screening.Ledger.remember

    def remembered(ledger, found):
        remember(ledger, found)
        if not killed:  # the first answers have come
            killed.append(multiprocessing.active_children()[0].pid)
            os.kill(killed[0], signal.SIGKILL)

    monkeypatch.setattr(screening.Ledger, "remember", remembered)
    screened(archive, tmp_path / "out", plan, compute)
    assert killed
    assert parts(tmp_path / "out") == parts(done)


def draw_or_die(pixels, blocks):
    """As a decoder that crashes, or a picture that takes all memory: its process ends."""
    if pixels.shape[:2] == (168, 200):
        os.kill(os.getpid(), signal.SIGKILL)
    return draw_map(pixels, blocks, 100)


@pytest.fixture
def suspicious(models, tmp_path):
    """A detector that calls all pictures fake."""
    own = shutil.copytree(models, tmp_path / "suspicious")
    write_decision(own, replace(BY_NETWORK, tests={"network": reference(np.arange(-900.0, -800.0))}))
    return own


def test_a_picture_that_ends_its_worker_gets_a_row_and_the_others_their_maps(archive, suspicious, tmp_path):
    output = tmp_path / "out"
    about = Detector.load(suspicious).about
    plan = Plan(str(suspicious), None, about.id, str(output / "maps"), draw_or_die)
    screened(archive / "deeper", output, plan, on_cores(2), maps=True)
    found = answers(output)
    lost = found.loc[f"{archive}/deeper/3.jpg"]
    assert (lost["verdict"], lost["reason"][:40]) == (UNREADABLE, "the process that looked at it was ended ")
    others = found.drop(f"{archive}/deeper/3.jpg")
    assert set(others["verdict"]) == {"fake"}
    assert all(map_path(output / "maps", sha256).is_file() for sha256 in others["sha256"])
    assert not map_path(output / "maps", lost["sha256"]).exists()


def test_a_folder_that_disappears_stops_it_and_it_goes_on_when_that_is_back(
    archive, done, plan, tmp_path, monkeypatch
):
    away, write = archive.with_name("away"), screening.write_part

    def written(*part):
        write(*part)
        archive.rename(away)

    with monkeypatch.context() as patched:
        patched.setattr(screening, "write_part", written)
        with pytest.raises(UserError, match="is gone; see that it is there again"):
            screened(archive, tmp_path / "out", plan)
    away.rename(archive)
    assert len(answers(tmp_path / "out")) == 6
    assert screened(archive, tmp_path / "out", plan).earlier == 6
    assert parts(tmp_path / "out") == parts(done)


def test_a_ledger_that_is_damaged_or_gone_is_made_anew_from_the_parts(archive, done, plan, tmp_path):
    output = shutil.copytree(done, tmp_path / "out")
    for spoil in (lambda path: path.write_bytes(b"x" * 9_000), Path.unlink):
        spoil(output / LEDGER)
        assert screened(archive, output, plan).now <= 1  # the name that is no UTF-8 is told by it alone


def test_a_part_that_was_removed_is_made_again(archive, done, plan, tmp_path):
    output = shutil.copytree(done, tmp_path / "out")
    (output / "answers" / "part-00001.parquet").unlink()
    assert screened(archive, output, plan) == (10, 6, 2)
    pd.testing.assert_frame_equal(answers(output).sort_index(), answers(done).sort_index())


# What is refused.


def test_another_detector_or_other_settings_in_one_folder_are_refused(archive, done, plan):
    with pytest.raises(
        UserError, match=r"holds a screening by detector .*is one by detector other; name anoth"
    ):
        screened(archive, done, plan._replace(detector="other"))
    with pytest.raises(UserError, match=r"without maps.*is one with maps"):
        screened(archive, done, plan, maps=True)
    with pytest.raises(UserError, match=f"holds a screening of {archive},.* is one of {archive}/deeper"):
        screened(archive / "deeper", done, plan)


def test_two_screenings_in_one_folder_and_folders_of_others_are_refused(archive, done, plan, tmp_path):
    with (
        sole_writer(done, done / LOCK),
        pytest.raises(UserError, match="is being written by another process"),
    ):
        screened(archive, done, plan)
    (tmp_path / "thesis.doc").write_text("mine")
    with pytest.raises(UserError, match=r"holds thesis\.doc and no screening"):
        screened(archive, tmp_path, plan)


def test_an_archive_without_a_picture_is_said(plan, tmp_path):
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "notes.txt").write_text("")
    with pytest.raises(UserError, match="holds no picture"):
        screened(tmp_path / "scans", tmp_path / "out", plan)


def test_a_detector_that_was_exchanged_meanwhile_is_said(archive, plan, tmp_path):
    with pytest.raises(UserError, match="another one here"):
        screened(archive, tmp_path / "out", plan._replace(detector="earlier"))
