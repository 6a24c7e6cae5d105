"""What an augmentation reads besides the converted pictures; fast, imports nothing of the field."""

from pipeline.config import Augment


def needs_sources(augment: Augment) -> bool:
    """Say whether genuine training pictures are read as they were handed in."""
    return bool(augment.tamper or augment.matched_saves or augment.handed_in)
