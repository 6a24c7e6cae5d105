"""Does a detector see the tampering, or the picture that it is in? Crops tell.

Crops of fakes without a tampered pixel should look like crops of genuine pictures (ROC AUC 0.5), crops of
what was tampered with should not. Where the first lies high, the score reads something else: how fakes were
saved, or where their sources come from. Each crop is judged by itself, as a picture of its own.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pipeline.inputs.load import Loaded

SIDE = 96  # pixels, of a square crop on the JPEG grid
KINDS = ("genuine", "untouched", "tampered")
_APART = 16  # pixels between an untouched crop and the mask: a feathered edge reaches beyond it
_TAMPERED = 0.25  # share of tampered pixels from which a crop counts as tampered
_MOST = 6  # crops of one kind of a picture, so that large pictures do not decide


class Crop(NamedTuple):
    """A square part of a picture.

    Attributes:
        kind: one of `KINDS`.
        top: first row, in pixels, a multiple of 8.
        left: first column, likewise.
        picture: what is there.
    """

    kind: str
    top: int
    left: int
    picture: Loaded


def cut_crops(picture: Loaded, mask: np.ndarray | None, is_fake: bool, seed: list[int]) -> list[Crop]:
    """Cut crops of a genuine picture, or of a fake with a mask; of a fake without one there are none.

    Args:
        picture: as read at native resolution.
        mask: (height, width) bool of the tampered pixels of a fake.
        is_fake: what it is.
        seed: of the choice, where it has more than six of a kind.
    """
    if not is_fake:
        mask = np.zeros(picture.pixels.shape[:2], bool)
    if mask is None:
        return []
    return [
        Crop(kind, top, left, picture._replace(pixels=picture.pixels[top : top + SIDE, left : left + SIDE]))
        for kind, top, left in _chosen(mask, is_fake, seed)
    ]


def _chosen(mask: np.ndarray, is_fake: bool, seed: list[int]) -> Iterator[tuple[str, int, int]]:
    """Choose crops side by side as kind, top and left, of each kind not too many."""
    height, width = mask.shape
    found: dict[str, list[tuple[int, int]]] = {kind: [] for kind in KINDS}
    for top in range(0, height - SIDE + 1, SIDE // 2):
        for left in range(0, width - SIDE + 1, SIDE // 2):
            share = mask[top : top + SIDE, left : left + SIDE].mean()
            around = mask[
                max(top - _APART, 0) : top + SIDE + _APART, max(left - _APART, 0) : left + SIDE + _APART
            ]
            if not is_fake:
                found["genuine"].append((top, left))
            elif not around.any():
                found["untouched"].append((top, left))
            elif share >= _TAMPERED:
                found["tampered"].append((top, left))
    for kind, places in found.items():
        order = np.random.default_rng(seed).permutation(len(places))[:_MOST]
        for place in sorted(order):
            yield (kind, *places[place])
