"""The surest right and wrong answers, each with what the detector saw where: more telling than an AUC.

A panel shows a picture, beside it the map in colour over it, beside that the mask as an outline.
"""

import base64
import io
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from pipeline.inputs.load import on_grid
from pipeline.storage import write_bytes, write_csv

LONGEST = 340  # pixels of the longer side of each picture in a panel
GAP = 6  # pixels between them
MOST_BYTES = 60_000
_FAINTEST, _STRONGEST = 0.25, 0.8  # how much of the colour covers the picture at probability 0 and 1
_QUALITIES = range(88, 20, -8)


def panel(
    pixels: np.ndarray, blocks: np.ndarray | None, mask: np.ndarray | None, longest: int = LONGEST
) -> np.ndarray:
    """Return the picture, its evidence and its mask side by side, (h, w, 3) uint8; None takes no place.

    Args:
        pixels: (height, width, 3) uint8, perhaps cut to whole blocks already.
        blocks: (height // 8, width // 8) logits; None: the picture is shown without a map.
        mask: (height, width) bool of the whole picture; drawn as an outline.
        longest: pixels of the longer side of each.
    """
    pixels = on_grid(pixels)
    shown = _shrunk(pixels, longest)
    height, width = shown.shape[:2]
    outline = None
    if mask is not None and (cut := on_grid(mask)).any():
        if cut.shape != pixels.shape[:2]:
            raise ValueError(f"a mask of {mask.shape} is not that of a picture of {pixels.shape[:2]}")
        # What is small in a large picture is still seen: a pixel of the panel counts where any below it does.
        small = cv2.resize(cut.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA) > 0
        outline = cv2.findContours(small.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
    parts = [shown]
    if blocks is not None:
        parts.append(_outlined(evidence(shown, blocks, pixels.shape[:2]), outline))
    if outline is not None:
        parts.append(_outlined(shown, outline))
    gap = np.full((height, GAP, 3), 255, np.uint8)
    return np.hstack([piece for part in parts for piece in (part, gap)][:-1])


def draw_map(pixels: np.ndarray, blocks: np.ndarray, longest: int) -> bytes:
    """Return a picture beside its map, as a JPEG; arguments as of `panel`."""
    return jpeg(panel(pixels, blocks, None, longest=longest), most=2**30)


def evidence(shown: np.ndarray, blocks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Colour a picture by the probability of each block being tampered, on a fixed scale from 0 to 1.

    The colours are those of cividis, which people with any colour vision see as one scale from dark to light
    (Nuñez, Anderton and Renslow, 2018, doi:10.1371/journal.pone.0199239).

    Args:
        shown: (h, w, 3) uint8, the picture, perhaps made smaller.
        blocks: (height // 8, width // 8) logits.
        size: height and width of the picture that the blocks are of.
    """
    height, width = shown.shape[:2]
    chance = 1 / (1 + np.exp(-blocks.astype(np.float64).clip(-50, 50)))
    # What is left at the right and lower edge, less than a block, gets the value of the last one.
    covered = (round(width * blocks.shape[1] * 8 / size[1]), round(height * blocks.shape[0] * 8 / size[0]))
    large = cv2.resize(chance, (max(covered[0], 1), max(covered[1], 1)), interpolation=cv2.INTER_NEAREST)
    large = np.pad(large, ((0, max(height - covered[1], 0)), (0, max(width - covered[0], 0))), mode="edge")
    chance = large[:height, :width, None]
    grey = shown.mean(axis=2, keepdims=True)
    cover = _FAINTEST + (_STRONGEST - _FAINTEST) * chance
    mixed = (1 - cover) * grey + cover * cividis(chance[..., 0])
    return mixed.round().astype(np.uint8)


def cividis(values: np.ndarray) -> np.ndarray:
    """Return the colours of values in [0, 1]: -> (..., 3) floats from 0 to 255."""
    steps = np.arange(256, dtype=np.uint8)
    colours = cv2.applyColorMap(steps, cv2.COLORMAP_CIVIDIS).reshape(256, 3)[:, ::-1].astype(float)
    return colours[np.clip(values * 256, 0, 255).astype(np.uint8)]


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


def data_uri(content: bytes, kind: str = "image/jpeg") -> str:
    """Return the content of a file as an address that holds it, for pages that need no other file."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _shrunk(pixels: np.ndarray, longest: int) -> np.ndarray:
    scale = longest / max(pixels.shape[:2])
    size = [max(1, round(side * scale)) for side in (pixels.shape[1], pixels.shape[0])]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=way), np.uint8)


def _outlined(picture: np.ndarray, outline: Sequence[np.ndarray] | None) -> np.ndarray:
    if outline is None:
        return picture
    outlined = picture.copy()
    for color, width in ((0, 5), (255, 2)):  # dark and light, so that it is seen on any picture
        cv2.drawContours(outlined, outline, -1, (color, color, color), width)
    return outlined


TABLE = "gallery.csv"
COLUMNS = ["kind", "rank", "path", "label", "probability_fake", "verdict", "image"]
# The wrong ones teach more.
KINDS = ("wrong genuine", "wrong fake", "right fake", "right genuine")
OF_EACH = 4


class Shown(NamedTuple):
    """A row of `choose` with what is drawn of it: arrays as of `panel`, at the picture's own size."""

    row: Mapping[str, Any]
    pixels: np.ndarray
    blocks: np.ndarray | None
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
        rows of `predictions` with `kind` and `rank` (from 1) in front, sorted by them.
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
    """Write the panels into `folder`, with a table of them.

    Args:
        folder: gets `gallery.csv` (`COLUMNS`) and a JPEG a picture; it should be empty.
        shown: of the rows of `choose`; taken one by one, so that one picture at a time is in memory.
    """
    rows = []
    for row, pixels, blocks, mask in shown:
        name = f"{row['kind'].replace(' ', '-')}-{row['rank']}.jpg"
        write_bytes(folder / name, jpeg(panel(pixels, blocks, mask)))
        rows.append({**{column: row[column] for column in COLUMNS[:-1]}, "image": name})
    write_csv(folder / TABLE, pd.DataFrame(rows, columns=COLUMNS))


class Panel(NamedTuple):
    """One picture of the gallery as a page shows it; `source` is the panel as a data URI."""

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
    source = data_uri((folder / row["image"]).read_bytes())
    name, probability = Path(row["path"]).name, float(row["probability_fake"])
    return Panel(name, row["path"], probability, row["verdict"], source)
