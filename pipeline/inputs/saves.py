"""Last saves of training pictures: like the dataset's own, or any."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.images.donors import FEWEST
from pipeline.images.jpeg import libjpeg_tables
from pipeline.images.jpeg_parts import take_apart
from pipeline.images.read import read_bytes
from pipeline.images.savings import Jpeg, JpegLike, settings_of
from pipeline.inputs.load import NO_TABLE, Loaded

MOST_LOOKED_AT = 2_000  # fakes of a collection: their settings repeat

Save = JpegLike | Jpeg | None  # None: without loss


class OwnSaves:
    """How the fakes of a training table were saved last, as often as each way occurs.

    What is made in training is saved in these ways, untouched and tampered pictures alike.

    Args:
        fakes: collection -> files of its fakes, as converted.
    """

    def __init__(self, fakes: Mapping[str, Sequence[Path]]) -> None:
        self._found: dict[str, list[Save]] = {name: _saves_of(paths) for name, paths in fakes.items()}
        self._all = [each for found in self._found.values() for each in found] or [None]

    def draw(self, rng: np.random.Generator, collection: str) -> Save:
        """Draw from those of the collection; from all, where it has too few fakes to say."""
        found = self._found.get(collection, [])
        choices = found if len(found) >= FEWEST else self._all
        return choices[int(rng.integers(len(choices)))]


def saved(pixels: np.ndarray, save: Save) -> Loaded:
    """Save (h, w, 3) uint8 and read it again; pixels without loss come back as they are."""
    if save is None:
        return Loaded(pixels, NO_TABLE)
    content = save.save(b"", Image.fromarray(pixels))
    with Image.open(io.BytesIO(content), formats=("JPEG",)) as picture:
        return Loaded(np.asarray(picture), _table_of(save))


def _table_of(save: JpegLike | Jpeg) -> np.ndarray:
    """Give what `luminance_table` would read off the file."""
    table = save.tables[0] if isinstance(save, JpegLike) else libjpeg_tables(save.quality)[0]
    return np.array(table, np.float32).reshape(8, 8)


def draw_jpeg(rng: np.random.Generator, qualities: Sequence[int]) -> Jpeg:
    """Draw a JPEG of libjpeg's, of any quality from the lowest to the highest, colours mostly halved."""
    lowest, highest = qualities
    return Jpeg(int(rng.integers(lowest, highest + 1)), str(rng.choice(["4:4:4", "4:2:0"], p=[0.4, 0.6])))


def _saves_of(paths: Sequence[Path]) -> list[Save]:
    step = max(1, len(paths) // MOST_LOOKED_AT)
    found: list[Save] = []
    for path in paths[::step]:
        parts = take_apart(read_bytes(path))
        settings = settings_of(parts) if parts else None
        if settings is not None or parts is None:  # one that cannot be imitated says nothing
            found.append(settings)
    return found
