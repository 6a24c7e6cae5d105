"""Does a detector see the tampering, or the picture that it is in? Crops tell.

Crops of fakes without a tampered pixel should look like crops of genuine pictures (ROC AUC 0.5), crops of
what was tampered with should not. Where the first lies high, the score reads something else: how fakes were
saved, or where their sources come from. Each crop is judged by itself, as a picture of its own.
"""

from typing import NamedTuple

import numpy as np

from pipeline.inputs.load import Loaded

SIDE = 96  # pixels, of a square crop on the JPEG grid
KINDS = ("genuine", "untouched", "tampered")
_APART = 16  # pixels between an untouched crop and the mask: a feathered edge reaches beyond it
_TAMPERED = 0.25  # share of tampered pixels from which a crop counts as tampered
_MOST = 6  # crops of one kind of a picture, so that large pictures do not decide


class Crop(NamedTuple):
    """A square part of a picture."""

    kind: str  # one of `KINDS`
    top: int  # first row, in pixels, a multiple of 8
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
    height, width = mask.shape
    found: dict[str, list[Crop]] = {kind: [] for kind in KINDS}
    for top in range(0, height - SIDE + 1, SIDE // 2):
        for left in range(0, width - SIDE + 1, SIDE // 2):
            inside = (slice(top, top + SIDE), slice(left, left + SIDE))
            around = tuple(slice(max(side.start - _APART, 0), side.stop + _APART) for side in inside)
            if not is_fake:
                kind = "genuine"
            elif not mask[around].any():
                kind = "untouched"
            elif mask[inside].mean() >= _TAMPERED:
                kind = "tampered"
            else:
                continue
            found[kind].append(Crop(kind, top, left, picture._replace(pixels=picture.pixels[inside])))
    chosen: list[Crop] = []
    for crops in found.values():
        order = np.random.default_rng(seed).permutation(len(crops))[:_MOST]
        chosen += [crops[index] for index in sorted(order)]
    return chosen
