"""Whether the tables and the pictures are still what they were when the manifest was built."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.config import TABLES, Config, flatten
from pipeline.datasets.tables import BUILT_FROM
from pipeline.errors import UserError
from pipeline.images.hashes import sha256_of_file

NAMED = 5  # mistakes that a message lists one by one


def built_from(config: Config) -> dict[str, Any]:
    """Return the part of a configuration that a manifest, and what is made from it, depends on."""
    return config.choose(*TABLES)


def check_built_from(folder: Path, config: Config) -> None:
    """Raise UserError where the manifest in `folder` is not there or was built from another configuration."""
    path = folder / BUILT_FROM
    if not path.is_file():
        raise UserError(
            f"{path} is not there; build the manifest with make repro or python -m pipeline.manifest"
        )
    found = json.loads(path.read_text(encoding="utf-8"))
    commands = "python -m pipeline.convert … and python -m pipeline.manifest …"
    check_same_choice(found, config, f"the tables in {folder} were built", commands)


def check_learnt_from(folder: Path, tables: Mapping[str, Mapping[str, str]]) -> None:
    """Raise UserError where a detector was not trained with the manifest in `folder`.

    What it learnt may then be among what is tested. `tables` is of a training's record: split -> `sha256`
    of its table.
    """
    for split, table in tables.items():
        path = folder / f"{split}.csv"
        if not path.is_file() or sha256_of_file(path) != table["sha256"]:
            raise UserError(
                f"the detector was not trained with {path} as it is now, so its own training pictures may be "
                "among the test pictures; train again with make repro or python -m pipeline.train, or test "
                "this one on other pictures with python -m pipeline.score"
            )


def check_same_choice(found: Mapping[str, Any], config: Config, what: str, commands: str) -> None:
    """Raise UserError where a key differs between what something was made from and what is asked for.

    Args:
        found: what it was made from, as of `built_from`.
        config: the one asked for.
        what: and how it was made, for the message.
        commands: that make it by hand.
    """
    there, asked = flatten(found), flatten(built_from(config))
    keys = [key for key in sorted({*there, *asked}) if there.get(key) != asked.get(key)]
    if keys:
        listed = "\n".join(
            f"  {key}: {there.get(key)!r} there, {asked.get(key)!r} asked for" for key in keys[:NAMED]
        )
        raise UserError(
            f"{what} from another configuration:\n{listed}\n"
            "Run all stages with that choice (dvc exp run -S …, or make repro after editing conf/), "
            f"or {commands} with it first"
        )


def check_files(*tables: pd.DataFrame) -> None:
    """Raise UserError where pictures are missing or are not the bytes that the manifest was built from."""
    rows = pd.concat(tables)[["path", "sha256"]]
    with ThreadPoolExecutor() as threads:
        found = list(threads.map(_sha256_or_none, rows["path"]))
    wrong = [
        f"  {path}: {'is missing' if now is None else 'has changed'}"
        for path, then, now in zip(rows["path"], rows["sha256"], found, strict=True)
        if now != then
    ]
    if wrong:
        more = [f"  and {len(wrong) - NAMED} more"] if len(wrong) > NAMED else []
        raise UserError(
            f"{len(wrong)} of {len(rows)} pictures are not what the manifest was built from:\n"
            + "\n".join(wrong[:NAMED] + more)
            + "\nConvert them again: make repro, or python -m pipeline.convert, then pipeline.manifest"
        )


def _sha256_or_none(path: str) -> str | None:
    return sha256_of_file(Path(path)) if Path(path).is_file() else None
