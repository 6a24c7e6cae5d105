"""A smooth place that was copied is found, though it has no keypoints; smoothness alone is no copy."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.evidence.copy_move import examine
from pipeline.evidence.dense_copy_move import find_smooth_matches, find_translations
from pipeline.images.read import read

PLACES = [((90, 100), (281, 143)), ((300, 190), (61, 59)), ((60, 60), (67, 181))]
SHOWN = 1.3  # the statistic that 2 % of genuine pictures have


def _picture(pixels, quality=None):
    content = io.BytesIO()
    kind = {"format": "PNG"} if quality is None else {"format": "JPEG", "quality": quality}
    Image.fromarray(pixels).save(content, **kind)
    return read(content.getvalue())


def _sky(seed=0, height=256, width=384, grain=0.8):
    """Draw a sky: a gradient with the soft grain of a camera, (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    light = 150 + 40 * rows / height + 15 * columns / width
    soft = cv2.GaussianBlur(rng.normal(0, 1, (height, width)), (0, 0), 1.0)
    levels = light + grain * soft / soft.std() + rng.normal(0, 0.3, (height, width))
    return np.clip(levels[..., None] + [-20, 0, 20], 0, 255).astype(np.uint8)


def _covered(sky, centre, to, radius=48):
    """Copy a disc with a soft edge, as a brush does; return the picture and both ends."""
    source = cv2.circle(np.zeros(sky.shape[:2], np.uint8), centre, radius, 1, -1)
    by = np.float32([[1, 0, to[0] - centre[0]], [0, 1, to[1] - centre[1]]])
    size = sky.shape[1::-1]
    there = cv2.warpAffine(source, by, size)
    opaque = cv2.GaussianBlur(there.astype(np.float32), (0, 0), 2)[..., None]
    moved = cv2.warpAffine(sky, by, size)
    return (sky * (1 - opaque) + moved * opaque + 0.5).astype(np.uint8), (source | there) > 0


@pytest.mark.parametrize("quality", [None, 90])
@pytest.mark.parametrize(("centre", "to"), PLACES)
def test_a_smooth_copy_is_found_where_it_was_put(centre, to, quality):
    forged, both_ends = _covered(_sky(), centre, to)
    finding = examine(_picture(forged, quality))
    assert finding.statistic > SHOWN
    marked = cv2.resize(both_ends.astype(np.float32), (48, 32), interpolation=cv2.INTER_AREA) > 0.5
    found = finding.map > 0.5
    assert (found & marked).sum() > (0.4 if quality is None else 0.2) * marked.sum()
    assert (found & ~marked).sum() < 0.1 * found.sum()
    across = np.abs(np.diff(finding.matches.reshape(-1, 2, 2), axis=1)[:, 0])
    assert np.median(across, axis=0) == pytest.approx(np.abs(np.subtract(to, centre)), abs=1)


@pytest.mark.parametrize("quality", [None, 95, 80, 50])
@pytest.mark.parametrize("seed", range(3))
def test_an_untouched_sky_is_no_copy(seed, quality):
    assert examine(_picture(_sky(seed), quality)).statistic < SHOWN / 2


def test_flat_and_overexposed_places_match_nothing():
    sky = _sky()
    sky[:100] = 255
    sky[100:180] = (90, 140, 200)
    grey = cv2.cvtColor(sky, cv2.COLOR_RGB2GRAY)
    matches = find_smooth_matches(grey, np.zeros(0, complex))
    assert not (np.r_[matches.source.imag, matches.target.imag] < 165).any()


def test_places_with_keypoints_are_left_out():
    forged, _ = _covered(_sky(), (90, 100), (281, 143))
    grey = cv2.cvtColor(forged, cv2.COLOR_RGB2GRAY)
    assert len(find_smooth_matches(grey, np.zeros(0, complex))) > 20
    rows, columns = np.mgrid[0:256:8, 0:384:8]
    assert len(find_smooth_matches(grey, (columns + 1j * rows).ravel())) == 0


def test_blocks_of_two_copies_make_two_translations():
    forged, _ = _covered(_sky(), (90, 60), (281, 63))
    forged, _ = _covered(forged, (90, 180), (291, 193))
    matches = find_smooth_matches(cv2.cvtColor(forged, cv2.COLOR_RGB2GRAY), np.zeros(0, complex))
    by = sorted(tuple(np.abs(motion.affine[:, 2])) for motion in find_translations(matches)[:2])
    assert by == [(191, 3), (201, 13)]
