"""Shared by all tests: the composed configuration, and where the real pictures are."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pipeline.config import validate

ROOT = Path(__file__).parents[1]


@pytest.fixture
def compose_config():
    """Compose conf/ with overrides and check it, as every command does."""

    def composed(*overrides):
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            return validate(compose("config", overrides=list(overrides)))

    return composed


@pytest.fixture
def composed_values():
    """conf/ composed to plain values, to be changed and checked."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return OmegaConf.to_container(compose("config"), resolve=True)


@pytest.fixture(scope="session")
def real_pictures():
    """The folder of real pictures, where there is one beside the checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real pictures at {folder}")
    return folder
