"""The configuration that users have, for benchmarks that run parts of the pipeline."""

from pathlib import Path

from hydra import compose, initialize_config_dir

from pipeline.config import Config, validate

ROOT = Path(__file__).parents[1]


def composed(*overrides: str) -> Config:
    """Compose conf/ with overrides, as every command does."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return validate(compose("config", overrides=list(overrides)))
