import numpy as np
import pandas as pd
import pytest

from pipeline.evaluation.bootstrap import Bootstrap
from pipeline.evaluation.localisation import KINDS, SIDE, cut_crops
from pipeline.evaluation.subsets import measure_localisation
from pipeline.images.jpeg import NO_TABLE
from pipeline.inputs.load import Loaded

BOOTSTRAP = Bootstrap(draws=100, confidence=0.95, seed=0)


def picture(number):
    """A grey picture; fakes (odd numbers) have a bright upper left quarter, and its mask."""
    pixels = np.random.default_rng(number).integers(90, 110, (192, 288, 3), np.uint8)
    mask = None
    if number % 2:
        pixels[:96, :96] = 250
        mask = np.zeros((192, 288), bool)
        mask[:96, :96] = True
    return Loaded(pixels, np.full((8, 8), 3, np.float32)), mask


@pytest.fixture
def crops():
    """Crops of eight pictures, with their brightness for a logit."""
    rows = []
    for number in range(8):
        for crop in cut_crops(*picture(number), bool(number % 2), [0, number]):
            place = (number, str(number), crop.kind, crop.top, crop.left)
            rows.append((*place, float(crop.picture.pixels.mean()) / 255))
    return pd.DataFrame(rows, columns=["path", "group", "kind", "top", "left", "logit"])


def test_crops_are_of_three_kinds_and_untouched_ones_keep_away_from_the_mask(crops):
    assert set(crops["kind"]) == set(KINDS)
    untouched = crops[crops["kind"] == "untouched"]
    assert ((untouched["top"] >= 96 + 16) | (untouched["left"] >= 96 + 16)).all()
    tampered = crops[crops["kind"] == "tampered"]
    assert ((tampered["top"] < 96) & (tampered["left"] < 96)).all()
    assert crops.groupby(["path", "kind"]).size().max() <= 6
    # A crop is what is there, with the table of its file.
    whole, mask = picture(1)
    for crop in cut_crops(whole, mask, is_fake=True, seed=[0, 1]):
        rows, columns = (slice(start, start + SIDE) for start in (crop.top, crop.left))
        assert (crop.picture.pixels == whole.pixels[rows, columns]).all()
        assert (crop.picture.quantisation == whole.quantisation).all()


def roc_aucs(crops):
    return {row["subset"]: row for row in measure_localisation(crops, BOOTSTRAP)}


def test_a_detector_that_sees_the_tampering_alone_is_told_from_one_that_sees_the_file(crops):
    found = roc_aucs(crops)
    assert found["tampered"]["value"] == 1.0
    assert found["untouched"]["value"] == pytest.approx(0.5, abs=0.25)
    of_file = crops.assign(logit=(crops["kind"] != "genuine").astype(float))
    assert roc_aucs(of_file)["untouched"]["value"] == 1.0


def test_without_masks_there_is_nothing_to_compare(crops):
    assert cut_crops(picture(1)[0], None, is_fake=True, seed=[0, 1]) == []
    found = roc_aucs(crops[crops["kind"] == "genuine"])
    assert found["untouched"]["value"] is None
    assert found["untouched"]["n_fake"] == found["tampered"]["n_fake"] == 0
    # A picture smaller than a crop has none.
    small = Loaded(np.zeros((88, 288, 3), np.uint8), NO_TABLE)
    assert cut_crops(small, None, is_fake=False, seed=[0, 0]) == []
