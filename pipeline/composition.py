"""`conf/` composed by Hydra: the bytes of `params.yaml`, and what settings a command line has to name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.checking import TARGET, model_name
from pipeline.config import Config, flatten, validate
from pipeline.errors import UserError

CONF = Path("conf")
# Keys that say which file of `conf/` was chosen, or where its folders begin: much follows from each.
_DATA, _ROOT, _MODEL, _INPUTS = "data.name", "data.root", f"model.{TARGET}", "inputs.method"
_BELOW_ROOT = ("data.genuine", "data.fake", "data.masks")


def composed_text(conf: Path = CONF, overrides: Sequence[str] = ()) -> str:
    """Compose and resolve `conf/config.yaml` as DVC does: the bytes that `dvc exp run` would write."""
    return OmegaConf.to_yaml(_composed(conf, overrides))


def composed_config(conf: Path = CONF, overrides: Sequence[str] = ()) -> Config:
    """Return the same, checked. Raises UserError as `pipeline.config.validate` besides."""
    return validate(_composed(conf, overrides))


def choice_of(key: str, text: str) -> str:
    """Return an override that sets `key` to a text, whatever is in it.

    Raises UserError where it holds `${`, which would stand for another value.
    """
    if "${" in text:
        raise UserError(
            f"{key} is {text}, and ${{ begins a reference to another value in the configuration; rename the "
            "folder, or make a link to it under another name"
        )
    return f"{key}={QuotedString(text, Quote.double).with_quotes()}"


def differing(settings: Mapping[str, Any], standard: Mapping[str, Any]) -> dict[str, Any]:
    """Return those settings, dotted, that a command line has to name to have all of them again.

    Args:
        settings: a part of a configuration, nested.
        standard: the whole configuration as it is without any choice.

    Raises UserError where the files that they were chosen from are not in `conf/`.
    """
    asked, usual = flatten(settings), flatten(standard)
    files = {_DATA: "data", _MODEL: "model", _INPUTS: "inputs"}
    named = [key for key in files if key in asked and asked[key] != usual.get(key)]
    choices = [
        f"{files[key]}={model_name({TARGET: asked[key]}) if key == _MODEL else asked[key]}" for key in named
    ]
    for folders in ((_ROOT,), _BELOW_ROOT):  # what lies below the root follows it
        if choices:
            usual = flatten(composed_config(CONF, choices).model_dump())
        moved = [key for key in folders if key in asked and asked[key] != usual.get(key)]
        named += moved
        choices += [choice_of(key, str(asked[key])) for key in moved]
    if choices:
        usual = flatten(composed_config(CONF, choices).model_dump())
    return {key: asked[key] for key in asked if key in named or key not in usual or usual[key] != asked[key]}


def _composed(conf: Path, overrides: Sequence[str]) -> DictConfig:
    if not (conf / "config.yaml").is_file():
        raise UserError(f"{conf / 'config.yaml'} is missing; run this in the repository's root")
    running = GlobalHydra.instance().hydra  # a command of Hydra composes its own configuration only
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf.resolve()), version_base=None):
            composed = compose("config", overrides=list(overrides))
        OmegaConf.resolve(composed)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(f"{conf}/ cannot be composed: {str(error).expandtabs(4)}") from error
    finally:
        GlobalHydra.instance().hydra = running
    return composed
