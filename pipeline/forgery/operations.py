"""Operations on a picture that make a fake of it: splicing, copy-move, removal, retouching.

All take 8-bit RGB and tell to the pixel what they touched. `tamper` is their one head: the drawn sample says
which operation it wants, training draws one in about a millisecond (`tamper_at_random`).
"""

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np

from pipeline.forgery.patches import (
    Array,
    Forgery,
    Patch,
    cut,
    fitted_light,
    lasso_outline,
    paste,
    turned,
    wand_outline,
    window_sums,
)
from pipeline.forgery.retouching import RETOUCHING


class Limits(NamedTuple):
    """How much is tampered with.

    Attributes:
        shares: of the picture, least and greatest.
        removed: the same, of what is removed; for more there is rarely a fitting place.
        resampling: probability that what is laid in is scaled or turned.
    """

    shares: tuple[float, float]
    removed: tuple[float, float]
    resampling: float


class Manner(NamedTuple):
    """How people lay something in.

    Attributes:
        softest: widest feather of its edge, pixels.
        angles: within which it is turned, degrees either way; one of them is drawn.
        often: probability of each; None: all alike.
        mirrored: probability.
    """

    softest: float
    angles: tuple[float, ...]
    often: tuple[float, ...] | None
    mirrored: float


FROM_ELSEWHERE = Manner(softest=2.5, angles=(0.0, 25.0), often=None, mirrored=0.3)
COPIED = Manner(softest=2.0, angles=(15.0, 180.0), often=(0.7, 0.3), mirrored=0.4)
SAMPLE = Limits(shares=(0.03, 0.25), removed=(0.02, 0.10), resampling=0.85)
# Of twins in training: half of all editors paste as it is; looking for a fitting place takes long.
TWINS = Limits(shares=(0.02, 0.5), removed=(0.02, 0.08), resampling=0.55)
FREQUENCIES = {
    "splice": 0.58, "copy_move": 0.28, "local_blur": 0.05, "local_resampling": 0.05, "removal": 0.04,
}  # fmt: skip
# Of people who take their time: less is laid in, more is filled, coloured and covered up.
BY_HAND = {
    "splice": 0.38, "copy_move": 0.20, "removal": 0.06, "fill": 0.10,
    "recolouring": 0.10, "local_blur": 0.05, "local_resampling": 0.06, "local_noise": 0.05,
}  # fmt: skip
_FILLED = ("removal", "fill")  # what takes away: of large parts it takes long, and fools nobody
_ALONG_THINGS = 0.6  # share of selections by hand that follow what is seen; others are drawn round it
_COVERS = ("recolouring", "local_blur", "local_noise")
_COVERED_UP = 0.3  # share of what is laid in by hand that is retouched afterwards


def tamper_at_random(rng: np.random.Generator, host: Array, donor: Array, by_hand: bool = False) -> Forgery:
    """Draw an operation as frequent as `FREQUENCIES` says, and an outline, and tamper with `host`.

    Args:
        rng: every choice is drawn from it.
        host: (H, W, 3) uint8 that is tampered with.
        donor: (h, w, 3) uint8 from which a splice takes something.
        by_hand: as a person does it who takes his time: operations of `BY_HAND`, selections that follow
            things, and at times a second operation on what the first has changed.

    >>> host, donor = np.zeros((64, 96, 3), np.uint8), np.full((80, 80, 3), 200, np.uint8)
    >>> forged = tamper_at_random(np.random.default_rng(1), host, donor)
    >>> bool((forged.pixels[~forged.mask] == 0).all()), bool((forged.pixels[forged.mask] > 0).any())
    (True, True)
    """
    frequencies = BY_HAND if by_hand else FREQUENCIES
    operation = str(rng.choice(list(frequencies), p=list(frequencies.values())))
    selected = donor if operation == "splice" else host
    share = float(np.exp(rng.uniform(*np.log(TWINS.shares))))
    share = min(share, TWINS.removed[1]) if operation in _FILLED else share
    if by_hand and rng.random() < _ALONG_THINGS:
        outline = wand_outline(rng, selected, share)
    else:
        outline = lasso_outline(rng, selected.shape[:2], share)
    forged = tamper(rng, operation, host, donor, outline, TWINS)
    if by_hand and operation in ("splice", "copy_move") and rng.random() < _COVERED_UP:
        covered = RETOUCHING[str(rng.choice(_COVERS))](rng, forged.pixels, forged.mask)
        forged = replace(forged, pixels=covered.pixels)
    return forged


