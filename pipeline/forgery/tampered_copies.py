"""Tampered copies of whole photographs, saved as these were: what is found in them tells what would be found.

They are made as `experiment=pretrain` makes them by hand, each from a photograph and another one of the same
list.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.forgery.operations import tamper_at_random
from pipeline.images.encode import Encoder, Png, settings_of, take_apart
from pipeline.images.read import Picture, read
from pipeline.storage import write_bytes


def write_tampered_copy(path: Path, donor: Path, seed: Sequence[int], target: Path) -> Path:
    """Tamper with the photograph at `path`, and save it with the settings that it was saved with.

    Args:
        path: of a genuine photograph.
        donor: another one, of which a splice takes something.
        seed: of every choice.
        target: where to, without an ending: a JPEG becomes one, all else a PNG.

    Returns:
        the file written.

    Raises:
        Unreadable: one of the photographs is none.
    """
    host = read(path)
    rng = np.random.default_rng(list(seed))
    forged = tamper_at_random(rng, host.pixels, read(donor).pixels, by_hand=True)
    encoder = _encoder_of(host)
    written = target.with_suffix(encoder.ending or path.suffix)
    write_bytes(written, encoder.save(b"", Image.fromarray(forged.pixels)))
    return written


def _encoder_of(picture: Picture) -> Encoder:
    parts = take_apart(picture.content) if picture.format == "JPEG" else None
    return (settings_of(parts) if parts else None) or Png()
