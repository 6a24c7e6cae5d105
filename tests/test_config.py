import shutil
import sys
import types
from typing import Annotated, Literal

import pytest
from pydantic import Field

from pipeline import params
from pipeline.checking import TARGET, check
from pipeline.config import Evaluate, flatten, validate
from pipeline.errors import UserError
from tests.conftest import ROOT


def example(
    height: int,
    *,
    count: Annotated[int, Field(ge=1, le=10)],
    share: Annotated[float, Field(ge=0, lt=1)] = 0.5,
    sizes: list[int] = (),
    kind: Literal["a", "b"] = "a",
    weights: str | None = None,
    flag: bool = False,
) -> "NotImportedYet":  # noqa: F821
    """As a build function: what it gives back may not be importable when it is checked."""


@pytest.fixture(autouse=True)
def _example_is_a_model(monkeypatch):
    there = types.ModuleType("pipeline.models.example")
    there.build = example
    monkeypatch.setattr(example, "__module__", there.__name__)
    monkeypatch.setitem(sys.modules, there.__name__, there)


def _mistakes(values, **arguments):
    """List those that are found in a model with these arguments."""
    try:
        validate(values | {"model": {TARGET: "pipeline.models.example.build", **arguments}})
    except UserError as error:
        return str(error).split("\n  ")[1:]
    return []


@pytest.mark.parametrize(
    "arguments",
    [
        {"count": 1},
        {"count": 10, "share": 0},
        {"count": 1, "sizes": [1, 2], "kind": "b", "weights": None, "flag": True},
        {"count": 1, "weights": "imagenet"},
    ],
)
def test_what_fits_the_signature_passes(composed_values, arguments):
    assert _mistakes(composed_values, **arguments) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "model.count: found 0, expected a whole number at least 1 and at most 10"),
        ({"count": 2.5}, "model.count: found 2.5, expected a whole number"),
        ({"count": True}, "model.count: found True"),
        ({"count": 1, "share": 1}, "model.share: found 1, expected a number at least 0 and below 1"),
        ({"count": 1, "share": float("nan")}, "model.share: found nan"),
        (
            {"count": 1, "sizes": [1, "2"]},
            "model.sizes: found [1, '2'], expected a list, each a whole number",
        ),
        ({"count": 1, "sizes": 3}, "model.sizes: found 3, expected a list"),
        ({"count": 1, "kind": "c"}, "model.kind: found 'c', expected one of a, b"),
        ({"count": 1, "weights": 3}, "model.weights: found 3, expected a text or null"),
        ({"count": 1, "flag": "yes"}, "model.flag: found 'yes', expected true or false"),
        ({}, "model.count: missing; expected a whole number"),
        ({"count": 1, "hare": 0.1}, "model.hare: no such key; did you mean model.share?"),
        ({"count": 1, "height": 3}, "model.height: no such key"),
    ],
)
def test_what_does_not_fit_is_named_with_what_is_expected(composed_values, arguments, message):
    (mistake,) = _mistakes(composed_values, **arguments)
    assert mistake.startswith(message)
    assert len(_mistakes(composed_values, share=2, kind="c")) == 3  # every one at once


