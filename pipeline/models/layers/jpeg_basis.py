"""What JPEG does to colours and blocks, as the arrays that layers multiply with.

Reference: ITU-T T.81 (JPEG), A.3.3 (the transform); ITU-T T.871 (JFIF), 7 (the colours, BT.601).
"""

import numpy as np

BLOCK = 8  # pixels on a side
CENTRE = 128.0  # subtracted from 8-bit luminance before the transform, added to chrominance

# From RGB, one row a colour, to Y, Cb, Cr; centred chrominance.
YCBCR = np.array(
    [
        [0.299, -0.168735892, 0.5],
        [0.587, -0.331264108, -0.418687589],
        [0.114, 0.5, -0.081312411],
    ]
)
LUMA = YCBCR[:, :1]


def cosine_basis() -> np.ndarray:
    """Give the orthonormal two-dimensional DCT of 8 × 8 blocks as one orthogonal matrix.

    Returns:
        float64 (64 pixels, 64 frequencies), each counted row by row; a row of frequencies is one
        vertical frequency.
    """
    frequency, place = np.mgrid[0:BLOCK, 0:BLOCK]
    cosines = np.cos(np.pi * (2 * place + 1) * frequency / (2 * BLOCK)) * np.sqrt(2 / BLOCK)
    cosines[0] /= np.sqrt(2)
    return np.kron(cosines, cosines).T
