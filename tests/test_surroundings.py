"""What the user's machine has set for other programs changes nothing, and names do nothing to a terminal."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.predict import _line
from pipeline.surroundings import printable, printable_json, printable_lines
from tests.conftest import ROOT


def run(script, *arguments, **environment):
    """Run Python code as a process of its own, with Python's and our warnings shown; return its output."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    ended = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode(errors="replace")
    return ended.stdout.decode(environment.get("PYTHONIOENCODING", "utf-8"))


FROM_ONE_SEED = """
import hashlib, json, sys
from pipeline.stage import plain_errors, start_tensorflow
with plain_errors():
    start_tensorflow()
    import keras
    from pipeline.models.build import build
    keras.utils.set_random_seed(3)
    network = build(json.loads(sys.argv[1]), 64, 64)
    digest = hashlib.sha256(b"".join(each.tobytes() for each in network.get_weights())).hexdigest()
    print(json.dumps([digest, [layer.get_config() for layer in network.layers[:4]], keras.config.epsilon()]))
"""


def test_keras_is_as_it_is_without_the_users_settings(tmp_path, compose_config):
    spec = json.dumps(compose_config("model=cnn", "inputs=resized").model)
    settings = {
        "backend": "torch",
        "image_data_format": "channels_first",
        "floatx": "float16",
        "epsilon": 0.1,
    }
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(json.dumps({**settings, "epsilon": 0.1}))
    theirs = {"KERAS_BACKEND": "jax", "KERAS_MAX_EPOCHS": "1"}
    ours = run(FROM_ONE_SEED, spec, HOME=str(tmp_path / "nobody"))
    assert json.loads(ours)[2] == 1e-7
    assert run(FROM_ONE_SEED, spec, HOME=str(tmp_path), **theirs) == ours
    assert run(FROM_ONE_SEED, spec, HOME=str(tmp_path), TF_USE_LEGACY_KERAS="1") == ours


CHART = """
import hashlib
from pipeline.stage import plain_errors
with plain_errors():
    from pipeline.reports.rendering import draw, new_chart
    with new_chart(3, 2) as chart:
        axes = chart.subplots()
        axes.plot([1, 2, 3])
        axes.set_title("a $ and a — dash")
    print(hashlib.sha256(draw(chart).encode()).hexdigest())
"""


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "TkAgg", "nonsense"])
def test_charts_are_the_same_whatever_matplotlib_was_told(tmp_path, backend):
    folder = tmp_path / ".config" / "matplotlib"
    folder.mkdir(parents=True)
    (folder / "matplotlibrc").write_bytes("text.usetex: True\naxes.facecolor: red # é\n".encode("latin-1"))
    plain = run(CHART, HOME=str(tmp_path / "nobody"))
    told = {"MPLBACKEND": backend, "MPLCONFIGDIR": str(folder), "MATPLOTLIBRC": str(folder)}
    assert run(CHART, **told) == plain


SAYS = """
import logging, sys
from pipeline.stage import plain_errors
with plain_errors():
    print("0.76 (.70–.81) · 4 × 4 ≥ ± … Ωmega 北\\udcff.jpg")
    logging.getLogger("pipeline").warning("北 – \\x1b[2K")
"""


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("ascii", r"0.76 (.70-.81) . 4 x 4 >= +- ... \u03a9mega \u5317\udcff.jpg"),
        ("latin-1", "0.76 (.70-.81) · 4 × 4 >= ± ... \\u03a9mega \\u5317\\udcff.jpg"),
        ("utf-8", "0.76 (.70–.81) · 4 × 4 ≥ ± … Ωmega 北\\udcff.jpg"),
    ],
)
def test_what_a_terminal_cannot_show_is_written_as_it_can(encoding, said):
    assert run(SAYS, PYTHONIOENCODING=encoding) == said + "\n"