# What is not allowed in the configuration is refused at once, and the message says what is.


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("train.learning_rat", 0.1, "did you mean train.learning_rate?"),
        ("train.learning_rate", -1.0, "train.learning_rate: found -1.0, expected a number above 0"),
        ("train.learning_rate", float("nan"), "expected a number above 0"),
        ("train.learning_rate", "fast", "train.learning_rate: found 'fast', expected a number above 0"),
        ("train.epochs", "3", "train.epochs: found '3', expected a whole number"),
        ("train.epochs", 0, "train.epochs: found 0, expected a whole number at least 1"),
        ("train.fake_fraction", 1.5, "at most 1"),
        ("convert.policy", "equl", "one of raw, tif_only, equal"),
        ("convert", "equal", "convert: found 'equal', expected the keys policy, quality, subsampling"),
        ("split.shares", {"train": 0.5, "test": 0.5}, "expected train, validation and test"),
        ("split.shares", {"train": 0.9, "validation": 0.2, "test": 0.1}, "add up to 1"),
        ("split.shares", {"train": 0.5, "validation": 0.5, "test": 0}, "validation and test must be above 0"),
        ("inputs.augment.rotation", 20.0, "augment.rotation: no such key (allowed here: horizontal_flip"),
        ("inputs.method", "resized", "inputs.augment.tamper: no such key (allowed here: rotation"),
        ("inputs.method", "resize", "inputs.method: found 'resize', expected one of native, resized"),
        ("inputs.height", 100, "at least 8 and at most 4096 and a multiple of 8"),
        ("inputs.rescale", 0.5, "inputs.rescale: no such key"),
        ("preprocess", {"height": 64}, "preprocess.height is inputs.height"),
        ("inputs.augment.quality", [90, 30], "expected the lowest and the highest, from 1 to 100"),
        ("data.collections.sample.rolle", "train", "did you mean data.collections.sample.role?"),
        ("data.collections.sample.role", "testing", "one of train, test"),
        ("data.collections.sample.naming.sorce", "x", "did you mean data.collections.sample.naming.source?"),
        ("colour", "red", "colour: no such key"),
        ("score.name", "../../x", "score.name: found '../../x', expected a text of at most 100 characters"),
        ("score.name", "..", "and not of dots alone"),
        ("data.name", "a\n0.1  genuine", "data.name: found 'a\\n0.1  genuine'"),
        ("data.collections", {"../x": {}}, "data.collections.../x: found such a name, expected without /"),
    ],
)
def test_a_mistake_is_refused_and_the_message_says_what_is_allowed(composed_values, key, value, said):
    *parents, last = key.split(".")
    inner = composed_values
    for parent in parents:
        inner = inner[parent]
    inner[last] = value
    with pytest.raises(UserError) as refusal:
        validate(composed_values)
    assert said in str(refusal.value)


def test_a_missing_key_is_named_with_the_place_to_put_it(composed_values):
    assert validate(composed_values).train.epochs == composed_values["train"]["epochs"]
    del composed_values["train"]["epochs"]
    with pytest.raises(UserError, match=r"train\.epochs: missing; see conf/train/"):
        validate(composed_values)


def test_every_choice_of_every_group_and_every_recipe_is_valid(compose_config):
    for choice in sorted((ROOT / "conf").glob("*/*.yaml")):
        if choice.parent.name != "hydra":
            needed = ["model=cnn"] if choice.stem == "resized" else []
            compose_config(f"{choice.parent.name}={choice.stem}", *needed)


def test_flat_keys_are_those_of_the_command_line():
    nested = {"train": {"epochs": 3, "shares": {"a": 1}}, "seed": 7}
    assert flatten(nested) == {"train.epochs": 3, "train.shares.a": 1, "seed": 7}


def test_a_word_where_a_list_is_wanted_and_settings_that_were_not_composed(compose_config):
    message = r"data\.protocol: found 'jpeg_only', expected a list.*jpeg_only.*data\.protocol=\[…\]"
    with pytest.raises(UserError, match=message):
        compose_config("data.protocol=jpeg_only")
    settings = {"bootstrap": 100, "confidence": 0.9, "robustness": None}
    assert check(Evaluate, settings).bootstrap == 100
    with pytest.raises(UserError, match=r"--confidence: found 95"):
        check(Evaluate, settings | {"confidence": 95}, "--")


@pytest.mark.parametrize(
    ("choices", "epochs", "rate"),
    [
        ([], 3, 0.001),
        (["train.epochs=7"], 7, 0.001),
        (["train=smoke"], 2, 0.002),
        (["model=srm"], 10, 0.002),
        (["model=cnn"], 20, 0.001),
        (["data=folders"], 10, 0.002),
        (["experiment=pretrain", "train.learning_rate=0.5"], 30, 0.5),
        (["experiment=casia", "data=sample"], 30, 0.002),
    ],
)
def test_the_few_epochs_of_a_first_look_are_for_the_sample_alone(compose_config, choices, epochs, rate):
    train = compose_config(*choices).train
    assert (train.epochs, train.learning_rate) == (epochs, rate)


