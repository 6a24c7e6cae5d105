"""The answers of a screening, as a Parquet dataset: a file a part, each whole or not there at all."""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.storage import read_json, unbroken, write_bytes, write_json

ANSWERS = "answers"  # folder of the parts, which readers of Parquet take as one table
SETTINGS = "screening.json"
COLUMNS = ("path", "sha256", "probability", "verdict", "reason", "width", "height", "format", "detector")
UNREADABLE = "unreadable"  # the verdict on what is no whole picture; the reason says why
_OF_CONTENT = ("probability", "verdict", "reason", "width", "height", "format")
_AGAIN = "remove it, and start the same command again: its pictures are looked at anew"
_WORDS = {"source": "of {}", "detector": "by detector {}", "false_alarms": "at a false-alarm rate of {}"}


def require_own(output: Path) -> None:
    """Raise UserError where a folder holds something, and no screening."""
    if output.is_dir() and not (output / SETTINGS).is_file():
        others = sorted(each.name for each in output.iterdir() if not each.name.startswith("."))
        if others:
            raise UserError(
                f"{output} holds {others[0]} and no screening ({SETTINGS} missing); name another --output"
            )


def settle(output: Path, settings: Mapping[str, Any]) -> None:
    """Note what a new screening is of, or find that the one in `output` is the same.

    Raises:
        UserError: it is of other pictures, by another detector or with other settings.
    """
    path = output / SETTINGS
    if not path.is_file():
        write_json(path, settings)
        return
    there = read_json(path, "name another --output, or remove the folder")
    unlike = [key for key in settings if there.get(key) != settings[key]]
    if unlike:
        found = ", ".join(_told(key, there.get(key)) for key in unlike)
        asked = ", ".join(_told(key, settings[key]) for key in unlike)
        raise UserError(
            f"{output} holds a screening {found}, and what is asked for is one {asked}; name another "
            "--output for it, or remove the folder to begin anew"
        )


def _told(key: str, value: Any) -> str:
    if key == "maps":
        return "with maps" if value else "without maps"
    return _WORDS.get(key, f"with {key} {{}}").format(value)


def part_path(output: Path, part: int) -> Path:
    """Return where a part lies.

    >>> part_path(Path("screened/scans"), 7).as_posix()
    'screened/scans/answers/part-00007.parquet'
    """
    return output / ANSWERS / f"part-{part:05}.parquet"


def parts_there(output: Path) -> list[int]:
    """List the parts of a screening, sorted."""
    found = (re.fullmatch(r"part-(\d+)\.parquet", path.name) for path in (output / ANSWERS).glob("part-*"))
    return sorted(int(each[1]) for each in found if each)


def write_part(output: Path, part: int, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a part; the same bytes for the same rows."""
    import pyarrow
    from pyarrow import parquet

    kinds = {"probability": pyarrow.float64(), "width": pyarrow.int32(), "height": pyarrow.int32()}
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in COLUMNS])
    file = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(list(rows), schema), file)
    write_bytes(part_path(output, part), file.getvalue())


def read_part(output: Path, part: int, columns: Sequence[str] = COLUMNS) -> list[dict[str, Any]]:
    """Read the rows of a part.

    Raises:
        UserError: it is broken.
    """
    from pyarrow import parquet

    path = part_path(output, part)
    with unbroken(path, _AGAIN):
        rows: list[dict[str, Any]] = parquet.read_table(path).select(list(columns)).to_pylist()
        return rows


def row(path: str, detector: str, sha256: str | None, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a picture: what is known of its content, under its name."""
    return {"path": path, "sha256": sha256, **{name: answer.get(name) for name in _OF_CONTENT}} | {
        "detector": detector
    }


def answer_in(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row says of the content of a picture."""
    return {name: row[name] for name in _OF_CONTENT}


def unreadable(reason: str) -> dict[str, Any]:
    """Return the answer where a picture cannot be read."""
    return {**dict.fromkeys(_OF_CONTENT), "verdict": UNREADABLE, "reason": reason}
