"""How cameras, programs and web sites really save JPEGs: settings found in genuine photographs.

`real_saves.csv` beside this file holds facts alone, no picture: the quantisation tables (64 bytes in
hexadecimal, row by row) and the subsampling of some 370 kinds of files of 250 camera models, and how many
photographs had them. What Pillow cannot write (4:4:0, a third table, grey pictures) is not among them.
"""

import csv
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.images.encode import JpegLike

_TABLES = ("luminance", "chrominance")  # columns
_FILE = Path(__file__).with_suffix(".csv")


class RealSaves(NamedTuple):
    """Settings, and how often each is drawn.

    Attributes:
        encoders: one a setting.
        shares: (n,) probability of each.
    """

    encoders: Sequence[JpegLike]
    shares: np.ndarray


@functools.cache
def real_saves() -> RealSaves:
    """Read the table.

    A setting is drawn in proportion to the root of the number of its pictures: of two web sites the table has
    hundreds of pictures each, of most cameras one, and neither shall be all that is seen.

    >>> len(real_saves().encoders) == len(real_saves().shares) > 300
    True
    """
    with _FILE.open(encoding="ascii", newline="") as file:
        rows = list(csv.DictReader(file))
    encoders = [
        JpegLike(tuple(tuple(bytes.fromhex(row[name])) for name in _TABLES), row["subsampling"])
        for row in rows
    ]
    often = np.sqrt([float(row["pictures"]) for row in rows])
    return RealSaves(encoders, often / often.sum())


def draw_real_save(rng: np.random.Generator) -> JpegLike:
    """Draw the settings of a save that a person's camera or program may have made."""
    known = real_saves()
    return known.encoders[int(rng.choice(len(known.encoders), p=known.shares))]
