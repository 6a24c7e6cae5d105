"""A few photographs drawn once for all tests of pipeline/forgery."""

import pytest

from pipeline.forgery.dead_leaves import STYLES
from pipeline.forgery.sample_pictures import take_photograph
from pipeline.forgery.sample_plan import Shot


@pytest.fixture(scope="session")
def photographs():
    """One photograph of each family, 72 x 104 pixels, by different cameras."""
    shots = [Shot(number=n + 1, style=n, camera=n % 6, height=72, width=104) for n in range(len(STYLES))]
    return [take_photograph(shot, seed=3) for shot in shots]
