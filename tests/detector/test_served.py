"""The logged model behind MLflow's scoring server, asked as its clients ask: by HTTP's JSON."""

import base64
import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from pipeline.config import validate
from pipeline.detector.detector import Detector
from pipeline.detector.served import Serving
from pipeline.errors import UserError
from pipeline.models.build import build
from pipeline.source_closure import copy_closure
from pipeline.tracking import LOADER, signature
from tests.conftest import ROOT
from tests.detector.builders import write_decision, write_trained
from tests.images.odd_files import png_of
from tests.images.pictures import encoded
from tests.servers import free_port

# Keras under TensorFlow 2.21 warns so; and MLflow of its own imports and of what it does not validate.
pytestmark = pytest.mark.filterwarnings("ignore")

PICTURES = [encoded(np.full((64, 48, 3), value, np.uint8), "PNG") for value in (30, 200)]


@pytest.fixture(scope="module", autouse=True)
def mlflow():
    """Import it in spite of what it warns of itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pyfunc.scoring_server
    return mlflow


@pytest.fixture(scope="module")
def logged(tmp_path_factory, mlflow):
    """A detector as MLflow keeps it; gives its folder and that of the detector itself."""
    folder = tmp_path_factory.mktemp("served")
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = validate(compose("config", overrides=["model=srm"]))
    write_trained(folder / "detector", build(config.model, 64, 64), config.inputs)
    write_decision(folder / "detector")
    mlflow.pyfunc.save_model(
        folder / "logged", loader_module=LOADER, data_path=str(folder / "detector"), signature=signature(),
        model_config=Serving().model_dump(), pip_requirements=[],
        code_paths=[str(copy_closure(LOADER, folder / "code"))],
    )  # fmt: skip
    return folder / "logged", folder / "detector"


@pytest.fixture(scope="module")
def by_default(logged, mlflow):
    return mlflow.pyfunc.load_model(str(logged[0]))


def ask(model, *rows):
    """Send rows as a client does; return the answers."""
    return request(model, {"dataframe_records": [*rows]})


def request(model, asked):
    """Send JSON as a client does; return the answers, of JSON that is strict."""
    from mlflow.pyfunc.scoring_server import invocations

    answer = invocations(json.dumps(asked), "application/json", model, model.metadata.get_input_schema())
    assert answer.status == 200

    def no_json(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(answer.response, parse_constant=no_json)["predictions"]


def sent(content):
    return {"image": base64.b64encode(content).decode()}


def test_bytes_get_the_answer_that_files_get(by_default, logged, tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(len(PICTURES))]
    for path, content in zip(paths, PICTURES, strict=True):
        path.write_bytes(content)
    wanted = [each.said for each in Detector.load(logged[1]).verdicts(paths)]
    for each in wanted:
        del each["p_values"]  # a table has no place for them
    assert ask(by_default, *map(sent, PICTURES)) == wanted


def test_a_mixed_batch_is_json_with_a_reason_where_there_is_no_answer(by_default):
    good, bad, none = ask(by_default, sent(PICTURES[0]), sent(b"no picture"), {"image": ""})
    assert good["error"] is None
    assert 0 < good["p_value"] <= 1
    assert good["reason"]
    assert 0 < good["p_value"] <= 1
    for name in ("probability_fake", "verdict", "reason", "p_value"):
        assert bad[name] is None
    assert "no picture of a supported format" in bad["error"]
    assert "no picture" in none["error"]


def test_every_kind_of_request_gets_the_same_answer(by_default):
    texts = [sent(content)["image"] for content in PICTURES]
    wanted = ask(by_default, *map(sent, PICTURES))
    assert all(each["error"] is None for each in wanted)
    for asked in (
        {"dataframe_split": {"columns": ["image"], "data": [[text] for text in texts]}},
        {"inputs": {"image": texts}},
        {"inputs": [{"image": text} for text in texts]},
        {"instances": [{"image": text} for text in texts]},
    ):
        assert request(by_default, asked) == wanted
    for one in ({"inputs": {"image": texts[:1]}}, {"inputs": {"image": texts[0]}}):
        assert request(by_default, one) == wanted[:1]


@pytest.mark.parametrize(
    ("image", "reason"), [(None, "has no picture"), ("a.jpg", "base64"), (3, "found int"), ([], "found list")]
)
def test_a_row_that_is_wrong_costs_no_other(by_default, image, reason):
    good, bad = ask(by_default, sent(PICTURES[0]), {"image": image})
    assert good["error"] is None
    assert reason in bad["error"]


def test_a_wrong_column_is_named(by_default, mlflow):
    with pytest.raises(
        mlflow.exceptions.MlflowException, match=r"missing inputs \['image'\].*extra inputs: \['photo'\]"
    ):
        ask(by_default, {"photo": sent(PICTURES[0])["image"]})


def test_without_a_folder_nothing_is_said_of_any_file(by_default, tmp_path):
    (tmp_path / "there.png").write_bytes(PICTURES[0])
    names = ["/etc/passwd", "/nowhere", "/dev/zero", str(tmp_path / "there.png")]
    answers = ask(by_default, *({"image": "", "path": name} for name in names))
    (error,) = {answer["error"] for answer in answers}
    assert "encoded bytes" in error


@pytest.fixture
def shared(logged, mlflow, tmp_path):
    """A model that may read a folder, and the folder, with what does not belong there."""
    folder = tmp_path / "shared"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "a.png").write_bytes(PICTURES[0])
    (tmp_path / "secret.png").write_bytes(PICTURES[1])
    os.mkfifo(folder / "pipe.png")
    (folder / "zero.png").symlink_to("/dev/zero")
    (folder / "out.png").symlink_to(tmp_path / "secret.png")
    (folder / "ring.png").symlink_to(folder / "ring.png")
    return mlflow.pyfunc.load_model(str(logged[0]), model_config={"pictures": str(folder)}), folder


def test_a_file_of_the_folder_is_answered_as_its_bytes(shared):
    model, folder = shared
    names = ["below/a.png", str(folder / "below" / "a.png"), "below/../below/a.png"]
    by_path = ask(model, *({"image": "", "path": name} for name in names))
    assert by_path == ask(model, sent(PICTURES[0])) * 3
    table = pd.DataFrame({"image": [PICTURES[0], None], "path": [None, "below/a.png"]})
    assert model.predict(table)["error"].isna().all()


OTHERS = ["pipe.png", "zero.png", "out.png", "ring.png", "../secret.png", "/etc/passwd", "below", "gone.png"]


@pytest.mark.parametrize("name", [*OTHERS, "a\0b", "é" * 200])
def test_all_else_gets_one_answer_at_once(shared, name):
    (answer,) = ask(shared[0], {"image": "", "path": name})
    assert answer["error"].startswith("path: there is no picture")


def test_a_folder_that_is_not_there_is_refused_when_the_model_is_loaded(logged, mlflow):
    with pytest.raises(UserError, match=r"model_config\.pictures"):
        mlflow.pyfunc.load_model(str(logged[0]), model_config={"pictures": "/nowhere"})
    with pytest.raises(UserError, match=r"model_config\.max_mib: found -1"):
        mlflow.pyfunc.load_model(str(logged[0]), model_config={"max_mib": -1})


def webp(width, height):
    """The header of a lossless WebP and hardly more: 34 bytes that ask for a canvas."""
    bits = (width - 1) | (height - 1) << 14
    frame = b"VP8L" + struct.pack("<I", 9) + b"\x2f" + struct.pack("<I", bits) + bytes(4)
    return b"RIFF" + struct.pack("<I", 4 + len(frame)) + b"WEBP" + frame


def gif(width, height):
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", width, height, 0, 0, 0)
        + b","
        + struct.pack("<HHHHB", 0, 0, width, height, 0)
    )


BOMBS = {"webp": webp(16383, 16383), "gif": gif(40_000, 40_000), "png": png_of(60_000, 60_000)}


@pytest.mark.parametrize("kind", BOMBS)
def test_few_bytes_cost_no_memory(by_default, kind):
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (answer,) = ask(by_default, sent(BOMBS[kind]))
    assert answer["error"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


def test_the_limits_are_its_own_and_said(logged, mlflow):
    model = mlflow.pyfunc.load_model(str(logged[0]), model_config={"max_megapixels": 0.002, "max_mib": 0.001})
    small = encoded(np.zeros((30, 30, 3), np.uint8), "PNG")
    noise = encoded(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8), "PNG")
    assert [answer["error"] for answer in ask(model, sent(small), sent(small), sent(small))] == [None] * 3
    (large,) = ask(model, sent(PICTURES[0]))
    assert "raise model_config.max_megapixels" in large["error"]
    (heavy,) = ask(model, sent(noise))
    assert "raise model_config.max_mib" in heavy["error"]


ALONE = """
import base64, json, sys
for name in "tensorflow keras hydra dvc sklearn skops matplotlib rich onnx tf2onnx".split():
    sys.modules[name] = None  # whoever imports it fails
