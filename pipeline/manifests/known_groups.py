"""Pictures that their owner knows to belong together: one burst, one camera, one scene, one published group.

Names, bytes, pixels and looks do not tell everything. A table that lies with the data says the rest.
"""

import logging
from pathlib import Path

import pandas as pd

from pipeline.errors import UserError

LOG = logging.getLogger(__name__)
_COLUMNS = ["path", "group"]


def read_known_groups(where: str | None, root: Path) -> dict[str, str]:
    """Read a table of known groups: CSV with the columns `path` and `group`; others are passed over.

    Args:
        where: its path, absolute or from the repository's root; None: there is none. A table that is not
            there is said in a line and not needed: the pictures may be there without it.
        root: `data.root`; absolute paths in the table are named from it.

    Returns:
        name of a picture in tables (`Source.source_path`) -> its group, where it has one.

    Raises:
        UserError: it is no such table, or puts a picture into two groups.
    """
    if where is None:
        return {}
    path = Path(where)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        LOG.info(
            "data.known_groups: %s is not there; pictures are grouped by names, bytes, pixels and looks", path
        )
        return {}
    except (OSError, ValueError) as error:  # what pandas raises for broken tables are ValueErrors
        raise UserError(
            f"data.known_groups is {path}, which cannot be read as CSV ({error}); expected the columns path "
            "and group"
        ) from error
    if missing := [column for column in _COLUMNS if column not in table.columns]:
        raise UserError(
            f"data.known_groups is {path}, which has no column {' and '.join(missing)}; expected path (of a "
            "picture, absolute or below data.root) and group"
        )
    table = table[table["group"] != ""]
    paths = [_below(Path(name), root) for name in table["path"]]
    twice = table.assign(path=paths).groupby("path")["group"].nunique()
    if (twice > 1).any():
        raise UserError(
            f"data.known_groups is {path}, which puts {twice.index[twice > 1][0]} into {twice.max()} groups; "
            "write it once, or give both groups one name"
        )
    return dict(zip(paths, table["group"], strict=True))


def _below(path: Path, root: Path) -> str:
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
