"""What a picture's name says: the pictures that it was made from, and the kind of forgery.

CASIA writes the sources into the name: `Tp_D_CRN_S_N_cha00063_art00014_11818.tif` was made from
`Au_cha_00063` and `Au_art_00014`. Other datasets do it in their own way or not at all, so the rule is a
regular expression in the configuration.
"""

import itertools
import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from pipeline import config_data
from pipeline.datasets.owner_tables import NAMED, Finder, composed
from pipeline.datasets.tables import SPLITS
from pipeline.errors import UserError

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class NamingRule:
    """A compiled `config_data.Naming`."""

    namespace: str  # written before each id; collections with one namespace hold the same pictures
    # Pattern with the groups `number` and, if need be, `category`; None: names tell no source
    source: re.Pattern[str] | None
    # Kind of forgery -> pattern on the stem, tried in this order
    subsets: tuple[tuple[str, re.Pattern[str]], ...]

    def source_ids(self, stem: str) -> tuple[str, ...]:
        """Return the sources in a name without its ending, sorted, each once.

        Numbers lose their leading zeros, because CASIA 1 writes `ani0001` where CASIA 2 writes
        `ani00001`; a "number" with letters in it is taken as it stands.

        >>> rule = NamingRule("casia", re.compile("(?P<category>[a-z]{3})(?P<number>[0-9]{5})"), ())
        >>> rule.source_ids("Tp_D_CRN_S_N_cha00063_art00014_11818")
        ('casia:art14', 'casia:cha63')
        """
        if self.source is None:
            return ()
        ids = set()
        for match in self.source.finditer(stem):
            number = match["number"]
            plain = str(int(number)) if number.isdecimal() else number
            ids.add(f"{self.namespace}:{match.groupdict().get('category') or ''}{plain}")
        return tuple(sorted(ids))

    def subset(self, stem: str) -> str:
        """Return the kind of forgery; "" where no pattern tells it."""
        return next((name for name, pattern in self.subsets if pattern.search(stem)), "")


NO_RULE = NamingRule(namespace="", source=None, subsets=())


def compile_naming(naming: config_data.Naming | None, key: str) -> NamingRule:
    """Check and compile the rule at `key` of the configuration; None is the rule that finds nothing.

    Raises:
        UserError: a pattern is no regular expression, or `source` has no group `number`.
    """
    if naming is None:
        return NO_RULE
    source = None if naming.source is None else compile_pattern(naming.source, f"{key}.source")
    if source is not None and "number" not in source.groupindex:
        raise UserError(
            f"{key}.source is {naming.source!r} and has no group `number`; write the part that tells "
            "pictures apart as (?P<number>…), for example (?P<category>[a-z]+)(?P<number>[0-9]+)"
        )
    if not naming.namespace or {":", "|"} & set(naming.namespace):
        raise UserError(f"{key}.namespace is {naming.namespace!r}; expected a word without ':' and '|'")
    subsets = tuple(
        (name, compile_pattern(pattern, f"{key}.subsets.{name}")) for name, pattern in naming.subsets.items()
    )
    return NamingRule(naming.namespace, source, subsets)


def compile_pattern(pattern: str, key: str) -> re.Pattern[str]:
    """Compile the pattern at `key` of the configuration, or raise UserError."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UserError(
            f"{key} is {pattern!r}, which is no regular expression: {error}; correct the pattern"
        ) from error


@dataclass(frozen=True)
class PublishedSplit:
    """Where a dataset's authors put a picture: a compiled `config_data.Official`."""

    key: str  # where the configuration has it
    # Side of the split -> pattern on the path of a picture below its class folder
    folders: Mapping[str, re.Pattern[str]]
    # Side of the split -> names of pictures, or their paths below the class folder
    lists: Mapping[str, Sequence[str]]

    def sides(self, below: Sequence[PurePath], finder: Finder) -> list[str]:
        """Return "train", "validation" or "test" for each picture of a collection; "" where none is named.

        Args:
            below: paths of the pictures below the folders of their classes.
            finder: of the same pictures.

        Raises:
            UserError: a picture is on two sides.
        """
        listed: list[set[str]] = [set() for _ in below]
        for side, names in self.lists.items():
            places = {name: finder.find(name) for name in names}
            for number in itertools.chain.from_iterable(places.values()):
                listed[number].add(side)
            if without := [name for name, found in places.items() if not found]:
                LOG.warning(
                    "%s.lists.%s: %s of %s lines name no picture, the first: %s",
                    self.key, side, f"{len(without):,}", f"{len(names):,}", ", ".join(without[:NAMED]),
                )  # fmt: skip
        return [self._side(path, on) for path, on in zip(below, listed, strict=True)]

    def _side(self, below: PurePath, listed: Collection[str]) -> str:
        sides = [
            name
            for name in SPLITS
            if (name in self.folders and self.folders[name].search(composed(below.as_posix())))
            or name in listed
        ]
        if len(sides) > 1:
            raise UserError(
                f"{self.key} puts {below.as_posix()} into {' and '.join(sides)}; correct its folders and "
                "lists so that each picture is on one side"
            )
        return sides[0] if sides else ""

    def check(self, sides: set[str]) -> None:
        """Raise UserError where the split names a side that is not among `sides`, those of all pictures."""
        missing = [side for side in SPLITS if side in {*self.folders, *self.lists} - sides]
        if missing:
            raise UserError(
                f"{self.key} names {', '.join(missing)}, but no picture fits; its patterns are searched in "
                "paths below the folders genuine and fake, its lists hold names of pictures or such paths"
            )


def read_published(official: config_data.Official | None, root: Path, key: str) -> PublishedSplit | None:
    """Compile the patterns and read the lists of the official split at `key`; None where there is none.

    A list is a text file, below `root` or absolute, with one picture a line: its name, or its path below the
    folder of its class, with or without the ending.

    Raises:
        UserError: a side is none of train, validation and test, a pattern is no regular expression, or a
            list is missing, empty or no text.
    """
    if official is None:
        return None
    for kind, sides in (("folders", official.folders), ("lists", official.lists)):
        for side in sides:
            if side not in SPLITS:
                raise UserError(f"{key}.{kind}.{side}: no such side; allowed are {', '.join(SPLITS)}")
    return PublishedSplit(
        key,
        {side: compile_pattern(text, f"{key}.folders.{side}") for side, text in official.folders.items()},
        {side: _read_list(root / path, f"{key}.lists.{side}") for side, path in official.lists.items()},
    )


def _read_list(path: Path, key: str) -> list[str]:
    if path.exists() and not path.is_file():
        raise UserError(f"{key} is {path}, which is no file; expected the name of a picture in each line")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or f"it is no text in UTF-8 ({error})"
        raise UserError(
            f"{key} is {path}: {reason}; expected a text file with the name of a picture in each line, "
            "its path absolute or starting at data.root"
        ) from error
    found = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not found:
        raise UserError(f"{key} is {path}, which is empty; expected the name of a picture in each line")
    return found
