from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.config import Compute
from pipeline.datasets import near_duplicates
from pipeline.datasets.near_duplicates import CORRELATION, DISTANCE, N_ORIENTATIONS, near_pairs, turned_by
from pipeline.errors import UserError
from pipeline.images.hashes import perceptual_hashes, pixel_sha256

ALONE = Compute(backend="local", workers=1, scheduler=None)


def scene(seed, height=96, width=144):
    """Make a picture with large shapes, as a photograph has."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def turned(picture, orientation):
    return Image.fromarray(np.ascontiguousarray(turned_by(np.asarray(picture)[None], orientation)[0]))


def saved_again(picture, quality):
    content = BytesIO()
    picture.save(content, "JPEG", quality=quality)
    return Image.open(content).convert("RGB")


def files(folder, **pictures):
    """Save pictures and make their rows of files.csv."""
    rows = []
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.png")
        plain, others = perceptual_hashes(picture)
        rows.append((f"{name}.png", pixel_sha256(picture), plain, others))
    return pd.DataFrame(rows, columns=["path", "pixel_sha256", "phash", "phash_turned"])


def find(table, folder, compute=ALONE):
    return near_duplicates.find_near_duplicates(table, folder, compute).tolist()


def label(hashes, thumbnails):
    return near_duplicates.label_near_duplicates(hashes, lambda rows: thumbnails[rows]).tolist()


def alike(folder, **pictures):
    return find(files(folder, **pictures), folder)


@pytest.mark.parametrize("orientation", range(N_ORIENTATIONS))
def test_a_copy_saved_resized_and_turned_is_found(tmp_path, orientation):
    copy = turned(saved_again(scene(1).resize((120, 80)), 60), orientation)
    assert alike(tmp_path, original=scene(1), other=scene(2), copy=copy) == [0, 1, 0]


def test_uncorrelated_and_flat_pictures_are_like_none_and_few_pictures_are_taken(tmp_path):
    thumbnails = np.random.default_rng(0).integers(0, 256, (2, 32, 32), dtype=np.uint8)
    assert label(np.zeros((2, 8), dtype=np.uint64), thumbnails) == [0, 1]
    white, grey = (Image.new("RGB", (64, 64), colour) for colour in ("white", "grey"))
    assert alike(tmp_path, white=white, grey=grey) == [0, 1]
    assert alike(tmp_path) == []
    assert alike(tmp_path, one=scene(1)) == [0]


def test_only_candidates_are_opened_and_a_missing_one_says_what_to_do(tmp_path, monkeypatch):
    same_pixels = files(tmp_path, one=scene(1), two=scene(1), three=scene(2))
    for path in tmp_path.iterdir():
        path.unlink()
    assert find(same_pixels, tmp_path) == [0, 0, 1]
    table = files(tmp_path, one=scene(1), two=saved_again(scene(1), 60), three=scene(2))
    (tmp_path / "three.png").unlink()
    assert find(table, tmp_path) == [0, 0, 1]
    monkeypatch.chdir(tmp_path.parent)  # paths start at the folder wherever a worker is
    assert find(table, Path(tmp_path.name)) == [0, 0, 1]
    (tmp_path / "two.png").unlink()
    with pytest.raises(UserError, match=r"two\.png cannot be read: .*convert again"):
        find(table, tmp_path)


def test_workers_give_the_same_answer(tmp_path, monkeypatch):
    table = files(tmp_path, **{f"p{n}": saved_again(scene(n % 5), 50 + n) for n in range(20)})
    expected = find(table, tmp_path)
    monkeypatch.setattr(near_duplicates, "_ALONE", 0)
    two = Compute(backend="local", workers=2, scheduler=None)
    assert find(table, tmp_path, two) == expected
    assert len(set(expected)) == 5


def components(hashes, thumbnails):
    """Compare each with each in each orientation, to compare with."""
    n = len(hashes)
    labels = list(range(n))

    def joined(one, other):
        for orientation in range(N_ORIENTATIONS):
            near = (int(hashes[one, 0]) ^ int(hashes[other, orientation])).bit_count() <= 4
            pair = thumbnails[one], turned_by(thumbnails[other][None], orientation)[0]
            if near and np.corrcoef(*(each.ravel().astype(float) for each in pair))[0, 1] >= CORRELATION:
                return True
        return False

    for _ in range(n):
        for one in range(n):
            for other in range(n):
                if one != other and labels[one] != labels[other] and joined(one, other):
                    labels[one] = labels[other] = min(labels[one], labels[other])
    return labels


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 1)), max_size=9))
def test_labels_are_the_components_of_all_pairs(drawn):
    """Draw few hashes and few scenes, so that clusters with unlike members arise, and chains between them."""
    rng = np.random.default_rng(0)
    bases = rng.integers(0, 2**64, (3, 8), dtype=np.uint64)
    bases[1] = bases[0] ^ np.uint64(0b101)  # within four bits of the first
    first, last = rng.normal(size=(2, 32, 32))
    scenes = [first, 0.9 * first + 0.42 * last, 0.75 * first + 0.66 * last, last]
    hashes = np.array([bases[base] for base, _, _ in drawn], dtype=np.uint64).reshape(-1, 8)
    thumbnails = [np.rint(127 + 25 * scenes[index] + noise).clip(0, 255) for _, index, noise in drawn]
    stacked = np.array(thumbnails, dtype=np.uint8).reshape(-1, 32, 32)
    labels = label(hashes, stacked)
    expected = components(hashes, stacked)
    for one in range(len(drawn)):
        for other in range(len(drawn)):
            assert (labels[one] == labels[other]) == (expected[one] == expected[other])


# The search for near hashes.


def brute_force(hashes):
    bits = np.bitwise_count(hashes[:, :1, None] ^ hashes[None])
    return sorted(
        (int(one), int(other), int(orientation))
        for one, other, orientation in zip(*np.nonzero(bits <= DISTANCE), strict=True)
        if (one < other if orientation == 0 else one != other)
    )


def pairs_of(hashes):
    return sorted(zip(*(part.tolist() for part in near_pairs(hashes[:, 0].copy(), hashes)), strict=True))


def flipped(value, places):
    for place in places:
        value ^= 1 << place
    return value


@given(st.integers(0, 2**64 - 1), st.sets(st.integers(0, 63), max_size=8), st.integers(0, 7))
def test_hashes_are_found_up_to_the_distance_and_no_further(value, places, orientation):
    rng = np.random.default_rng(value % 1000)
    hashes = rng.integers(0, 2**64, (2, 8), dtype=np.uint64)
    hashes[0, 0], hashes[1, orientation] = value, flipped(value, places)
    assert pairs_of(hashes) == brute_force(hashes)
    assert ((0, 1, orientation) in pairs_of(hashes)) == (len(places) <= DISTANCE)


@settings(max_examples=20)
@given(st.integers(0, 100), st.integers(1, 300), st.integers(1, 12))
def test_the_search_finds_what_comparing_each_with_each_finds(seed, n, n_bits):
    rng = np.random.default_rng(seed)  # few bits vary, so that many hashes are near one another
    hashes = rng.integers(0, 2**n_bits, (n, 3), dtype=np.uint64) << np.uint64(seed % 50)
    assert pairs_of(hashes) == brute_force(hashes)


def test_few_pictures_have_no_pairs_and_a_bucket_with_more_than_fits_is_taken_in_parts(monkeypatch):
    for n in (0, 1):
        assert pairs_of(np.zeros((n, 8), dtype=np.uint64)) == []
    monkeypatch.setattr(near_duplicates, "_COMPARED", 50)
    monkeypatch.setattr(near_duplicates, "_QUERIES", 7)
    hashes = np.random.default_rng(0).integers(0, 16, (40, 2), dtype=np.uint64)
    assert pairs_of(hashes) == brute_force(hashes)
