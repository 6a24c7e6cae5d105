"""A picture beside what a detector saw in it: evidence in colour over the picture, the mask as an outline."""

import io
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

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
