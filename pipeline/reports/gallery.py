"""The surest right and wrong answers, each with what the detector saw where: more telling than an AUC."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.reports.panels import jpeg, panel
from pipeline.storage.atomic import write_bytes, write_csv

TABLE = "gallery.csv"
COLUMNS = ["kind", "rank", "path", "label", "probability_fake", "verdict", "image"]
# The wrong ones teach more.
KINDS = ("wrong genuine", "wrong fake", "right fake", "right genuine")
OF_EACH = 4


class Shown(NamedTuple):
    """A chosen picture with what is drawn of it.

    Attributes:
        row: of `choose`.
        pixels: (height, width, 3) uint8, at its own size.
        cells: (height // 8, width // 8) logits of each cell being tampered; None where the detector says
            nothing of places.
        mask: (height, width) bool of the tampered pixels; None where there is none.
    """

    row: Mapping[str, Any]
    pixels: np.ndarray
    cells: np.ndarray | None
    mask: np.ndarray | None


def choose(predictions: pd.DataFrame, of_each: int = OF_EACH) -> pd.DataFrame:
    """Choose the surest answers of each kind, at most one a group.

    "wrong genuine" are genuine pictures called fake. Sure is what lies far from the threshold on the side on
    which it was called; of equals the first by path.

    Args:
        predictions: columns `path`, `label`, `target`, `group`, `logit`, `probability_fake`, `called` and
            `verdict`.
        of_each: pictures of a kind.

    Returns:
        rows of `predictions` with `kind` and `rank` (from 1) in front, by kind and rank.
    """
    called_fake = predictions["called"] == "fake"
    is_fake = predictions["target"] == 1
    right = called_fake == is_fake
    chosen = []
    for kind in KINDS:
        rows = predictions[(right == kind.startswith("right")) & (is_fake == kind.endswith(" fake"))]
        surest_first = (rows["logit"] * np.where(rows["called"] == "fake", -1, 1)).rename("sure")
        ordered = rows.assign(sure=surest_first).sort_values(["sure", "path"], kind="stable")
        best = ordered.drop_duplicates("group").head(of_each).drop(columns="sure")
        best.insert(0, "kind", kind)
        best.insert(1, "rank", range(1, len(best) + 1))
        chosen.append(best)
    return pd.concat(chosen, ignore_index=True)


def write_gallery(folder: Path, shown: Iterable[Shown]) -> None:
    """Draw the panels into `folder`, with a table of them.

    Args:
        folder: gets `gallery.csv` (`COLUMNS`) and a JPEG a picture; it should be empty.
        shown: of the rows of `choose`; taken one by one, so that one picture at a time is in memory.
    """
    rows = []
    for each in shown:
        name = f"{each.row['kind'].replace(' ', '-')}-{each.row['rank']}.jpg"
        write_bytes(folder / name, jpeg(panel(each.pixels, each.cells, each.mask)))
        rows.append({**{column: each.row[column] for column in COLUMNS[:-1]}, "image": name})
    write_csv(folder / TABLE, pd.DataFrame(rows, columns=COLUMNS))