import mlflow.pyfunc, pandas
model = mlflow.pyfunc.load_model(sys.argv[1])
import pipeline
answers = model.predict(pandas.DataFrame({"image": [base64.b64decode(each) for each in sys.argv[2:]]}))
print(json.dumps([pipeline.__file__, answers["probability_fake"].tolist()]))
"""


def test_the_logged_model_needs_nothing_of_training_and_brings_its_own_code(logged, tmp_path):
    images = [sent(content)["image"] for content in PICTURES]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(
        [sys.executable, "-c", ALONE, str(logged[0]), *images],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    code, answers = json.loads(ended.stdout.splitlines()[-1])
    assert Path(code).is_relative_to(logged[0])
    wanted = [judged.said["probability_fake"] for judged in Detector.load(logged[1]).verdicts(PICTURES)]
    assert answers == pytest.approx(wanted, abs=1e-4)


# The server itself, as a process.


@pytest.fixture(scope="module")
def server(logged, tmp_path_factory):
    """`mlflow models serve` on loopback; gives its address."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(logged[0])]
    # As in an activated environment: MLflow starts `uvicorn` by its name.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    allowed = json.dumps({"max_mib": 1})
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "SERVING_MODEL_CONFIG": allowed}
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [*command, "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)],
            env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 120
        while not answers(address) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.2)
        assert answers(address), log.read_text(encoding="utf-8")
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(address):
    try:
        with urllib.request.urlopen(f"{address}/ping", timeout=5):
            return True
    except OSError:
        return False


