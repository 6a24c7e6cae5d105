"""The gallery as a page shows it: the panels within the page, in the order of what they teach."""

import base64
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from pipeline.reports.gallery import KINDS, TABLE


class Panel(NamedTuple):
    """One picture of the gallery.

    Attributes:
        name: of its file.
        path: whole.
        probability_fake: that it was given.
        verdict: likewise.
        source: the panel as a data URI.
    """

    name: str
    path: str
    probability_fake: float
    verdict: str
    source: str


def gallery_panels(folder: Path) -> dict[str, list[Panel]]:
    """Read a gallery: `KINDS` -> panels; kinds without pictures are left out."""
    table = pd.read_csv(folder / TABLE, dtype={"path": str, "image": str}, keep_default_na=False)
    return {
        kind: [_panel(folder, row) for row in rows.to_dict("records")]
        for kind in KINDS
        if len(rows := table[table["kind"] == kind].sort_values("rank"))
    }


def _panel(folder: Path, row: Mapping[Hashable, Any]) -> Panel:
    content = (folder / row["image"]).read_bytes()
    kind = "png" if content.startswith(b"\x89PNG") else "jpeg"
    return Panel(
        Path(row["path"]).name,
        row["path"],
        float(row["probability_fake"]),
        row["verdict"],
        f"data:image/{kind};base64,{base64.b64encode(content).decode()}",
    )