# params.yaml, which DVC compares: an edit in conf/ is never silently ignored.


@pytest.fixture
def conf(tmp_path):
    conf = shutil.copytree(ROOT / "conf", tmp_path / "conf")
    params.write(conf, tmp_path / "params.yaml")
    return conf


@pytest.fixture
def snapshot(conf):
    return conf.parent / "params.yaml"


def replace(path, old, new):
    path.write_text(path.read_text().replace(old, new))


def test_an_edit_in_conf_is_found_and_named_but_in_an_experiment_of_dvc(conf, snapshot, monkeypatch, capsys):
    params.check(ROOT / "conf", ROOT / "params.yaml")
    params.check(conf, snapshot)
    replace(conf / "config.yaml", "seed: 20", "seed: 21")
    with pytest.raises(UserError, match=r"(?s)make params.*seed: 20 in params.yaml, 21 in conf/"):
        params.check(conf, snapshot)
    monkeypatch.setenv("DVC_EXP_NAME", "merry-otter")
    params.check(conf, snapshot)
    assert "seed=20 tests other pictures than seed=21" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "right", "wrong", "said"),
    [
        ("data_model_train/sample_dct_default", "rate: 0.001", "rate: -1", "expected a number above 0"),
        ("model/dct", "filters:", "filtres:", "filtres"),
    ],
)
def test_a_mistake_in_conf_does_not_reach_the_snapshot(conf, snapshot, name, right, wrong, said):
    before = snapshot.read_bytes()
    replace(conf / f"{name}.yaml", right, wrong)
    with pytest.raises(UserError, match=said):
        params.write(conf, snapshot)
    assert snapshot.read_bytes() == before


def test_a_missing_snapshot_says_how_to_make_it_and_a_missing_folder_is_named(conf, snapshot, monkeypatch):
    with pytest.raises(UserError, match="make params"):
        params.check(conf, snapshot.with_name("other.yaml"))
    monkeypatch.chdir(conf.parent)
    replace(conf / "config.yaml", "data: sample", "data: folders")
    params.write(conf, snapshot)
    with pytest.raises(
        UserError, match=r"data\.root is data/raw/folders, and there is no such folder"
    ) as said:
        params.check(conf, snapshot)
    assert str(said.value).count("data.root=…") == 1
    root = conf.parent / "data/raw/folders"
    root.parent.mkdir(parents=True)
    root.write_bytes(b"")
    with pytest.raises(UserError, match=r"data\.root is data/raw/folders, and that is a file \("):
        params.check(conf, snapshot)
    root.unlink()
    for name in ("genuine", "fake", "masks"):
        (root / name).mkdir(parents=True)
        (root / name / "notes.txt").write_text("no picture")
    with pytest.raises(UserError, match=r"data\.genuine is .*, and there is no picture in it"):
        params.check(conf, snapshot)
    (root / "genuine" / "a.jpg").write_bytes(b"")
    with pytest.raises(UserError, match=r"data\.fake is .*, and there is no picture in it"):
        params.check(conf, snapshot)
    (root / "fake" / "a.jpg").write_bytes(b"")
    params.check(conf, snapshot)


# Background: genuine pictures alone.


def test_background_needs_twins_and_has_no_fakes(compose_config):
    mine = "+data.collections.mine={role: background, genuine: /a/mine}"
    config = compose_config(mine)
    assert config.data.collections["mine"].fake is None
    assert compose_config("experiment=pretrain").model["weights"] is None
    for overrides, words in (
        ([mine, "inputs.augment.tamper=0"], "stand beside fakes"),
        ([mine, "inputs=resized", "model=cnn"], "stand beside fakes"),
        (["+data.collections.mine={role: background, genuine: /a, fake: /b}"], "genuine pictures alone"),
        (["+data.collections.mine={role: train, genuine: /a}"], "mine.fake: missing"),
    ):
        with pytest.raises(UserError, match=words):
            compose_config(*overrides)
