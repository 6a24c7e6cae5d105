"""What a specialist says of one picture."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Finding:
    """What a specialist found in one picture.

    Attributes:
        statistic: larger where the picture is less like a genuine one; nothing found is 0 or the test's own
            least. NaN where the test does not apply (no JPEG, no thumbnail, too small): it is then no
            evidence either way.
        words: one sentence for a person: what was found, or why the test does not apply.
        map: (height // 8, width // 8) float32 in [0, 1], where; None where the test has no place to show.
        matches: (n, 4) float32, x and y of a point and x and y of the one that it was copied to, in pixels;
            None for others.
    """

    statistic: float
    words: str
    map: np.ndarray | None = None
    matches: np.ndarray | None = None
