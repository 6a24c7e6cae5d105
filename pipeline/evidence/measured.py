"""What the specialists measured of files: made on all cores, kept as a table."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from pipeline.config import Compute
from pipeline.errors import UserError
from pipeline.evidence.panel import COLUMNS, look, numbers_of
from pipeline.images.read import read
from pipeline.parallel import map_chunks
from pipeline.storage import unbroken, write_csv

REFERENCE = Path(__file__).with_name("reference.csv")
_AGAIN = "measure the pictures again with make repro or python -m pipeline.measure"


def measure_files(paths: Sequence[str], compute: Compute, title: str) -> pd.DataFrame:
    """Ask the specialists about files, on all cores.

    Args:
        paths: of pictures, each as it is to be judged.
        compute: where.
        title: of the progress bar.

    Returns:
        `panel.COLUMNS` by path, in order; and `error`, why a picture cannot be read, else "".
    """
    found = dict(map_chunks(_measure_file, paths, compute, title, chunk=8, alone=8))
    rows = [found[index] for index in range(len(paths))]
    table = pd.DataFrame(rows, columns=[*COLUMNS, "error"]).astype(dict.fromkeys(COLUMNS, float))
    return table.set_axis(list(paths)).rename_axis("path")


def _measure_file(path: str) -> dict[str, float | str]:
    cv2.setNumThreads(1)  # each core has a picture of its own
    try:
        picture = read(Path(path))
        return {**numbers_of(picture, look(picture)), "error": ""}
    except UserError as error:
        return {**dict.fromkeys(COLUMNS, np.nan), "error": str(error)}


def write_measured(path: Path, measured: pd.DataFrame) -> None:
    """Write what `measure_files` gave, without the errors."""
    write_csv(path, measured[COLUMNS].reset_index())


def read_measured(path: Path) -> pd.DataFrame:
    """Read `panel.COLUMNS` by path.

    Raises:
        UserError: the file is not there, broken, or of other specialists.
    """
    if not path.is_file():
        raise UserError(f"{path} is not there; {_AGAIN}")
    with unbroken(path, _AGAIN):
        return pd.read_csv(path, dtype={"path": str}).set_index("path")[COLUMNS].astype(float)


def measured_of(paths: Sequence[str], measured: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of some pictures, in order.

    Raises:
        UserError: a picture was not measured.
    """
    if missing := [path for path in paths if path not in measured.index]:
        raise UserError(f"{missing[0]} was not measured; {_AGAIN}")
    return measured.loc[list(paths)]


def reference_measured() -> pd.DataFrame:
    """Read `panel.COLUMNS` of the genuine photographs that come with this package as numbers.

    Whose they are, and under which licences, stands in docs/evidence/README.md; `benchmarks/reference.py`
    makes the file.
    """
    return pd.read_csv(REFERENCE).reindex(columns=COLUMNS).astype(float)
