import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import layers

from pipeline.detector import inference
from pipeline.detector.inference import LARGEST, MARGIN, TILE, cut_tiles, scorer_of, stitch
from pipeline.inputs.load import Loaded, load
from pipeline.models import dct
from pipeline.models.layers import TopKMean
from tests.detector import builders
from tests.detector.builders import portable
from tests.images.pictures import draw_photo, encoded, saved, turned_without_loss
from tests.inputs.drawn import native, resized

NATIVE = native(32, 32)
RESIZED = resized(16, 24)


def png(height=50, width=70, seed=0):
    return encoded(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8), "PNG")


@pytest.fixture(scope="module")
def localising():
    """A network whose blocks are the mean brightness of their pixels, over 100."""
    image = keras.Input((None, None, 3), name="image")
    table = keras.Input((8, 8), name="quantisation")
    mean = layers.Conv2D(1, 1, use_bias=False, kernel_initializer=keras.initializers.Constant(1 / 300))
    blocks = mean(layers.AveragePooling2D(8)(image))
    inputs = {"image": image, "quantisation": table}
    return portable(builders.localising(blocks, inputs, TopKMean(0.1, name="logit")))


def test_a_whole_picture_gets_a_map_of_its_blocks_and_their_highest_mean(localising):
    scorer = scorer_of(localising, NATIVE)
    picture = png()
    (answer,) = scorer.score([scorer.prepare(picture)])
    pixels = load(picture, NATIVE).pixels
    wanted = pixels.reshape(6, 8, 8, 8, 3).mean(axis=(1, 3, 4)) / 100
    assert answer.map == pytest.approx(wanted, rel=1e-4)
    assert answer.logit == pytest.approx(np.sort(wanted.ravel())[-8:].mean(), rel=1e-4)


def test_a_picture_in_tiles_gets_the_answer_of_the_whole(localising, monkeypatch):
    scorer = scorer_of(localising, NATIVE)
    prepared = [scorer.prepare(png(200, 312))]
    (whole,) = scorer.score(prepared)
    monkeypatch.setattr(inference, "LARGEST", 10_000)
    monkeypatch.setattr(inference, "TILE", 64)
    (in_tiles,) = scorer.score(prepared)
    assert in_tiles.map == pytest.approx(whole.map, rel=1e-5)
    assert in_tiles.logit == pytest.approx(whole.logit, rel=1e-5)


