import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.datasets.hamming import DISTANCE, near_pairs


def brute_force(poses):
    bits = np.bitwise_count(poses[:, :1, None] ^ poses[None])
    return sorted(
        (int(one), int(other), int(pose))
        for one, other, pose in zip(*np.nonzero(bits <= DISTANCE), strict=True)
        if (one < other if pose == 0 else one != other)
    )


def found(poses):
    return sorted(zip(*(part.tolist() for part in near_pairs(poses[:, 0].copy(), poses)), strict=True))


def flipped(value, places):
    for place in places:
        value ^= 1 << place
    return value


@given(st.integers(0, 2**64 - 1), st.sets(st.integers(0, 63), max_size=8), st.integers(0, 7))
def test_hashes_are_found_up_to_the_distance_and_no_further(value, places, pose):
    rng = np.random.default_rng(value % 1000)
    poses = rng.integers(0, 2**64, (2, 8), dtype=np.uint64)
    poses[0, 0], poses[1, pose] = value, flipped(value, places)
    assert found(poses) == brute_force(poses)
    assert ((0, 1, pose) in found(poses)) == (len(places) <= DISTANCE)


@settings(max_examples=20)
@given(st.integers(0, 100), st.integers(1, 300), st.integers(1, 12))
def test_the_search_finds_what_comparing_each_with_each_finds(seed, n, n_bits):
    rng = np.random.default_rng(seed)  # few bits vary, so that many hashes are near one another
    poses = rng.integers(0, 2**n_bits, (n, 3), dtype=np.uint64) << np.uint64(seed % 50)
    assert found(poses) == brute_force(poses)


def test_nothing_and_one_picture_have_no_pairs():
    for n in (0, 1):
        assert found(np.zeros((n, 8), dtype=np.uint64)) == []


def test_a_bucket_with_more_than_fits_is_taken_in_parts(monkeypatch):
    monkeypatch.setattr("pipeline.datasets.hamming._COMPARED", 50)
    monkeypatch.setattr("pipeline.datasets.hamming._QUERIES", 7)
    poses = np.random.default_rng(0).integers(0, 16, (40, 2), dtype=np.uint64)
    assert found(poses) == brute_force(poses)
