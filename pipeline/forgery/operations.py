"""A fake from a photograph in about a millisecond, for training while it runs."""

from dataclasses import replace

import cv2
import numpy as np

from pipeline.forgery.fields import Array
from pipeline.forgery.patches import Forgery, Patch, cut, fitted_light, lasso_outline, paste, turned

# Splicing: something from another picture is laid into this one.
#

SHARES = (0.03, 0.25)  # of the picture that is tampered with


def splice(
    rng: np.random.Generator,
    host: Array,
    donor: Array,
    outline: Array,
    shares: tuple[float, float] = SHARES,
    resampling: float = 0.9,
) -> Forgery:
    """Cut `outline` out of `donor` and lay it somewhere into `host`, scaled, turned and recoloured at random.

    Args:
        rng: every choice is drawn from it.
        host: (H, W, 3) uint8.
        donor: (h, w, 3) uint8, of any size.
        outline: (h, w) bool, what is taken from the donor.
        shares: least and greatest share of the host that is tampered with.
        resampling: probability that what is laid in is scaled or turned.
    """
    feather = float(rng.choice([0.0, rng.uniform(0.6, 1.2), rng.uniform(1.2, 2.5)]))
    patch = cut(donor, outline, feather)
    resampled = bool(rng.random() < resampling)
    fits = all(side <= room for side, room in zip(patch.alpha.shape, host.shape, strict=False))
    if resampled or not fits or _share(patch.alpha, host) > shares[1]:
        angle = float(rng.choice([0.0, rng.uniform(-25, 25)]))
        scale = fitting_scale(rng, patch.alpha, host, shares)
        patch = turned(patch, angle, scale, bool(rng.random() < 0.3))
        resampled = True
    top, left = anywhere(rng, patch.alpha, host)
    recoloured = bool(rng.random() < 0.6)
    if recoloured:
        patch = fitted_light(patch, host, top, left, float(rng.uniform(0.2, 0.6)))
    return replace(
        paste(host, patch, top, left), resampled=resampled, recoloured=recoloured, feathered=feather > 0
    )


def fitting_scale(
    rng: np.random.Generator, alpha: Array, host: Array, shares: tuple[float, float] = SHARES
) -> float:
    """Draw a scale that leaves the patch within `shares` of the host and not wider or taller than it."""
    share = _share(alpha, host)
    low, high = (np.sqrt(wanted / share) for wanted in shares)
    room = 0.95 * min(host.shape[0] / alpha.shape[0], host.shape[1] / alpha.shape[1])
    scale = np.clip(np.exp(rng.uniform(np.log(0.65), np.log(1.6))), low, high)
    return float(min(scale, room))


def anywhere(rng: np.random.Generator, alpha: Array, host: Array) -> tuple[int, int]:
    """Draw where the upper left corner goes, so that the patch lies within the host where it fits."""
    room = [max(host.shape[axis] - alpha.shape[axis], 0) for axis in (0, 1)]
    return int(rng.integers(room[0] + 1)), int(rng.integers(room[1] + 1))


def _share(alpha: Array, host: Array) -> float:
    """Which share of the host a patch would take."""
    return max(float(alpha.sum()), 1.0) / (host.shape[0] * host.shape[1])


# Copy-move: something in a picture is shown a second time, elsewhere in it.
#

_TRIES = 12  # places that are drawn; the one that hides least of the original is taken


def copy_move(
    rng: np.random.Generator,
    picture: Array,
    outline: Array,
    shares: tuple[float, float] = SHARES,
    resampling: float = 0.8,
) -> Forgery:
    """Copy `outline` and lay it elsewhere into the same picture, mostly turned and scaled.

    Args:
        rng: every choice is drawn from it.
        picture: (H, W, 3) uint8.
        outline: (H, W) bool, what is copied. The mask of the result shows the copy, not the original.
        shares: least and greatest share of the picture that is tampered with.
        resampling: probability that the copy is turned and scaled.
    """
    feather = float(rng.choice([0.0, rng.uniform(0.6, 1.2), rng.uniform(1.2, 2.0)]))
    patch = cut(picture, outline, feather)
    resampled = bool(rng.random() < resampling)
    if resampled:
        angle = float(rng.choice([rng.uniform(-15, 15), rng.uniform(-180, 180)], p=[0.7, 0.3]))
        scale = fitting_scale(rng, patch.alpha, picture, shares)
        patch = turned(patch, angle, scale, bool(rng.random() < 0.4))
    top, left = _beside(rng, patch, picture, outline)
    return replace(paste(picture, patch, top, left), resampled=resampled, feathered=feather > 0)


