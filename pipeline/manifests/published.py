"""Where a dataset's authors put a picture: the folders and lists of an official split."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from pipeline import config
from pipeline.errors import UserError
from pipeline.images.formats import format_of_name
from pipeline.manifests.naming import compile_pattern
from pipeline.manifests.tables import SPLITS


@dataclass(frozen=True)
class PublishedSplit:
    """A compiled `config.Official`.

    Attributes:
        key: where the configuration has it.
        folders: train, validation, test -> pattern on the path of a picture below its class folder.
        lists: train, validation, test -> names of pictures, or their paths below the class folder.
    """

    key: str
    folders: Mapping[str, re.Pattern[str]]
    lists: Mapping[str, frozenset[str]]

    def side(self, below: PurePath) -> str:
        """Say where a picture is: "train", "validation", "test", or "" where nothing says.

        Args:
            below: its path below the folder of its class.

        Raises:
            UserError: it is on two sides.
        """
        names = {below.name, below.as_posix()}
        names |= {_without_ending(name) for name in names}
        sides = [
            name
            for name in SPLITS
            if (name in self.folders and self.folders[name].search(below.as_posix()))
            or not names.isdisjoint(self.lists.get(name, ()))
        ]
        if len(sides) > 1:
            raise UserError(
                f"{self.key} puts {below.as_posix()} into {' and '.join(sides)}; correct its folders and "
                "lists so that each picture is on one side"
            )
        return sides[0] if sides else ""


def read_published(official: config.Official | None, root: Path, key: str) -> PublishedSplit | None:
    """Compile the patterns and read the lists of an official split; None where there is none.

    A list is a text file with one picture a line: its name, or its path below the folder of its class, with
    or without the ending.

    Args:
        official: as configured.
        root: that the lists' paths start from.
        key: where the configuration has it.

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


def check_published(split: PublishedSplit, sides: set[str]) -> None:
    """Refuse a split that none of a collection's pictures is on: a wrong pattern or list.

    Args:
        split: of the collection.
        sides: what `side` gave for its pictures.

    Raises:
        UserError: nothing fits, or no picture is in train or in test.
    """
    named = {*split.folders, *split.lists}
    missing = [side for side in SPLITS if side in named and side not in sides]
    if missing:
        raise UserError(
            f"{split.key} names {', '.join(missing)}, but no picture fits; its patterns are searched in "
            "paths below the folders genuine and fake, its lists hold names of pictures or such paths"
        )


def _read_list(path: Path, key: str) -> frozenset[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or f"it is no text in UTF-8 ({error})"
        raise UserError(
            f"{key} is {path}: {reason}; expected a text file with the name of a picture in each line, "
            "its path absolute or starting at data.root"
        ) from error
    names = [line.strip().replace("\\", "/").removeprefix("./") for line in lines]
    found = frozenset(name for name in names if name)
    if not found:
        raise UserError(f"{key} is {path}, which is empty; expected the name of a picture in each line")
    return found


def _without_ending(name: str) -> str:
    path = PurePath(name)
    return path.with_suffix("").as_posix() if format_of_name(path) else name
