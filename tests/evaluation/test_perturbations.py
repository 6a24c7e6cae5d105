import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.detector.inference import NATIVE
from pipeline.evaluation.perturbations import SETS, perturb
from pipeline.images.jpeg import NO_TABLE, libjpeg_tables
from pipeline.inputs.load import load, on_grid

FULL = {each.name: each for each in SETS["full"]}
SAVED_LAST = {
    **{f"jpeg {quality}": quality for quality in (100, 95, 90, 85, 75, 65, 50)},
    **{"double jpeg 75 90": 90, "double jpeg 90 75": 75, "double jpeg 85 90 off grid": 90},
    "social network": 71,
}


def picture(height=64, width=96, seed=0):
    """A gradient with a bright square and a little noise."""
    rng = np.random.default_rng(seed)
    pixels = np.tile(np.linspace(40, 200, width)[None, :, None], (height, 1, 3))
    pixels[height // 4 : height // 2, width // 4 : width // 2] += 40
    return np.clip(pixels + rng.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8)


def test_the_fast_set_is_a_part_of_the_full_one_and_asks_about_content_twice():
    fast = [each.name for each in SETS["fast"]]
    assert len(fast) == 12
    assert {"jpeg 75", "resize 0.75", "blur 1", "social network"} < set(fast)  # what a web site does
    assert set(fast) < set(FULL)
    assert sum(each.is_probe for each in SETS["fast"]) == 2
    assert len(FULL) == len(SETS["full"])  # no name twice


@pytest.mark.parametrize("name", FULL)
@settings(max_examples=5)
@given(blocks=st.tuples(st.integers(1, 9), st.integers(1, 9)), seed=st.integers(0, 9))
def test_any_picture_comes_out_on_the_grid_and_is_left_as_it_was(name, blocks, seed):
    pixels = picture(8 * blocks[0], 8 * blocks[1], seed)
    before = pixels.copy()
    changed, table = perturb(pixels, FULL[name], seed=1, number=2)
    assert changed.dtype == np.uint8
    assert changed.shape[2] == 3
    assert changed.shape[0] % 8 == changed.shape[1] % 8 == 0
    assert min(changed.shape[:2]) >= 8
    assert table.shape == (8, 8)
    assert (pixels == before).all()


def test_noise_is_another_one_for_another_picture_or_seed():
    first, number, seed = (
        perturb(picture(), FULL["noise 7"], *key).pixels.astype(int) for key in [(0, 0), (0, 1), (1, 0)]
    )
    assert (first != number).mean() > 0.8
    assert (first != seed).mean() > 0.8
    assert (first - picture()).std() == pytest.approx(7, rel=0.05)


@pytest.mark.parametrize("name", FULL)
def test_the_same_seed_and_number_give_the_same_picture_and_the_table_is_that_of_the_last_save(name):
    first, again = (perturb(picture(), FULL[name], seed=3, number=5) for _ in range(2))
    assert (first.pixels == again.pixels).all()
    assert (first.quantisation == again.quantisation).all()
    table = perturb(picture(), FULL[name], 0, 0).quantisation
    if name in SAVED_LAST:
        assert (table.ravel() == libjpeg_tables(SAVED_LAST[name])[0]).all()
    else:
        assert (table == NO_TABLE).all()


def test_a_jpeg_is_what_reading_the_saved_file_gives():
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, "JPEG", quality=75, subsampling="4:2:0")
    read = load(buffer.getvalue(), NATIVE)
    changed = perturb(picture(), FULL["jpeg 75"], 0, 0)
    assert (changed.pixels == read.pixels).all()
    assert (changed.quantisation == read.quantisation).all()


def test_a_lossless_save_changes_no_pixel_and_a_cut_only_moves_them():
    assert (perturb(picture(), FULL["lossless"], 0, 0).pixels == picture()).all()
    cut = perturb(picture(), FULL["crop 3 5"], 0, 0).pixels
    assert (cut == on_grid(picture()[3:, 5:])).all()


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *[("resize 0.5", (32, 48)), ("resize 0.75", (48, 72)), ("resize 1.25", (80, 120))],
        *[("resize 1.5", (96, 144)), ("resize 2", (128, 192)), ("crop 3 5", (56, 88))],
        *[("double jpeg 85 90 off grid", (56, 88)), ("screenshot", (56, 96)), ("social network", (48, 72))],
        *[("thumbnail 48", (64, 96)), ("low pass 4", (64, 96)), ("low frequencies 3", (64, 96))],
    ],
)
def test_sizes(name, size):
    assert perturb(picture(), FULL[name], 0, 0).pixels.shape[:2] == size


def test_a_network_shrinks_large_pictures_to_its_largest_side():
    large = np.zeros((8, 2_560, 3), np.uint8)
    assert perturb(large, FULL["social network"], 0, 0).pixels.shape[1] == 2_048


@pytest.mark.parametrize("name", [each.name for each in SETS["full"] if each.is_probe])
def test_probes_keep_the_content_and_lose_the_texture(name):
    smooth = picture().astype(float)
    smooth = (smooth - np.random.default_rng(0).normal(0, 4, smooth.shape))[8:-8, 8:-8]
    left = perturb(picture(), FULL[name], 0, 0).pixels.astype(float)[8:-8, 8:-8]
    assert np.corrcoef(left.ravel(), smooth.ravel())[0, 1] > 0.9
    texture = np.abs(np.diff(left, n=2, axis=1)).mean()
    assert texture < np.abs(np.diff(picture()[8:-8, 8:-8].astype(float), n=2, axis=1)).mean() / 4
    # A coarse save leaves blocks few means to have; the probe must not, or a trace of it is left.
    levels = np.random.default_rng(0).integers(1, 8, (32, 48, 1)) * 32
    coarse = np.repeat(np.repeat(levels, 8, axis=0), 8, axis=1).repeat(3, axis=2).astype(np.uint8)
    means = perturb(coarse, FULL[name], 0, 0).pixels.reshape(32, 8, 48, 8, 3).mean(axis=(1, 3))
    assert np.abs(means - np.rint(means / 32) * 32).mean() > 6  # of 8, where any mean is as likely


def test_tone_moves_the_levels_as_it_says():
    flat = np.full((8, 8, 3), 100, np.uint8)
    levels = {
        name: perturb(flat, FULL[name], 0, 0).pixels[0, 0, 0]
        for name in ("brightness 25", "contrast 1.25", "gamma 0.8")
    }
    assert levels == {"brightness 25": 125, "contrast 1.25": 93, "gamma 0.8": 120 + 1}
    white = np.full((8, 8, 3), 250, np.uint8)
    assert perturb(white, FULL["brightness 25"], 0, 0).pixels.max() == 255
