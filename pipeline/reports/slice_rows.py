"""The figures of slices, one row a slice, in the order in which people read them."""

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from pipeline.reports.numbers import Figure, first_figure

PROPERTIES = {
    "subset": "kind of tampering",
    "collection": "collection",
    "format": "format as handed in",
    "size": "size",
    "quality": "JPEG quality",
}
SHOWN = ("fake_accuracy", "genuine_accuracy", "roc_auc")


class SliceRow(NamedTuple):
    """One slice.

    Attributes:
        property: as people call it.
        name: of the slice.
        n_fake: how many fakes it has.
        n_genuine: how many genuine pictures.
        figures: `SHOWN` -> figure.
    """

    property: str
    name: str
    n_fake: int
    n_genuine: int
    figures: dict[str, Figure]


def slice_rows(slices: pd.DataFrame) -> list[SliceRow]:
    """Lay `slices.csv` out by slice; properties as in `PROPERTIES`, slices as in the file."""
    return list(_rows(slices))


def weakest(rows: list[SliceRow], fewest: int = 10) -> SliceRow | None:
    """Find the slice that is surest to be weak, among those with at least `fewest` pictures of each class.

    It is the one with the lowest upper end of the ROC AUC's interval: the lowest figure of many slices is
    more often than not that of a small one.
    """
    known = [
        (row.figures["roc_auc"].high, place)
        for place, row in enumerate(rows)
        if row.figures["roc_auc"].high is not None and min(row.n_fake, row.n_genuine) >= fewest
    ]
    return rows[min(known)[1]] if known else None


def _rows(slices: pd.DataFrame) -> Iterator[SliceRow]:
    known = [name for name in PROPERTIES if name in set(slices["property"])]
    for name in [*known, *(set(slices["property"]) - set(known))]:
        of_property = slices[slices["property"] == name]
        for value, rows in of_property.groupby("slice", sort=False):
            first = rows.iloc[0]
            yield SliceRow(
                PROPERTIES.get(name, name),
                str(value),
                int(first["n_fake"]),
                int(first["n_genuine"]),
                {metric: first_figure(rows[rows["metric"] == metric]) for metric in SHOWN},
            )