@pytest.mark.parametrize("name", ["predict", "compare", "runs", "params", "convert", "search", "__main__"])
def test_help_is_shown_on_a_terminal_without_utf8(name):
    command = [sys.executable, "-m", f"pipeline.{name}", "--help"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    ended = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"python -m pipeline" in ended.stdout


NAMES = st.text(st.characters() | st.sampled_from("\x1b\r\n\x9b\u202e\udcff"))


@given(NAMES)
def test_no_name_acts_on_a_terminal_or_makes_a_line_of_its_own(name):
    shown = printable(name)
    assert not set(shown) & {*map(chr, range(32)), *map(chr, range(0x7F, 0xA0)), "\u202e", "\u2066", "\u2028"}
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")


@given(NAMES, NAMES)
def test_what_a_name_adds_to_a_message_is_indented(before, name):
    first, *others = printable_lines(f"{before}{name}").split("\n")
    assert printable(first) == first
    assert all(line.startswith(" ") or not line for line in others)


@given(NAMES)
def test_json_means_the_same_when_it_is_printable(name):
    shown = printable_json({"path": name})
    assert json.loads(shown) == {"path": name}
    assert not set(shown) & set("\x1b\x9b\u202e\udcff")


@pytest.mark.parametrize("error", [{}, {"error": "\nphoto.jpg  0.0100  genuine"}], ids=["verdict", "error"])
def test_a_picture_has_one_line_whatever_its_name(error):
    name = "a.jpg\x1b[1A\rphoto.jpg  0.0100  genuine\nphoto.jpg  0.0100  genuine"
    line = _line({"path": name, "probability_fake": 0.9, "verdict": "fake", "reason": "network", **error}, 10)
    assert printable(line) == line


def test_what_reads_the_output_may_end_first():
    script = (
        "from pipeline.stage import plain_errors\n"
        "with plain_errors():\n"
        "    for _ in range(100_000):\n"
        "        print('a line')\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", script], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"a line\n"
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141


WARNS = """
import warnings
from pipeline.stage import plain_errors
with plain_errors():
    warnings.warn("of a library", DeprecationWarning)
    warnings.warn("of another", UserWarning)
    print("done")
"""


@pytest.mark.parametrize("action", ["error", "default", "always::DeprecationWarning"])
def test_warnings_of_libraries_are_no_errors(action):
    assert run(WARNS, PYTHONWARNINGS=action) == "done\n"


LOADS_KERAS = """
import os, sys
from pipeline.stage import plain_errors, start_tensorflow
with plain_errors():
    start_tensorflow()
    from keras.utils import get_file
    print(get_file("weights.h5", "http://127.0.0.1:9/weights.h5", cache_subdir="models"))
    print(os.environ.get("KERAS_HOME"))
"""


@pytest.mark.parametrize(
    "settings", ['{"floatx": "float8"}', '{"nnx_enabled": true}', "[]"], ids=["floatx", "nnx", "list"]
)
@pytest.mark.parametrize("named", [True, False], ids=["named", "home"])
def test_a_file_that_keras_refuses_is_not_read_and_cached_weights_are_found(tmp_path, settings, named):
    home = tmp_path / ".keras"
    (home / "models").mkdir(parents=True)
    (home / "keras.json").write_text(settings)
    (home / "models" / "weights.h5").write_bytes(b"cached")
    theirs = {"KERAS_HOME": str(home)} if named else {"HOME": str(tmp_path)}
    said = run(LOADS_KERAS, **theirs).splitlines()
    assert said == [str(home / "models" / "weights.h5"), str(home) if named else "None"]
    assert (home / "keras.json").read_text() == settings


STARTS = """
from pipeline.stage import start_tensorflow
start_tensorflow()
print("started")
"""


def test_flags_of_compilers_do_not_end_the_process():
    assert run(STARTS, TF_XLA_FLAGS="--junk", TF_JITRT_FLAGS="--junk") == "started\n"  # either would end it
