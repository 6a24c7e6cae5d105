import numpy as np
import pandas as pd
from PIL import Image

from pipeline.auditing.likeness import find_alike
from pipeline.config import Compute
from pipeline.images.hashes import perceptual_hashes
from tests.auditing.files import scene

HERE = Compute(backend="local", workers=1, scheduler=None)


def table(folder, *pixels):
    rows = []
    for number, picture in enumerate(pixels):
        path = folder / f"{number}.png"
        Image.fromarray(picture).save(path)
        rows.append((str(path), *perceptual_hashes(Image.fromarray(picture))))
    return pd.DataFrame(rows, columns=["path", "phash", "phash_turned"])


def pairs(pictures, differing):
    found = find_alike(pictures, np.array(differing), HERE)
    return list(zip(found.one.tolist(), found.other.tolist(), strict=True))


def test_copies_in_other_poses_and_sizes_are_found_across_and_not_within(tmp_path):
    first, other = scene(0, 96, 96), scene(1, 96, 96)
    smaller = np.asarray(Image.fromarray(first).resize((64, 64), Image.Resampling.BICUBIC))
    pictures = table(tmp_path, first, np.rot90(first), np.fliplr(first), smaller, other)
    assert pairs(pictures, [0, 1, 1, 1, 1]) == [(0, 1), (0, 2), (0, 3)]
    assert pairs(pictures, [0, 0, 0, 0, 1]) == []


def test_flat_pictures_are_like_nothing(tmp_path):
    flat = [np.full((64, 64, 3), level, np.uint8) for level in (10, 10, 200)]
    assert pairs(table(tmp_path, *flat), [0, 1, 2]) == []


def test_a_hash_that_many_have_is_not_searched(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.auditing.likeness.MOST_ALIKE", 2)
    assert pairs(table(tmp_path, *[scene()] * 3), [0, 1, 2]) == []


def test_more_pairs_than_are_compared_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.auditing.likeness.MOST_PAIRS", 1)
    found = find_alike(table(tmp_path, *[scene()] * 3), np.array([0, 1, 2]), HERE)
    assert (len(found.one), found.not_compared) == (1, 2)
