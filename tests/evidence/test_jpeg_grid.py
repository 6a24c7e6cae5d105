"""A foreign JPEG grid is found where it was put, and nowhere else."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import beta

from pipeline.evidence.jpeg_grid import _log_beta, _log_tail, examine, pixel_votes
from pipeline.forgery.camera import CAMERAS, photograph
from pipeline.forgery.dead_leaves import fractal
from pipeline.images.read import read


def drawn(seed, shape=(256, 320)):
    """A photograph of clouds: no JPEG history, texture everywhere."""
    rng = np.random.default_rng(seed)
    radiance = np.repeat(0.1 + 0.6 * fractal(rng, shape, 1.0)[:, :, None], 3, axis=2).astype(np.float32)
    return photograph(rng, radiance, CAMERAS[0])


def saved(pixels, kind="JPEG", **settings):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **settings)
    return file.getvalue()


def through_jpeg(pixels, quality):
    return read(saved(pixels, quality=quality)).pixels


@pytest.fixture(scope="module")
def genuine():
    return through_jpeg(drawn(1), 75)


@pytest.fixture(scope="module")
def forged(genuine):
    donor = through_jpeg(drawn(2), 75)
    forged = genuine.copy()
    forged[67:163, 101:229] = donor[64:160, 96:224]  # its blocks begin at row 3, column 5
    return forged


@pytest.mark.parametrize("settings", [{"kind": "PNG"}, {"quality": 95}], ids=["png", "jpeg"])
def test_a_pasted_region_is_found_where_it_was_put(forged, settings):
    finding = examine(read(saved(forged, **settings)))
    assert finding.statistic > 5
    assert "begin at (3, 5)" in finding.words
    assert "rest at (0, 0)" in finding.words
    inside = finding.map[10:19, 14:27]
    assert inside.mean() > 3 * np.delete(finding.map, np.s_[8:21], axis=0).mean()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_untouched_picture_is_not_found(genuine, kind):
    assert examine(read(saved(genuine, kind))).statistic == 0


def test_a_picture_without_any_history_is_not_found():
    assert examine(read(saved(drawn(3), "PNG"))).statistic == 0


def test_a_picture_that_was_cropped_and_saved_again_is_not_found(genuine):
    cropped = np.ascontiguousarray(genuine[3:, 5:])
    assert examine(read(saved(cropped, "PNG"))).statistic == 0
    assert examine(read(saved(cropped, quality=92))).statistic == 0


def test_votes_are_for_the_grid_of_the_jpeg(genuine):
    votes = pixel_votes(np.array(Image.fromarray(genuine[2:, 4:]).convert("L")))
    assert np.bincount(votes[votes < 64]).argmax() == 6 * 8 + 4


@pytest.mark.parametrize("size", [(8, 8), (24, 24), (25, 90), (64, 64)])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_any_picture_is_answered(size, mode):
    finding = examine(read(saved(np.asarray(Image.new(mode, size, 255)), "PNG")))
    assert np.isnan(finding.statistic) == (min(size) < 24)
    assert finding.map is None or finding.map.shape == (size[1] // 8, size[0] // 8)
    assert not finding.statistic > 0


def test_the_same_picture_gets_the_same_answer(forged):
    first, second = (examine(read(saved(forged, "PNG"))) for _ in range(2))
    assert first.statistic == second.statistic
    assert np.array_equal(first.map, second.map)


@given(
    st.integers(2, 128).map(lambda side: side * side), st.floats(0.01, 1), st.sampled_from([1 / 64, 0.1, 0.7])
)
def test_tails_are_those_of_the_beta_distribution(n, share, chance):
    votes = share * n
    expected = beta.logcdf(chance, votes, n - votes + 1)
    if expected > -700:  # below it, the value is no float
        assert _log_beta(votes, n - votes + 1, chance) == pytest.approx(expected, rel=1e-8, abs=1e-12)


def test_a_tail_may_be_smaller_than_any_float():
    """Ever more votes of all are ever less likely: log10 of 64 to the power of their number, at last."""
    n = 128 * 128
    found = [_log_tail(n, share * n, 1 / 64) for share in (0.1, 0.2, 0.5, 0.9, 1.0)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(-n * np.log10(64))