def _beside(rng: np.random.Generator, patch: Patch, picture: Array, outline: Array) -> tuple[int, int]:
    """Of some places drawn at random, the one where the copy hides least of the original."""
    places = [anywhere(rng, patch.alpha, picture) for _ in range(_TRIES)]
    tall, wide = patch.alpha.shape

    def hidden(place: tuple[int, int]) -> float:
        under = outline[place[0] : place[0] + tall, place[1] : place[1] + wide]
        return float((under * patch.alpha[: under.shape[0], : under.shape[1]]).sum())

    return min(places, key=hidden)


# Removal: something is painted over with what fits from elsewhere in it, as a healing brush does.
#

REMOVED_SHARES = (0.02, 0.10)  # of the picture that is painted over; for more there is rarely a fitting place
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


# Retouching in place: a part of a picture is blurred, or resampled where it stands.
#


def local_blur(rng: np.random.Generator, picture: Array, outline: Array) -> Forgery:
    """Soften what lies in `outline` (H, W) bool, with a soft edge."""
    return _in_place(picture, cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.6, 2.5))), outline)


def local_resampling(rng: np.random.Generator, picture: Array, outline: Array) -> Forgery:
    """Turn or scale what lies in `outline` (H, W) bool a little about its middle: what warping tools do."""
    rows, columns = np.nonzero(outline)
    middle = (float(columns.mean()), float(rows.mean()))
    move = cv2.getRotationMatrix2D(middle, float(rng.uniform(-12, 12)), float(rng.uniform(0.8, 1.3)))
    moved = cv2.warpAffine(
        picture, move, picture.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return _in_place(picture, moved, outline)


def _in_place(picture: Array, changed: Array, outline: Array) -> Forgery:
    alpha = cv2.GaussianBlur(outline.astype(np.float32), (0, 0), 1.0) * outline
    return paste(picture, Patch(changed.astype(np.float32), alpha), 0, 0)


TWIN_SHARES = (0.02, 0.5)  # of the picture that is tampered with
_MOST_REMOVED = 0.08  # for more there is rarely a fitting place, and looking for one takes long
_RESAMPLING = 0.55  # probability for what is laid in: half of all editors paste as it is
DEEDS = {"splice": 0.58, "copy_move": 0.28, "local_blur": 0.05, "local_resampling": 0.05, "removal": 0.04}


def tamper(rng: np.random.Generator, host: Array, donor: Array) -> Forgery:
    """Splice, copy and move, blur, resample or remove something, as `DEEDS` are frequent.

    Args:
        rng: every choice is drawn from it.
        host: (H, W, 3) uint8 that is tampered with.
        donor: (h, w, 3) uint8 from which a splice takes something.
    """
    deed = rng.choice(list(DEEDS), p=list(DEEDS.values()))
    shape = donor.shape[:2] if deed == "splice" else host.shape[:2]
    share = float(np.exp(rng.uniform(*np.log(TWIN_SHARES))))
    outline = lasso_outline(rng, shape, min(share, _MOST_REMOVED) if deed == "removal" else share)
    if deed == "splice":
        return splice(rng, host, donor, outline, TWIN_SHARES, _RESAMPLING)
    if deed == "copy_move":
        return copy_move(rng, host, outline, TWIN_SHARES, _RESAMPLING)
    if deed == "removal":
        return removal(host, outline)
    return {"local_blur": local_blur, "local_resampling": local_resampling}[deed](rng, host, outline)
