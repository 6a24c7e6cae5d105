"""Removal: something is painted over with what fits from elsewhere in it, as a healing brush does."""

import cv2
import numpy as np

from pipeline.forgery.fields import Array
from pipeline.forgery.patches import Forgery

SHARES = (0.02, 0.10)  # of the picture that is painted over; for more there is rarely a fitting place
_RING = 7  # pixels around the hole that must fit
_MARGIN = 3  # pixels that an editor takes more than the outline, so that no rim stays
_MOST_LIGHT = 35  # 8-bit steps by which the light may be changed; more would glow


def removal(picture: Array, outline: Array) -> Forgery:
    """Paint `outline` and a small margin over.

    The place whose surroundings look most like those of the hole is copied into it, and its light is
    brought into line with the rim. Where no place is free, what is around flows in.

    Args:
        picture: (H, W, 3) uint8.
        outline: (H, W) bool, what shall vanish; at least one pixel.

    Source: P. Perez, M. Gangnet and A. Blake, Poisson image editing, SIGGRAPH 2003; their equation is
    answered here by a sum of blurs, which a hole at the picture's border does not disturb.
    """
    hole = cv2.dilate(outline.astype(np.uint8), np.ones((2 * _MARGIN + 1, 2 * _MARGIN + 1), np.uint8))
    box = _around(hole)
    place = _best_place(picture, hole, box)
    if place is None:
        pixels = cv2.inpaint(picture, hole, _MARGIN, cv2.INPAINT_TELEA)
        return Forgery(np.where(hole[..., None] > 0, pixels, picture), hole > 0, feathered=True)
    down, right = box
    tall, wide = down.stop - down.start, right.stop - right.start
    source = picture[place[0] : place[0] + tall, place[1] : place[1] + wide]
    healed = picture.copy()
    healed[down, right] = np.where(hole[box][..., None] > 0, source, picture[box])
    healed[box] = _light_of_rim(picture[box], healed[box], hole[box], source)
    return Forgery(healed, hole > 0, recoloured=True, feathered=True)


def _around(hole: Array) -> tuple[slice, slice]:
    """The box of a hole with its ring, within the picture."""
    rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
    down = slice(max(int(rows[0]) - _RING, 0), min(int(rows[-1]) + 1 + _RING, hole.shape[0]))
    return down, slice(max(int(columns[0]) - _RING, 0), min(int(columns[-1]) + 1 + _RING, hole.shape[1]))


def _best_place(picture: Array, hole: Array, box: tuple[slice, slice]) -> tuple[int, int] | None:
    """Upper left corner of the box that fits best and holds nothing of the hole; None where there is none."""
    ring = 1 - hole[box]
    tall, wide = ring.shape
    total = np.pad(hole.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    inside = total[tall:, wide:] - total[:-tall, wide:] - total[tall:, :-wide] + total[:-tall, :-wide]
    if ring.sum() == 0 or (inside > 0).all():
        return None
    error = cv2.matchTemplate(picture, picture[box], cv2.TM_SQDIFF, mask=ring)
    error = np.where((inside == 0) & np.isfinite(error), error, np.inf)
    best = np.unravel_index(int(np.argmin(error)), error.shape)
    return (int(best[0]), int(best[1])) if np.isfinite(error[best]) else None


def _light_of_rim(host: Array, healed: Array, hole: Array, source: Array) -> Array:
    """Spread the difference at the rim smoothly over the hole, and add it; arrays (h, w, …) of the box."""
    rim = cv2.dilate(hole, np.ones((5, 5), np.uint8)) - hole
    difference = (host.astype(np.float32) - source) * rim[..., None]
    sheet, weight = np.zeros_like(difference), np.full(hole.shape, 1e-12, np.float32)
    for reach in (1.5, 3, 6, 12, 24, 48, 96):  # the near rim counts most; the far rim where nothing else is
        share = np.float32(reach**-3)
        sheet += share * cv2.GaussianBlur(difference, (0, 0), reach, borderType=cv2.BORDER_CONSTANT)
        weight += share * cv2.GaussianBlur(
            rim.astype(np.float32), (0, 0), reach, borderType=cv2.BORDER_CONSTANT
        )
    light = np.clip(sheet / weight[..., None], -_MOST_LIGHT, _MOST_LIGHT)
    added = np.round(np.clip(healed + light, 0, 255)).astype(np.uint8)
    return np.where(hole[..., None] > 0, added, host)
