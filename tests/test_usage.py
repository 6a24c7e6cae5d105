"""What commands say of themselves: the list of them, `--help`, Hydra's options, completions in a shell."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pipeline import config
from pipeline.calibrate import as_settings
from pipeline.usage import KEYS, WIDTH
from tests.conftest import ROOT
from tests.source_imports import PACKAGE

CONFIGURED = [name for name, keys in KEYS.items() if keys]


def said(*arguments, **environment):
    """What Python prints, from another folder than ours, in a terminal of the usual width."""
    environment = {**os.environ, "COLUMNS": "80", "PYTHONPATH": str(ROOT), **environment}
    answer = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert answer.returncode == 0, answer.stderr
    return answer


@pytest.fixture(scope="module")
def helps():
    """The help of each command, and what Python imported for it."""
    return {name: said("-X", "importtime", "-m", f"pipeline.{name}", "--help") for name in KEYS}


def test_every_command_is_listed():
    programs = {path.stem for path in PACKAGE.glob("*.py") if "if __name__ ==" in path.read_text("utf-8")}
    assert set(KEYS) == programs - {"__main__"}
    listed = said("-m", "pipeline").stdout
    assert re.findall(r"^  (\w+) +[A-Z]", listed, re.MULTILINE) == list(KEYS)
    assert max(map(len, listed.splitlines())) <= WIDTH


def test_make_lists_its_targets_in_80_columns():
    told = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "make repro" in told
    assert max(map(len, told.splitlines())) <= WIDTH


@pytest.mark.parametrize("name", KEYS)
def test_help_is_of_the_command_in_80_columns_with_an_example(helps, name):
    text = helps[name].stdout
    assert max(map(len, text.splitlines())) <= WIDTH
    assert f"    python -m pipeline.{name}" in text
    assert "powered by" not in text
    assert 4 < len(text.splitlines()) < 100


@pytest.mark.parametrize("name", KEYS)
def test_help_imports_nothing_that_takes_time(helps, name):
    imported = set(re.findall(r"\|\s+(\S+)$", helps[name].stderr, re.MULTILINE))
    assert "pathlib" in imported
    slow = {"numpy", "pandas", "sklearn", "scipy", "tensorflow", "mlflow", "optuna", "hydra", "pydantic"}
    assert not imported & {*slow, "yaml", "PIL", "cv2", "onnxruntime", "jinja2", "gradio", "multiprocessing"}


@pytest.mark.parametrize("name", CONFIGURED)
def test_keys_in_a_help_are_those_of_the_configuration_and_say_what_they_mean(helps, name):
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        known = config.flatten(OmegaConf.to_container(compose("config"), resolve=True))
    rows = re.findall(
        r"^  ([a-z_0-9.]+)=(.*?)(?:  +(\S.*))?\n(?: +(\S.*))?", helps[name].stdout, re.MULTILINE
    )
    for key, value, comment, below in rows:
        assert comment or below, key
        if (ROOT / "conf" / key).is_dir():
            assert (ROOT / "conf" / key / f"{value}.yaml").is_file()
        else:
            assert any(key == each or each.startswith(f"{key}.") for each in known), key
    assert rows


def test_a_choice_before_help_shows_its_keys_too(helps):
    row = "  model.dropout=0.5           share of them dropped in training\n"
    assert row not in helps["train"].stdout
    assert row in said("-m", "pipeline.train", "model=cnn", "--help").stdout


@pytest.mark.parametrize("name", CONFIGURED)
def test_the_examples_of_a_help_are_valid(helps, name):
    example = rf"^    python -m pipeline\.{name}(.*?)(?:   .*)?$"  # behind it, apart, what it does
    examples = re.findall(example, helps[name].stdout, re.MULTILINE)
    assert examples
    for example in examples:
        choices = [re.sub(r",.*", "", each) for each in shlex.split(example) if each != "-m"]
        choices = as_settings(choices) if name == "calibrate" else choices
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            config.validate(compose("config", overrides=choices))


@pytest.mark.parametrize("name", ["train", "search"])
def test_hydra_answers_what_is_asked_of_the_configuration(name):
    assert "--multirun" in said("-m", f"pipeline.{name}", "--hydra-help").stdout
    shown = said("-m", f"pipeline.{name}", "--cfg", "job", "--package", "train", "train.epochs=3").stdout
    assert "epochs: 3\n" in shown


@pytest.mark.skipif(os.name == "nt", reason="a shell as POSIX has it")
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("python -m pipeline.se", ["pipeline.search"]),
        ("python -m pipeline.train model=f", ["model=forest", "model=fusion"]),
        ("python -m pipeline.search search.t", ["search.trials="]),
        ("python -m pipeline.predict x", []),
    ],
)
def test_a_shell_completes_commands_keys_and_choices(line, wanted):
    script = f"""
eval "$(python -m pipeline.train -sc install=bash)"
complete -p python > /dev/null || exit 1
COMP_LINE={shlex.quote(line)}; COMP_WORDS=($COMP_LINE); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_pipeline_complete
echo "${{COMPREPLY[@]}}"
"""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    answer = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == wanted
