"""The surest right and wrong answers, each with what the detector saw where: more telling than an AUC."""

import base64
import io
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from pipeline.storage import write_bytes, write_csv

# A picture beside what a detector saw in it: evidence in colour over the picture, the mask as an outline.
#

LONGEST = 340  # pixels of the longer side of each picture in a panel
GAP = 6  # pixels between them
MOST_BYTES = 60_000
_FAINTEST, _STRONGEST = 0.25, 0.8  # how much of the colour covers the picture at probability 0 and 1
_QUALITIES = range(88, 20, -8)


def panel(pixels: np.ndarray, cells: np.ndarray | None, mask: np.ndarray | None) -> np.ndarray:
    """Put the picture and its evidence side by side.

    Args:
        pixels: (height, width, 3) uint8.
        cells: (height // 8, width // 8) logits; None: the picture is shown without a map.
        mask: (height, width) bool; drawn as an outline on the last picture. One of another size is not
            drawn.

    Returns:
        (h, w, 3) uint8: the picture; beside it its evidence; beside that the picture with the outline of the
        mask. What is not there takes no place.
    """
    shown = _shrunk(pixels)
    height, width = shown.shape[:2]
    outline = None
    if mask is not None and mask.shape == pixels.shape[:2] and mask.any():
        small = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_AREA)
        outline = cv2.findContours(small, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
    parts = [shown]
    if cells is not None:
        parts.append(_outlined(evidence(shown, cells, pixels.shape[:2]), outline))
    if outline is not None:
        parts.append(_outlined(shown, outline))
    gap = np.full((height, GAP, 3), 255, np.uint8)
    return np.hstack([piece for part in parts for piece in (part, gap)][:-1])


def evidence(shown: np.ndarray, cells: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Colour a picture by the probability of each cell being tampered, on a fixed scale from 0 to 1.

    The colours are those of cividis, which people with any colour vision see as one scale from dark to light
    (Nuñez, Anderton and Renslow, 2018, doi:10.1371/journal.pone.0199239).

    Args:
        shown: (h, w, 3) uint8, the picture, perhaps made smaller.
        cells: (height // 8, width // 8) logits.
        size: height and width of the picture that the cells are of.
    """
    height, width = shown.shape[:2]
    chance = 1 / (1 + np.exp(-cells.astype(np.float64).clip(-50, 50)))
    # Cells cover whole blocks only; what is left at the right and lower edge gets the last cell's value.
    covered = (round(width * cells.shape[1] * 8 / size[1]), round(height * cells.shape[0] * 8 / size[0]))
    large = cv2.resize(chance, (max(covered[0], 1), max(covered[1], 1)), interpolation=cv2.INTER_NEAREST)
    large = np.pad(large, ((0, max(height - covered[1], 0)), (0, max(width - covered[0], 0))), mode="edge")
    chance = large[:height, :width, None]
    grey = shown.mean(axis=2, keepdims=True)
    cover = _FAINTEST + (_STRONGEST - _FAINTEST) * chance
    mixed = (1 - cover) * grey + cover * cividis(chance[..., 0])
    return mixed.round().astype(np.uint8)


def cividis(values: np.ndarray) -> np.ndarray:
    """Give the colours of values in [0, 1]: -> (..., 3) floats from 0 to 255."""
    from matplotlib import colormaps

    colors = np.asarray(colormaps["cividis"](values))
    return colors[..., :3] * 255


def jpeg(picture: np.ndarray, most: int = MOST_BYTES) -> bytes:
    """Save a panel as JPEG, as well as fits into `most` bytes."""
    content = b""
    for quality in _QUALITIES:
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "JPEG", quality=quality, optimize=True)
        content = stream.getvalue()
        if len(content) <= most:
            break
    return content


def _shrunk(pixels: np.ndarray) -> np.ndarray:
    scale = LONGEST / max(pixels.shape[:2])
    size = [max(1, round(side * scale)) for side in (pixels.shape[1], pixels.shape[0])]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=way), np.uint8)


def _outlined(picture: np.ndarray, outline: Sequence[np.ndarray] | None) -> np.ndarray:
    """Draw the outline dark and light, so that it is seen on any picture."""
    if outline is None:
        return picture
    drawn = picture.copy()
    cv2.drawContours(drawn, outline, -1, (0, 0, 0), 5)
    cv2.drawContours(drawn, outline, -1, (255, 255, 255), 2)
    return drawn


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


# The gallery as a page shows it: the panels within the page, in the order of what they teach.
#


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
