"""Where the pictures of a table were before they were converted."""

from pathlib import Path

import pandas as pd


def with_sources(table: pd.DataFrame, root: str) -> pd.DataFrame:
    """Add `source_file` to a manifest table: the path of each picture as handed in.

    Args:
        table: with `source_path`, relative to the root of the dataset or absolute.
        root: `data.root`.
    """
    return table.assign(source_file=[(Path(root) / path).as_posix() for path in table["source_path"]])


def genuine_sources(table: pd.DataFrame) -> pd.DataFrame:
    """Give `path` and `sha256` of the genuine pictures of such a table as handed in, to be checked."""
    genuine = table[table["target"] == 0]
    return pd.DataFrame({"path": genuine["source_file"], "sha256": genuine["source_sha256"]})
