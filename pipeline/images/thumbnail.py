"""What a picture shows in the coarsest sense, light, colours and composition, with every finer trace gone.

A person tells a beach from a portrait on a thumbnail of 32 x 32 colours (Torralba, Fergus and Freeman, IEEE
Transactions on Pattern Analysis and Machine Intelligence 30, 2008, doi:10.1109/TPAMI.2008.128); a quarter of
that a side is enough for the question whether two sets of pictures differ. Of how a picture was saved, or of
what was done to its pixels, an average over so many says nothing.
"""

import numpy as np
from PIL import Image

SIDE = 8  # colours along each side
N_FEATURES = 3 * SIDE * SIDE + 6

_COLOURS = "YCbCr"  # brightness apart from colour, as JPEG has them
_OVERLAPPING = Image.Resampling.BILINEAR  # see `thumbnail_features`


def thumbnail_features(rgb: np.ndarray) -> np.ndarray:
    """Shrink a picture to a grid of colours, whatever its shape.

    Each colour is an average weighted over twice the width and height of its cell, so that it mixes the
    8 x 8 blocks of a JPEG also in pictures so small that a cell is no larger than one of these.

    Args:
        rgb: (height, width, 3) uint8.

    Returns:
        (n,) float32 in 0-255, `N_FEATURES` of them: brightness and two colour differences of each cell, row
        by row, and of each of the three the mean and the standard deviation over all cells.
    """
    small = Image.fromarray(rgb).resize((SIDE, SIDE), _OVERLAPPING).convert(_COLOURS)
    cells = np.asarray(small, np.float32).reshape(SIDE * SIDE, 3)
    return np.concatenate([cells.ravel(), cells.mean(axis=0), cells.std(axis=0)])
