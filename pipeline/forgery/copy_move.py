"""Copy-move: something in a picture is shown a second time, elsewhere in it."""

from dataclasses import replace

import numpy as np

from pipeline.forgery.fields import Array
from pipeline.forgery.patches import Forgery, Patch, cut, paste, turned
from pipeline.forgery.splice import SHARES, anywhere, fitting_scale

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
