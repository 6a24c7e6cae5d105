import sys
import tracemalloc
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from PIL import Image

from pipeline.detector import inference
from pipeline.detector.decision import UNDECIDED
from pipeline.detector.detector import Detector
from pipeline.detector.inference import NATIVE
from pipeline.detector.validation import score_table
from pipeline.errors import UserError
from pipeline.evaluation.localisation import KINDS
from pipeline.evaluation.perturbations import SETS, perturb
from pipeline.evaluation.predictions import CROP_COLUMNS, examine
from pipeline.images.content_features import history_features
from pipeline.inputs.load import load
from pipeline.models.build import build
from pipeline.models.layers import TopKMean
from tests.inputs import drawn

OPENED: Counter[str] = Counter()
sys.addaudithook(lambda event, given: OPENED.update([str(given[0])]) if event == "open" else None)


@pytest.fixture(scope="module")
def native():
    """A detector by brightness, with a map."""
    image = keras.Input((None, None, 3), name="image")
    table = keras.Input((8, 8), name="quantisation")
    cells = layers.Conv2D(
        1, 8, strides=8, use_bias=False, kernel_initializer=keras.initializers.Constant(1 / 20_000)
    )(image)
    cells = layers.Lambda(lambda each: each[..., 0], output_shape=(None, None), name="map")(cells)
    logit = TopKMean(0.1, name="logit")(cells)
    network = keras.Model({"image": image, "quantisation": table}, {"logit": logit, "map": cells})
    return Detector(network, NATIVE, UNDECIDED)


@pytest.fixture(scope="module")
def resized():
    image = keras.Input((16, 24, 3), name="image")
    logit = layers.Reshape(())(layers.Dense(1)(layers.Flatten()(image)))
    network = keras.Model({"image": image}, {"logit": logit})
    return Detector(network, drawn.resized(16, 24), UNDECIDED)


@pytest.fixture(scope="module")
def forest():
    settings = {"trees": 5, "features_per_split": 0.5, "smallest_leaf": 0.0}
    model = build({"_target_": "pipeline.models.forest.build", **settings}, 8, 8)
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256 // (1 + number % 2), (64, 64, 3), np.uint8) for number in range(8)]
    model.fit(np.array([history_features(each) for each in pictures]), np.arange(8) % 2, seed=0)
    return Detector(model, NATIVE, UNDECIDED)


@pytest.fixture
def table(tmp_path):
    """Eight pictures, JPEG and PNG, one not on the grid; fakes have a bright corner and its mask."""
    rows = []
    for number in range(8):
        shape = (200, 301, 3) if number == 5 else (192, 288, 3)
        pixels = np.random.default_rng(number).integers(60, 160, shape, np.uint8)
        mask_path = ""
        if number % 2:
            pixels[:96, :96] = np.minimum(pixels[:96, :96].astype(int) + 90, 255)
            mask = np.zeros(shape[:2], np.uint8)
            mask[:96, :96] = 255
            mask_path = str(tmp_path / f"{number}_mask.png")
            Image.fromarray(mask).save(mask_path)
        path = tmp_path / f"{number}.{'jpg' if number < 6 else 'png'}"
        Image.fromarray(pixels).save(path)
        label = ["genuine", "fake"][number % 2]
        rows.append((str(path), label, number % 2, str(number // 2), "c", "", mask_path))
    table = pd.DataFrame(
        rows, columns=["path", "label", "target", "group", "collection", "subset", "mask_path"]
    )
    return table.assign(source_format="JPEG", width=288, height=192, jpeg_quality=[90, 75, ""] + [80] * 5)


ALL = np.ones(8, bool)


@pytest.mark.parametrize("kind", ["native", "resized", "forest"])
def test_originals_are_answered_as_in_prediction_and_crops_and_forms_as_pictures_of_their_own(
    kind, table, request
):
    detector = request.getfixturevalue(kind)
    examined = examine(detector, table, ALL, SETS["fast"], seed=4)
    scores = score_table(detector, table)
    pd.testing.assert_frame_equal(examined.predictions[list(scores)], scores)
    assert list(examined.perturbed.columns) == [each.name for each in SETS["fast"]]
    assert list(examined.crops.columns) == CROP_COLUMNS
    assert set(examined.crops["kind"]) == set(KINDS)
    for number in (0, 5):
        pixels = load(Path(table["path"].iloc[number]), NATIVE).pixels
        alone = [
            next(iter(detector.answers_for_crops([perturb(pixels, each, 4, number)]))).logit
            for each in SETS["fast"]
        ]
        assert examined.perturbed.iloc[number].to_numpy() == pytest.approx(alone, abs=1e-4)


def test_each_file_is_opened_once(native, table):
    OPENED.clear()
    examine(native, table, ALL, SETS["full"], seed=0)
    masks = [path for path in table["mask_path"] if path]
    assert {OPENED[path] for path in [*table["path"], *masks]} == {1}


def test_resized_pictures_are_answered_in_batches(resized, table, monkeypatch):
    sizes = []
    network = resized._scorer.network

    def counted(inputs, training):
        sizes.append(len(inputs["image"]))
        return network(inputs, training=training)

    monkeypatch.setattr(resized._scorer, "network", counted)
    examine(resized, table, ~ALL, (), seed=0)
    assert sizes == [inference.BATCH]


def test_only_those_asked_for_are_looked_at_closely(native, table):
    closely = np.arange(8) < 4
    examined = examine(native, table, closely, SETS["fast"][:2], seed=0)
    assert len(examined.predictions) == 8
    assert list(examined.perturbed.index) == [0, 1, 2, 3]
    assert set(examined.crops["path"]) == set(table["path"][:4])
    whole = examine(native, table, ALL, SETS["fast"][:2], seed=0)
    pd.testing.assert_frame_equal(whole.perturbed.iloc[:4], examined.perturbed)


def test_without_perturbations_there_are_crops_alone_and_without_pictures_nothing(native, table, tmp_path):
    examined = examine(native, table, ALL, (), seed=0)
    assert examined.perturbed.shape == (8, 0)
    assert len(examined.crops)
    nothing = examine(native, table[:0], ALL[:0], SETS["fast"], seed=0)
    assert [len(each) for each in nothing] == [0, 0, 0]
    # A file that cannot be read is named.
    (tmp_path / "3.jpg").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"3\.jpg"):
        examine(native, table, ALL, (), seed=0)


def test_memory_does_not_grow_with_the_pictures(native, table):
    few, many = (pd.concat([table] * times, ignore_index=True) for times in (1, 6))
    examine(native, few, np.ones(len(few), bool), SETS["fast"], seed=0)
    peaks = []
    for each in (few, many):
        tracemalloc.start()
        examine(native, each, np.ones(len(each), bool), SETS["fast"], seed=0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 500_000  # of 8 MB for the 40 pictures more
