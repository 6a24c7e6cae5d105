"""A fake from a photograph in about a millisecond, for training while it runs."""

import numpy as np

from pipeline.forgery.copy_move import copy_move
from pipeline.forgery.fields import Array
from pipeline.forgery.outlines import lasso_outline
from pipeline.forgery.patches import Forgery
from pipeline.forgery.removal import removal
from pipeline.forgery.retouch import local_blur, local_resampling
from pipeline.forgery.splice import splice

SHARES = (0.02, 0.5)  # of the picture that is tampered with
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
    share = float(np.exp(rng.uniform(*np.log(SHARES))))
    outline = lasso_outline(rng, shape, min(share, _MOST_REMOVED) if deed == "removal" else share)
    if deed == "splice":
        return splice(rng, host, donor, outline, SHARES, _RESAMPLING)
    if deed == "copy_move":
        return copy_move(rng, host, outline, SHARES, _RESAMPLING)
    if deed == "removal":
        return removal(host, outline)
    return {"local_blur": local_blur, "local_resampling": local_resampling}[deed](rng, host, outline)
