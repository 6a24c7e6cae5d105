"""A part that was copied is found where it was put; what was not touched, or only repeats, is not."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.evidence.copy_move import examine
from pipeline.images.read import read

SIZE = 48  # of half of the object


def _picture(pixels, quality=None):
    content = io.BytesIO()
    kind = {"format": "PNG"} if quality is None else {"format": "JPEG", "quality": quality}
    Image.fromarray(pixels).save(content, **kind)
    return read(content.getvalue())


def _scene(seed=0, height=256, width=384):
    """Draw a scene of overlapping discs and polygons, with grain, (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    scene = np.full((height, width, 3), 120, np.uint8)
    for _ in range(500):
        centre = rng.integers(0, (width, height))
        corners = centre + rng.normal(0, 14, (rng.integers(3, 7), 2))
        cv2.fillPoly(scene, [cv2.convexHull(corners.astype(np.int32))], rng.integers(0, 256, 3).tolist())
    scene = cv2.GaussianBlur(scene, (0, 0), 0.8)
    return np.clip(scene + rng.normal(0, 4, scene.shape), 0, 255).astype(np.uint8)


def _copied(scene, centre=(90, 100), to=(280, 140), angle=0.0, scale=1.0, mirrored=False):
    """Paste the disc around `centre` at `to`; return the picture and both ends as (height, width) bool."""
    turn = cv2.getRotationMatrix2D(centre, angle, scale)
    if mirrored:
        turn = (np.vstack([turn, [0, 0, 1]]) @ [[-1, 0, 2 * centre[0]], [0, 1, 0], [0, 0, 1]])[:2]
    turn[:, 2] += np.subtract(to, centre)
    size = scene.shape[1::-1]
    source = cv2.circle(np.zeros(scene.shape[:2], np.uint8), centre, SIZE, 255, -1)
    there = cv2.warpAffine(source, turn, size) > 127
    moved = cv2.warpAffine(scene, turn, size, flags=cv2.INTER_CUBIC)
    return np.where(there[..., None], moved, scene), (source > 0) | there


WAYS = {
    "moved": {},
    "turned": {"angle": 20.0},
    "smaller": {"scale": 0.8},
    "mirrored": {"mirrored": True},
}
UNTOUCHED = {seed: examine(_picture(_scene(seed))).statistic for seed in range(3)}


@pytest.mark.parametrize("quality", [None, 80])
@pytest.mark.parametrize("way", WAYS)
def test_a_copy_is_found_where_it_was_put(way, quality):
    forged, both_ends = _copied(_scene(), **WAYS[way])
    finding = examine(_picture(forged, quality))
    assert finding.statistic > max(UNTOUCHED.values()) + 1
    marked = cv2.resize(both_ends.astype(np.float32), (48, 32), interpolation=cv2.INTER_AREA) > 0.5
    found = finding.map > 0.5
    assert (found & marked).sum() > 0.5 * marked.sum()
    assert (found & ~marked).sum() < 0.15 * found.sum()
    columns, rows = finding.matches.reshape(-1, 2).T.astype(int)
    near = cv2.dilate(both_ends.astype(np.uint8), np.ones((17, 17)))
    assert near[rows, columns].mean() > 0.9
    assert "copy" in finding.words


MOST_UNTOUCHED = max(UNTOUCHED.values())


@settings(max_examples=8, derandomize=True)
@given(
    scene=st.sampled_from(sorted(UNTOUCHED)),
    left=st.integers(50, 130),
    right=st.integers(250, 334),
    rows=st.tuples(*[st.integers(50, 206)] * 2),
    back=st.booleans(),
    angle=st.sampled_from([0.0, 30.0, -75.0, 180.0]),
    scale=st.sampled_from([1.0, 0.8, 1.25]),
    mirrored=st.booleans(),
)
def test_a_copy_is_found_wherever_it_is_put(scene, left, right, rows, back, angle, scale, mirrored):
    ends = [(left, rows[0]), (right, rows[1])]
    if back:
        ends.reverse()
    forged, both_ends = _copied(_scene(scene), *ends, angle, scale, mirrored)
    finding = examine(_picture(forged))
    assert finding.statistic > MOST_UNTOUCHED + 1
    columns, rows = finding.matches.reshape(-1, 2).T.astype(int)
    near = cv2.dilate(both_ends.astype(np.uint8), np.ones((17, 17)))
    assert near[rows, columns].mean() > 0.9


@settings(max_examples=5, derandomize=True)
@given(seed=st.integers(3, 10**6), quality=st.sampled_from([None, 90, 60]))
def test_an_untouched_scene_is_no_copy(seed, quality):
    assert examine(_picture(_scene(seed), quality)).statistic < MOST_UNTOUCHED + 1


def test_matches_lead_to_where_the_part_was_put():
    forged, _ = _copied(_scene(), to=(280, 140))
    across = np.diff(examine(_picture(forged)).matches.reshape(-1, 2, 2), axis=1)[:, 0]
    assert np.median(np.abs(across), axis=0) == pytest.approx([190, 40], abs=1)


def test_a_part_pasted_twice_is_shown_in_three_places():
    forged, _ = _copied(_scene(), (80, 80), (300, 70))
    forged, _ = _copied(forged, (80, 80), (210, 190))
    finding = examine(_picture(forged))
    for place in ((80, 80), (300, 70), (210, 190)):
        assert finding.map[place[1] // 8, place[0] // 8] > 0.5


def test_a_large_picture_is_answered_in_its_own_pixels():
    forged, _ = _copied(_scene(1))
    large = cv2.resize(forged, None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC)
    finding = examine(_picture(large))
    assert finding.map.shape == (160, 240)
    across = np.diff(finding.matches.reshape(-1, 2, 2), axis=1)[:, 0]
    assert np.median(np.abs(across), axis=0) == pytest.approx([950, 200], abs=4)


def _windows(rng):
    """Draw a façade of like windows, each with its own light and grain."""
    wall = np.full((256, 384, 3), 150, np.float32)
    for top in range(14, 240, 60):
        for left in range(14, 370, 60):
            wall[top : top + 36, left : left + 28] = 60 + rng.normal(0, 12)
            wall[top + 16 : top + 19, left : left + 28] = 220 + rng.normal(0, 8)
            wall[top : top + 36, left + 13 : left + 15] = 220 + rng.normal(0, 8)
    wall = cv2.GaussianBlur(wall, (0, 0), 1.0)
    return np.clip(wall + rng.normal(0, 5, wall.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(3))
def test_like_windows_do_not_count_as_a_copy(seed):
    copy = examine(_picture(_copied(_scene(seed))[0])).statistic
    assert examine(_picture(_windows(np.random.default_rng(seed)))).statistic < copy - 1


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (7, 300), (64, 64)])
@pytest.mark.parametrize("grain", [0, 3])
def test_pictures_with_nothing_to_match_have_no_finding(size, grain):
    rng = np.random.default_rng(0)
    flat = np.clip(128 + rng.normal(0, grain, (*size, 3)), 0, 255).astype(np.uint8)
    finding = examine(_picture(flat))
    assert finding.statistic == 0
    assert finding.map.shape == (size[0] // 8, size[1] // 8)
    assert finding.matches.shape == (0, 4)


def test_the_answer_is_the_same_each_time():
    picture = _picture(_copied(_scene(2), angle=10.0)[0], quality=85)
    first, second = examine(picture), examine(picture)
    assert (first.statistic, first.words) == (second.statistic, second.words)
    assert np.array_equal(first.map, second.map)
    assert np.array_equal(first.matches, second.matches)


def test_comofods_copies_stand_out_from_their_originals(real_pictures):
    statistic = {
        label: [
            examine(read(path)).statistic for path in sorted(real_pictures.glob(f"comofod/{label}/*.png"))
        ]
        for label in ("genuine", "fake")
    }
    wins = np.greater.outer(statistic["fake"], statistic["genuine"]).mean()
    assert wins > 0.85
