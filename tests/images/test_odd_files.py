"""A corpus of odd files: each is read right, or refused with its reason."""

import numpy as np
import pytest

from pipeline.images.read import Unreadable, read_rgb
from tests.images import odd_files

READABLE, BROKEN = odd_files.readable(), odd_files.broken()


@pytest.mark.parametrize("name", READABLE)
def test_it_shows_what_is_in_it(name):
    odd = READABLE[name]
    found = read_rgb(odd.content)
    assert found.shape == odd.shown.shape
    difference = np.abs(found.astype(int) - odd.shown.astype(int))
    # A wrong byte order or sign would be far off in some pixels, not in the mean alone.
    assert difference.mean() <= odd.tolerance
    assert difference.max() <= 40 * odd.tolerance + (odd.tolerance > 0)


@pytest.mark.parametrize("name", BROKEN)
def test_it_is_refused_with_its_reason(name):
    content, reason = BROKEN[name]
    with pytest.raises(Unreadable, match=reason):
        read_rgb(content)


def test_the_corpus_is_as_large_as_it_should_be():
    assert len(READABLE) >= 120
    assert len(BROKEN) >= 40
