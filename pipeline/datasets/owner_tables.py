"""The owner's tables and lists of pictures, matched with the pictures that are there.

People write such tables on another machine, with backslashes, without folders or without endings. A row is
matched with the one picture that it can mean; what applies to nothing is refused, what applies to few is
said.
"""

import logging
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from pipeline.errors import UserError
from pipeline.images.files import Source, format_of_name
from pipeline.storage import other_spelling

LOG = logging.getLogger(__name__)
NAMED = 3  # rows in a message
_FEW = 0.5  # share of the names, below which a rule that applies to some is a warning


def composed(name: str) -> str:
    r"""Return a name with its accents in one character each: as macOS writes it and others do are one.

    >>> composed("Cafe\u0301") == "Caf\u00e9"
    True
    """
    return unicodedata.normalize("NFC", name)


class Finder:
    """Finds the pictures that a path of somebody's table may mean."""

    def __init__(self, sources: Sequence[Source], folders: Mapping[tuple[str, str], Path]) -> None:
        """Take the pictures, and their class folders by (collection, label)."""
        self._full = [_parts(str(source.path.absolute())) for source in sources]
        # How another machine's path of it ends: as in our tables, or from its class folder on
        self._ends = []
        self._by_name: dict[str, list[int]] = defaultdict(list)
        for number, (source, full) in enumerate(zip(sources, self._full, strict=True)):
            folder = folders[source.collection, source.label]
            below = source.path.relative_to(folder)
            short = _parts(f"{folder.absolute().name}/{below.as_posix()}")
            self._ends.append((_parts(source.source_path), short))
            for name in {full[-1], _without_ending(full[-1])}:
                self._by_name[name.casefold()].append(number)

    def find(self, text: str) -> list[int]:
        """Return the numbers of the pictures that a path may mean.

        They end as `text` does, whole names of folders and file compared; or `text`, of another machine, ends
        as they do from their class folder on. Names are alike in any case and form of accents where no
        picture is written in the very same way; a backslash parts folders where no name has it.
        """
        for way in dict.fromkeys((text, text.replace("\\", "/"))):
            if (parts := _parts(way)) and (found := self._ending_as(parts)):
                exact = [number for number in found if self._full[number][-1] == parts[-1]]
                return exact or found
        return []

    def _ending_as(self, parts: tuple[str, ...]) -> list[int]:
        wanted = _folded(parts)
        candidates = self._by_name.get(wanted[-1], [])
        found = [number for number in candidates if _ends(self._full[number], wanted)]
        for each in (0, 1):
            found = found or [
                number for number in candidates if _ends(wanted, _folded(self._ends[number][each]))
            ]
        return found


def _ends(path: Sequence[str], with_: Sequence[str]) -> bool:
    """Tell whether a path ends with another, whose last name may lack its ending, or the first one's may."""
    end = _folded(path[-len(with_) :])
    if len(end) != len(with_) or end[:-1] != tuple(with_[:-1]):
        return False
    return (
        end[-1] == with_[-1] or with_[-1] == _without_ending(end[-1]) or end[-1] == _without_ending(with_[-1])
    )


def _folded(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(part.casefold() for part in parts)


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in composed(path.strip()).split("/") if part not in {"", "."})


def _without_ending(name: str) -> str:
    path = Path(name)
    return path.stem if format_of_name(path) else name


def match_known_groups(
    where: str | None, sources: Sequence[Source], folders: Mapping[tuple[str, str], Path]
) -> dict[int, str]:
    """Return the known group of pictures, by their number in `sources`.

    Args:
        where: CSV with the columns `path` and `group`: pictures that belong together, as of one burst, one
            scene, one published group. None: there is none. One that is not there is logged: the pictures
            may be there without it.
        sources: the pictures.
        folders: their class folders, by (collection, label).

    Raises:
        UserError: it is no such table, none of its rows fits a picture, or it puts one into two groups.
    """
    if where is None:
        return {}
    rows = _read_groups(Path(where))
    finder = Finder(sources, folders)
    groups: dict[int, str] = {}
    unmatched: list[str] = []
    for path, group in rows:
        found = finder.find(path)
        if len(found) != 1:
            unmatched.append(f"{path} ({len(found)} pictures fit)" if found else path)
            continue
        if groups.setdefault(found[0], group) != group:
            raise UserError(
                f"data.known_groups is {where}, which puts {sources[found[0]].source_path} into 2 "
                "groups; write it once, or give both groups one name"
            )
    if unmatched:
        words = f"data.known_groups is {where}: {len(unmatched):,} of its {len(rows):,} rows fit no picture"
        named = ", ".join(unmatched[:NAMED]) + (", …" if len(unmatched) > NAMED else "")
        if not groups:
            example = sources[0].source_path if sources else "genuine/a.jpg"
            raise UserError(
                f"{words} ({named}); expected paths of pictures, absolute, below data.root or ends of "
                f"these: {example}; data.known_groups=null does without"
            )
        LOG.warning("%s, the first: %s; %s pictures have a known group", words, named, f"{len(groups):,}")
    return groups


def _read_groups(path: Path) -> list[tuple[str, str]]:
    if path.exists() and not path.is_file():
        raise UserError(f"data.known_groups is {path}, which is no file; expected a CSV of path and group")
    if not path.exists() and (there := other_spelling(path)):
        raise UserError(f"data.known_groups is {path}, and {there} is there: write it as it is")
    try:
        content = path.read_bytes()
        encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        header = content.decode(encoding).partition("\n")[0]
        part = next((each for each in "\t;" if each in header and "," not in header), ",")
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding=encoding, sep=part)
        for wanted in ("path", "group"):
            written = [name for name in table.columns if name.strip().casefold() == wanted]
            if written and wanted not in written:
                table = table.rename(columns={written[0]: wanted})
        table = table.apply(lambda column: column.str.strip() if column.name == "group" else column)
    except FileNotFoundError:
        LOG.info(
            "data.known_groups: %s is not there; pictures are grouped by names, bytes, pixels and looks", path
        )
        return []
    except (OSError, ValueError) as error:  # what pandas raises for broken tables are ValueErrors
        raise UserError(
            f"data.known_groups is {path}, which cannot be read as CSV ({error}); expected the columns path "
            "and group"
        ) from error
    if missing := [column for column in ("path", "group") if column not in table.columns]:
        raise UserError(
            f"data.known_groups is {path}, which has no column {' and '.join(missing)}; expected path (of a "
            "picture, absolute or below data.root) and group"
        )
    table = table[table["group"] != ""]
    if table.empty:
        raise UserError(
            f"data.known_groups is {path}, in which no picture has a group; fill the column group"
        )
    return list(zip(table["path"], table["group"], strict=True))


def check_applies(key: str, pattern: str, fits: Sequence[bool], names: Sequence[str]) -> None:
    """Raise UserError where a rule on names fits none of them; log where it fits less than half.

    Args:
        key: of the rule in the configuration.
        pattern: the rule.
        fits: of each name, whether the rule says something of it.
        names: of the pictures, without endings.
    """
    without = [name for name, fitting in zip(names, fits, strict=True) if not fitting]
    if not without:
        return
    named = ", ".join(without[:NAMED]) + (", …" if len(without) > NAMED else "")
    if len(without) == len(names):
        raise UserError(
            f"{key} is {pattern!r}, which fits none of {len(names):,} names ({named}); correct the pattern, "
            "or leave it out where names tell no source"
        )
    if len(names) - len(without) < _FEW * len(names):
        LOG.warning(
            "%s fits %s of %s names; the first without: %s",
            key, f"{len(names) - len(without):,}", f"{len(names):,}", named,
        )  # fmt: skip