def tamper(
    rng: np.random.Generator,
    operation: str,
    host: Array,
    donor: Array,
    outline: Array,
    limits: Limits = SAMPLE,
) -> Forgery:
    """Tamper with a picture in one of the ways of `FREQUENCIES` or `BY_HAND`.

    Args:
        rng: every choice is drawn from it.
        operation: key of one of these.
        host: (H, W, 3) uint8 that is tampered with.
        donor: (h, w, 3) uint8 of any size, from which a splice takes something; others leave it alone.
        outline: bool, at least one pixel True: what is cut out of the donor (of a splice), else where in the
            host something is copied, removed or retouched.
        limits: of what is laid in.
    """
    if operation == "splice":
        return splice(rng, host, donor, outline, limits)
    if operation == "copy_move":
        return copy_move(rng, host, outline, limits)
    if operation == "removal":
        return removal(host, outline)
    return RETOUCHING[operation](rng, host, outline)


def splice(
    rng: np.random.Generator, host: Array, donor: Array, outline: Array, limits: Limits = SAMPLE
) -> Forgery:
    """Cut `outline` out of `donor`, lay it anywhere into `host`, scaled, turned and recoloured at random."""
    patch, resampled, feathered = _selection(rng, donor, outline, host, limits, FROM_ELSEWHERE)
    top, left = _anywhere(rng, patch.alpha, host)
    recoloured = bool(rng.random() < 0.6)
    if recoloured:
        patch = fitted_light(patch, host, top, left, float(rng.uniform(0.2, 0.6)))
    forged = paste(host, patch, top, left)
    return replace(forged, resampled=resampled, recoloured=recoloured, feathered=feathered)


def copy_move(rng: np.random.Generator, picture: Array, outline: Array, limits: Limits = SAMPLE) -> Forgery:
    """Lay a copy of `outline` elsewhere into the same picture; the mask shows the copy alone."""
    patch, resampled, feathered = _selection(rng, picture, outline, picture, limits, COPIED)
    places = [_anywhere(rng, patch.alpha, picture) for _ in range(12)]

    def hidden(place: tuple[int, int]) -> float:
        under = outline[
            place[0] : place[0] + patch.alpha.shape[0], place[1] : place[1] + patch.alpha.shape[1]
        ]
        return float((under * patch.alpha[: under.shape[0], : under.shape[1]]).sum())

    forged = paste(picture, patch, *min(places, key=hidden))
    return replace(forged, resampled=resampled, feathered=feathered)


def _selection(
    rng: np.random.Generator, donor: Array, outline: Array, host: Array, limits: Limits, manner: Manner
) -> tuple[Patch, bool, bool]:
    """Cut a patch out, often scaled, turned or mirrored: it, whether it was resampled, whether feathered."""
    feather = float(rng.choice([0.0, rng.uniform(0.6, 1.2), rng.uniform(1.2, manner.softest)]))
    patch = cut(donor, outline, feather)
    area = max(float(patch.alpha.sum()), 1.0) / (host.shape[0] * host.shape[1])
    room = min(host.shape[0] / patch.alpha.shape[0], host.shape[1] / patch.alpha.shape[1])
    resampled = bool(rng.random() < limits.resampling)
    if resampled or (donor is not host and (room < 1 or area > limits.shares[1])):
        angles = [rng.uniform(-most, most) if most else 0.0 for most in manner.angles]
        angle = float(rng.choice(angles, p=manner.often))
        scale = np.exp(rng.uniform(np.log(0.65), np.log(1.6)))
        scale = np.clip(scale, *(np.sqrt(share / area) for share in limits.shares))
        patch = turned(patch, angle, min(float(scale), 0.95 * room), bool(rng.random() < manner.mirrored))
        resampled = True
    return patch, resampled, feather > 0


def _anywhere(rng: np.random.Generator, alpha: Array, host: Array) -> tuple[int, int]:
    """Draw where the upper left corner goes, so that the patch lies within the host where it fits."""
    room = [max(host.shape[axis] - alpha.shape[axis], 0) for axis in (0, 1)]
    return int(rng.integers(room[0] + 1)), int(rng.integers(room[1] + 1))


# Removal, as a healing brush does it.

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
    inside = window_sums(hole, ring.shape)
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