@pytest.fixture(scope="module")
def of_coefficients():
    """A network on quantised coefficients and the quantisation table, with new weights.

    Coefficients before they are quantised would have the rounding of pixels in them, which depends on whether
    libjpeg's transform takes rows or columns first.
    """
    keras.utils.set_random_seed(3)
    sizes = {"frequencies": 64, "largest": 5, "absolute_frequencies": 0, "absolute_largest": 16}
    network = dct.build(**sizes, filters=16, depth=1, context=True, share=0.02)
    return scorer_of(portable(network), NATIVE)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_picture_turned_by_its_orientation_gets_the_answer_of_the_upright_one(of_coefficients, orientation):
    upright = saved(draw_photo(64, 96, seed=1) // 2 + 64, quality=75, subsampling=0)
    turned = turned_without_loss(upright, orientation)
    scorer = of_coefficients
    before, after = scorer.score([scorer.prepare(upright), scorer.prepare(turned)])
    assert after.logit == pytest.approx(before.logit, abs=1e-3)
    assert after.map == pytest.approx(before.map, abs=1e-3)


def test_an_answer_does_not_depend_on_the_company_of_a_picture(localising):
    scorer = scorer_of(localising, NATIVE)
    prepared = [scorer.prepare(png(40 + 8 * number, 64, number)) for number in range(4)]
    together = [answer.logit for answer in scorer.score(prepared)]
    assert together == [next(scorer.score([each])).logit for each in prepared]


@pytest.fixture(scope="module")
def without_map():
    image = keras.Input((16, 24, 3), name="image")
    logit = layers.Reshape(())(layers.Dense(1)(layers.Flatten()(image)))
    return portable(keras.Model({"image": image}, {"logit": logit}))


def test_a_network_without_a_map_gives_none(without_map):
    scorer = scorer_of(without_map, RESIZED)
    answers = list(scorer.score([scorer.prepare(png(seed=seed)) for seed in range(40)]))
    assert len(answers) == 40
    assert {answer.map for answer in answers} == {None}
    assert answers[3] == next(scorer.score([scorer.prepare(png(seed=3))]))


def test_crops_of_one_size_are_answered_together_as_they_are_alone(localising):
    scorer = scorer_of(localising, NATIVE)
    sizes = [(64, 64), (64, 64), (32, 64), (64, 64), (64, 64), (64, 64)]
    crops = [scorer.prepare(png(*size, seed=seed)) for seed, size in enumerate(sizes)]
    together = list(scorer.score_crops(iter(crops)))
    for answer, alone in zip(together, scorer.score(crops), strict=True):
        assert answer.logit == pytest.approx(alone.logit, abs=1e-4)
        assert answer.map == pytest.approx(alone.map, abs=1e-4)


def test_crops_are_taken_as_they_are_needed(localising, monkeypatch):
    monkeypatch.setattr(inference, "_TOGETHER", 2 * 64 * 64)
    scorer, taken = scorer_of(localising, NATIVE), []

    def crops():
        for seed in range(9):
            taken.append(seed)
            yield scorer.prepare(png(64, 64, seed))

    answers = scorer.score_crops(crops())
    next(answers)
    assert len(taken) <= 3
    assert len(list(answers)) == 8


@pytest.mark.parametrize("inputs", [NATIVE, RESIZED], ids=["native", "resized"])
def test_a_crop_is_judged_as_the_file_of_it_would_be(localising, without_map, inputs):
    scorer = scorer_of(localising if inputs is NATIVE else without_map, inputs)
    loaded = load(png(64, 64), NATIVE)
    crop = scorer.prepare_crop(Loaded(loaded.pixels, loaded.quantisation))
    (of_crop,), (of_file,) = scorer.score([crop]), scorer.score([scorer.prepare(png(64, 64))])
    assert of_crop.logit == of_file.logit


sides = st.integers(1, 700).map(lambda side: 8 * side)


def test_a_small_picture_stays_whole():
    (tile,) = cut_tiles(1200, 1600)
    assert tile.seen == (slice(0, 1200), slice(0, 1600))


@given(sides, sides)
def test_tiles_fill_the_map_once_and_see_what_is_around(height, width):
    tiles = cut_tiles(height, width)
    filled = np.zeros((height // 8, width // 8), int)
    for tile in tiles:
        filled[tile.kept] += 1
        if len(tiles) > 1:
            for seen, kept, side in zip(tile.seen, tile.kept, (height, width), strict=True):
                assert seen.start == max(8 * kept.start - MARGIN, 0)
                assert seen.stop <= side
                assert seen.stop - seen.start <= TILE + 2 * MARGIN
    assert (filled == 1).all()


def test_a_map_that_was_cut_comes_together_again():
    height, width = 2104, 3200
    assert height * width > LARGEST
    whole = np.arange(height * width // 64, dtype=np.float32).reshape(height // 8, width // 8)
    tiles = cut_tiles(height, width)
    maps = [whole[tuple(slice(rows.start // 8, rows.stop // 8) for rows in tile.seen)] for tile in tiles]
    assert np.array_equal(stitch(tiles, maps), whole)


# The command `predict` before a detector is asked.

HEAVY = {"tensorflow", "keras", "hydra", "omegaconf", "mlflow", "sklearn", "scipy", "pandas", "numpy"}
HEAVY |= {"matplotlib"}
HELP = """
import contextlib, runpy, sys
sys.argv = ["predict", "--help"]
with contextlib.suppress(SystemExit):
    runpy.run_module("pipeline.predict", run_name="__main__")
print("imported:", *sorted({name.split(".")[0] for name in sys.modules}))
"""


def test_help_imports_no_large_library():
    printed = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True).stdout
    assert "a picture, a folder of pictures, or -" in printed
    imported = printed.rpartition("imported:")[2].split()
    assert "argparse" in imported
    assert not HEAVY & set(imported)
