"""What must be known of files before anything is planned: how fakes were saved, how many pages there are.

Each file is looked at once. What was found is remembered beside the converted folder together with the
file's stamp, so that a set which has grown by a hundredth costs a hundredth.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import PIL

from pipeline.config import Compute, Convert
from pipeline.conversion.journal import Stamp, is_settled, now_ns, stamp_of
from pipeline.images.encode import JpegLike, settings_of
from pipeline.images.files import BEGINNING_BYTES, Limits, Source, format_of_content
from pipeline.images.jpeg import take_apart
from pipeline.images.read import (
    READING,
    Unreadable,
    count_pages,
    open_picture,
    orientation,
    read_bytes,
    upright_rgb,
)
from pipeline.parallel import map_chunks
from pipeline.storage import write_text

_ALONE = 1024  # files that are looked at before other processes have started
_PROFILE = b"ICC_PROFILE\0"


@dataclass(frozen=True)
class Facts:
    """What was found out about one file.

    Attributes:
        last_save: the settings of a JPEG that can be saved again without change, so that others can be
            saved like it; None for every other file.
        n_pages: pictures in the file.
    """

    last_save: JpegLike | None = None
    n_pages: int = 1


@dataclass(frozen=True)
class _Look:
    path: Path
    at_save: bool
    at_pages: bool
    limits: Limits


def survey(sources: Sequence[Source], settings: Convert, output: Path, compute: Compute) -> dict[str, Facts]:
    """Find out what the settings need to be known, by source path; nothing where they need nothing."""
    fakes, pages = settings.policy == "matched", settings.pages == "all"
    limits = Limits(settings.max_megapixels, settings.max_gib)
    looks = {
        source.source_path: _Look(source.path.absolute(), fakes and source.label == "fake", pages, limits)
        for source in sources
        if pages or (fakes and source.label == "fake")
    }
    made_by = f"fakes={fakes},pages={pages},{limits},reading={READING},pillow={PIL.__version__}"
    memory = output.with_name(f".{output.name}.survey.journal")
    if not looks:
        memory.unlink(missing_ok=True)
        return {}
    known = _read(memory, made_by)
    stamps = {name: stamp_of(look.path) for name, look in looks.items()}
    recorded_ns = now_ns()
    found = {
        name: known[name]
        for name in looks
        if name in known and known[name][0] == stamps[name] and is_settled(known[name][0], known[name][1])
    }
    missing = [name for name in looks if name not in found]
    if missing:
        files = [looks[name] for name in missing]
        for index, facts in map_chunks(_look_at, files, compute, "survey", chunk=64, alone=_ALONE):
            found[missing[index]] = (stamps[missing[index]], recorded_ns, facts)
    if missing or found.keys() != known.keys():
        _write(memory, made_by, {name: found[name] for name in looks})
    return {name: found[name][2] for name in looks}


def _look_at(look: _Look) -> Facts:
    try:
        with look.path.open("rb") as file:
            kind = format_of_content(file.read(BEGINNING_BYTES))
        if look.at_save and kind == "JPEG":
            return Facts(last_save=_last_save(read_bytes(look.path), look.limits))
        if look.at_pages and kind == "TIFF":
            return Facts(n_pages=count_pages(read_bytes(look.path)))
    except (OSError, Unreadable):  # the conversion will say so
        pass
    return Facts()


def _last_save(content: bytes, limits: Limits) -> JpegLike | None:
    """Give the settings of a JPEG whose compressed data can be kept without changing how it looks."""
    parts = take_apart(content)
    settings = settings_of(parts) if parts else None
    if parts is None or settings is None or orientation(open_picture(content, limits)) != 1:
        return None
    if _PROFILE in content:  # reading may convert colours by it, and it will not be there any more
        before, after = (upright_rgb(open_picture(each, limits)) for each in (content, parts.plain()))
        if before.tobytes() != after.tobytes():
            return None
    return settings


_Remembered = tuple[Stamp | None, int, Facts]


def _read(path: Path, made_by: str) -> dict[str, _Remembered]:
    """Give what is remembered; nothing where it was found out in another way."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content["made_by"] != made_by:
            return {}
        donors = [
            JpegLike(**{**each, "tables": tuple(map(tuple, each["tables"]))}) for each in content["donors"]
        ]
        return {
            name: (
                None if stamp is None else Stamp(*stamp),
                recorded_ns,
                Facts(None if donor is None else donors[donor], n_pages),
            )
            for name, (stamp, recorded_ns, donor, n_pages) in content["files"].items()
        }
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return {}


def _write(path: Path, made_by: str, found: dict[str, _Remembered]) -> None:
    donors: dict[JpegLike, int] = {}
    files = {
        name: [
            stamp,
            recorded_ns,
            None if facts.last_save is None else donors.setdefault(facts.last_save, len(donors)),
            facts.n_pages,
        ]
        for name, (stamp, recorded_ns, facts) in found.items()
    }
    content = {"made_by": made_by, "donors": [asdict(donor) for donor in donors], "files": files}
    write_text(path, json.dumps(content, separators=(",", ":")) + "\n")