def post(address, asked):
    """Send JSON; return the status and what comes back."""
    request = urllib.request.Request(
        f"{address}/invocations", json.dumps(asked).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


BAD = {"no picture of": b"no picture", "has no picture": b"", "2.0 MiB": bytes(2 * 2**20), "50": BOMBS["png"]}
ROWS = [sent(PICTURES[0]), *map(sent, BAD.values()), sent(PICTURES[1])]
IMAGES = [row["image"] for row in ROWS]
REQUESTS = {
    "dataframe_records": ROWS,
    "dataframe_split": {"columns": ["image"], "data": [[image] for image in IMAGES]},
    "inputs": {"image": IMAGES},
    "instances": ROWS,
}


@pytest.mark.slow
@pytest.mark.parametrize("form", REQUESTS)
def test_a_server_answers_readable_and_unreadable_pictures_in_strict_json(server, logged, form):
    status, text = post(server, {form: REQUESTS[form]})
    assert status == 200, text
    predictions = json.loads(text, parse_constant=pytest.fail)["predictions"]
    readable = Detector.load(logged[1]).verdicts(PICTURES)
    for answer, wanted in zip([predictions[0], predictions[-1]], readable, strict=True):
        assert answer == {name: wanted.said[name] for name in answer}
    for answer, reason in zip(predictions[1:-1], BAD, strict=True):
        assert reason in answer["error"]
        assert answer["verdict"] is None


@pytest.mark.slow
def test_requests_at_one_time_get_the_answer_of_each_alone(server):
    asked = [{"instances": [ROWS[number % 2 * -1]]} for number in range(12)]
    alone = [post(server, each) for each in asked[:2]]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda each: post(server, each), asked)) == alone * 6


@pytest.mark.slow
def test_a_server_names_a_wrong_column_and_lets_no_client_allow_itself_files(server, logged):
    status, text = post(server, {"dataframe_records": [{"photo": IMAGES[0]}]})
    assert status == 400
    assert "missing inputs ['image']" in text
    assert "extra inputs: ['photo']" in text
    asked = {"dataframe_records": [{"image": "", "path": "MLmodel"}]}
    for each in (asked, {**asked, "params": {"pictures": str(logged[0])}}):
        status, text = post(server, each)
        assert status == 200
        assert "pictures are taken as encoded bytes" in text
