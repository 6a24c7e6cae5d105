"""Which cameras and programs the quantisation tables of a JPEG have been seen with.

`known_tables.csv` beside this file holds facts alone, no picture: a hash of the luminance and the chrominance
table, the subsampling, in how many photographs they were found, and the cameras and programs that these files
name (up to six; EXIF survives many saves, so a camera may stand there for a program that saved after it).
They are those of `pipeline/inputs/real_saves.csv` whose files name anybody.
"""

import csv
import functools
import hashlib
from pathlib import Path
from typing import NamedTuple

from pipeline.images.jpeg import JpegHeader

_FILE = Path(__file__).with_suffix(".csv")


class SeenWith(NamedTuple):
    """Who saves with some tables: in how many photographs, and the cameras and programs named there."""

    pictures: int
    cameras: tuple[str, ...]
    programs: tuple[str, ...]


def table_key(header: JpegHeader) -> str:
    """Return the name of a header's tables in `known_tables.csv`: 16 digits of their SHA-256."""
    both = b"".join(bytes(min(value, 255) for value in table) for table in header.tables[:2])
    return hashlib.sha256(both).hexdigest()[:16]


def seen_with(header: JpegHeader) -> SeenWith | None:
    """Return who saves with the tables and the subsampling of a JPEG; None where nobody known does."""
    return _known().get((table_key(header), header.subsampling))


def words_of_tables(header: JpegHeader) -> str:
    """Say whose quantisation tables a JPEG has.

    >>> from pipeline.images.jpeg import libjpeg_tables
    >>> words_of_tables(JpegHeader(libjpeg_tables(90), "4:4:0", 0.5, False, 90, True))
    "libjpeg's own of quality 90: most programs and web sites write them, and some phones."
    """
    if header.exact:
        whose = (
            f"libjpeg's own of quality {header.quality}: most programs and web sites write them, and some "
            "phones."
        )
    else:
        whose = (
            f"Not libjpeg's (its quality {header.quality} is nearest): cameras, phones, Photoshop and some "
            "web sites have tables of their own."
        )
    known = seen_with(header)
    if known is None:
        return whose
    named = [
        f"{kind} {', '.join(names)}"
        for kind, names in (("the programs", known.programs), ("the cameras", known.cameras))
        if names
    ]
    files = "one file that names" if known.pictures == 1 else f"{known.pictures:,} files that name"
    return f"{whose} Seen before in {files} {' and '.join(named)}, among others."


@functools.cache
def _known() -> dict[tuple[str, str], SeenWith]:
    known: dict[tuple[str, str], SeenWith] = {}
    with _FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key = row["tables"], row["subsampling"]
            earlier = known.get(key, SeenWith(0, (), ()))
            cameras, programs = (
                tuple(dict.fromkeys([*before, *filter(None, row[name].split("; "))]))
                for before, name in ((earlier.cameras, "cameras"), (earlier.programs, "software"))
            )
            known[key] = SeenWith(earlier.pictures + int(row["pictures"]), cameras, programs)
    return known
