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
from pipeline.detector.decision import NETWORK
from pipeline.detector.detector import Detector
from pipeline.detector.inference import NATIVE, scorer_of
from pipeline.detector.validation import score_table
from pipeline.errors import UserError
from pipeline.evaluation.localisation import KINDS
from pipeline.evaluation.perturbations import SETS, perturb
from pipeline.evaluation.predictions import CROP_COLUMNS, examine
from pipeline.images.content_features import history_features
from pipeline.inputs.load import load
from pipeline.models.build import build
from pipeline.models.layers import TopKMean
from tests.detector.builders import FIRST, localising, numbers, portable, two_tests
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
    inputs = {"image": image, "quantisation": table}
    network = portable(localising(cells, inputs, TopKMean(0.1, name="logit")))
    return Detector(scorer_of(network, NATIVE), two_tests())


@pytest.fixture(scope="module")
def resized():
    image = keras.Input((16, 24, 3), name="image")
    logit = layers.Reshape(())(layers.Dense(1)(layers.Flatten()(image)))
    network = keras.Model({"image": image}, {"logit": logit})
    return Detector(scorer_of(portable(network), drawn.resized(16, 24)), two_tests())


@pytest.fixture(scope="module")
def forest():
    settings = {"trees": 5, "features_per_split": 0.5, "smallest_leaf": 0.0}
    model = build({"_target_": "pipeline.models.forest.build", **settings}, 8, 8)
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256 // (1 + number % 2), (64, 64, 3), np.uint8) for number in range(8)]
    model.fit(np.array([history_features(each) for each in pictures]), np.arange(8) % 2, seed=0)
    return Detector(scorer_of(portable(model), NATIVE), two_tests())


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


def examined(detector, table, *how, seed=0):
    """Examine pictures of which the specialists measured what they would measure of each by its row."""
    measured = numbers(np.zeros(len(table)), **{FIRST: np.arange(len(table)) * 14.0}).drop(columns=NETWORK)
    return examine(detector, table, measured.set_axis(table["path"]), *how, seed=seed)


@pytest.mark.parametrize("kind", ["native", "resized", "forest"])
def test_originals_are_answered_as_in_prediction_and_crops_and_forms_as_pictures_of_their_own(
    kind, table, request
):
    detector = request.getfixturevalue(kind)
    found = examined(detector, table, ALL, SETS["fast"], seed=4)
    scores = score_table(detector._scorer, table)
    answered = found.predictions.drop(columns="logit").rename(columns={NETWORK: "logit"})
    pd.testing.assert_frame_equal(answered[list(scores)], scores)
    assert list(found.perturbed.columns) == [each.name for each in SETS["fast"]]
    assert list(found.crops.columns) == CROP_COLUMNS
    assert set(found.crops["kind"]) == set(KINDS)
    for number in (0, 5):
        pixels = load(Path(table["path"].iloc[number]), NATIVE).pixels
        alone = [
            next(iter(detector.answers_for_crops([perturb(pixels, each, 4, number)]))).logit
            for each in SETS["fast"]
        ]
        assert found.perturbed.iloc[number].to_numpy() == pytest.approx(alone, abs=1e-4)


def test_what_is_judged_is_what_all_tests_measured(native, table):
    """Beside the answer of the network stands what the specialists measured of the same picture."""
    table = table.set_axis(range(30, 38))
    found = examined(native, table, ~ALL, ()).predictions
    assert found["path"].tolist() == table["path"].tolist()
    assert found[FIRST].tolist() == [14.0 * number for number in range(8)]
    seen = numbers(found[NETWORK], **{FIRST: found[FIRST].to_numpy()})
    judged = native.decision.judge(seen).set_axis(found.index)
    pd.testing.assert_frame_equal(found[list(judged)], judged)
    assert set(found["verdict"]) == {"genuine", "unsure"}
    assert found["jpeg_quality"].isna().tolist() == [False, False, True] + [False] * 5


def test_each_file_is_opened_once(native, table):
    OPENED.clear()
    examined(native, table, ALL, SETS["full"], seed=0)
    masks = [path for path in table["mask_path"] if path]
    assert {OPENED[path] for path in [*table["path"], *masks]} == {1}


def test_resized_pictures_are_answered_in_batches(resized, table, monkeypatch):
    sizes = []
    network = resized._scorer.network

    def counted(**given):
        sizes.append(len(given["image"]))
        return network(**given)

    monkeypatch.setattr(resized._scorer, "network", counted)
    examined(resized, table, ~ALL, (), seed=0)
    assert sizes == [inference.BATCH]


def test_only_those_asked_for_are_looked_at_closely(native, table):
    closely = np.arange(8) < 4
    found = examined(native, table, closely, SETS["fast"][:2], seed=0)
    assert len(found.predictions) == 8
    assert list(found.perturbed.index) == [0, 1, 2, 3]
    assert set(found.crops["path"]) == set(table["path"][:4])
    whole = examined(native, table, ALL, SETS["fast"][:2], seed=0)
    pd.testing.assert_frame_equal(whole.perturbed.iloc[:4], found.perturbed)


def test_without_perturbations_there_are_crops_alone_and_without_pictures_nothing(native, table, tmp_path):
    found = examined(native, table, ALL, (), seed=0)
    assert found.perturbed.shape == (8, 0)
    assert len(found.crops)
    nothing = examined(native, table[:0], ALL[:0], SETS["fast"], seed=0)
    assert [len(each) for each in nothing] == [0, 0, 0]
    # A file that cannot be read is named.
    (tmp_path / "3.jpg").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"3\.jpg"):
        examined(native, table, ALL, (), seed=0)


def test_memory_does_not_grow_with_the_pictures(native, table):
    few, many = (pd.concat([table] * times, ignore_index=True) for times in (1, 6))
    examined(native, few, np.ones(len(few), bool), SETS["fast"], seed=0)
    peaks = []
    for each in (few, many):
        tracemalloc.start()
        examined(native, each, np.ones(len(each), bool), SETS["fast"], seed=0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 500_000  # of 8 MB for the 40 pictures more
