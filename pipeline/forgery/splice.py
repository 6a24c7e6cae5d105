"""Splicing: something from another picture is laid into this one."""

from dataclasses import replace

import numpy as np

from pipeline.forgery.fields import Array
from pipeline.forgery.patches import Forgery, cut, fitted_light, paste, turned

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
