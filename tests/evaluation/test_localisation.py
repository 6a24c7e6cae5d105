import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, jaccard_score, roc_auc_score

from pipeline.config import Evaluate
from pipeline.evaluation.localisation import (
    KINDS,
    SIDE,
    control_figures,
    cut_crops,
    pixel_f1,
    pixel_false_positive_rate,
    pixel_iou,
    pixel_roc_auc,
)
from pipeline.inputs.load import NO_TABLE, Loaded

SETTINGS = Evaluate(bootstrap=100, confidence=0.95, robustness=None)


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


def test_a_crop_is_what_is_there_with_the_table_of_its_file():
    whole, mask = picture(1)
    for crop in cut_crops(whole, mask, is_fake=True, seed=[0, 1]):
        rows, columns = (slice(start, start + SIDE) for start in (crop.top, crop.left))
        assert (crop.picture.pixels == whole.pixels[rows, columns]).all()
        assert (crop.picture.quantisation == whole.quantisation).all()


def test_a_detector_that_sees_the_tampering_alone_is_told_from_one_that_sees_the_file(crops):
    figures = control_figures(crops, SETTINGS, seed=0)
    assert figures["tampered_roc_auc"] == 1.0
    assert figures["untouched_roc_auc"] == pytest.approx(0.5, abs=0.25)
    of_file = crops.assign(logit=(crops["kind"] != "genuine").astype(float))
    assert control_figures(of_file, SETTINGS, seed=0)["untouched_roc_auc"] == 1.0


def test_without_masks_there_is_nothing_to_compare(crops):
    assert cut_crops(picture(1)[0], None, is_fake=True, seed=[0, 1]) == []
    figures = control_figures(crops[crops["kind"] == "genuine"], SETTINGS, seed=0)
    assert figures["untouched_roc_auc"] is None
    assert figures["n_untouched"] == figures["n_tampered"] == 0


def test_a_picture_smaller_than_a_crop_has_none():
    small = Loaded(np.zeros((88, 288, 3), np.uint8), NO_TABLE)
    assert cut_crops(small, None, is_fake=False, seed=[0, 0]) == []


def test_it_is_the_roc_auc_of_all_pixels_that_fill_cells():
    rng = np.random.default_rng(0)
    cells = rng.normal(size=(4, 6)).round(1)  # with ties
    mask = rng.random((37, 50)) < 0.3
    whole = np.kron(cells, np.ones((8, 8)))
    assert pixel_roc_auc(cells, mask) == pytest.approx(roc_auc_score(mask[:32, :48].ravel(), whole.ravel()))


def test_a_map_that_is_right_has_one_and_one_that_is_inverted_none():
    mask = np.zeros((16, 16), bool)
    mask[:8] = True
    assert pixel_roc_auc(np.array([[1.0, 1.0], [0.0, 0.0]]), mask) == 1.0
    assert pixel_roc_auc(np.array([[0.0, 0.0], [1.0, 1.0]]), mask) == 0.0


@pytest.mark.parametrize(
    "mask", [np.zeros((16, 16), bool), np.ones((16, 16), bool), np.eye(24) > 0], ids=["empty", "full", "thin"]
)
def test_where_nothing_can_be_ranked_there_is_no_figure(mask):
    assert np.isnan(pixel_roc_auc(np.zeros((2, 2)), mask))


def test_f1_and_iou_are_those_of_all_pixels_that_fill_cells():
    rng = np.random.default_rng(1)
    cells = rng.normal(size=(4, 6))
    mask = rng.random((37, 50)) < 0.3
    called = np.kron(cells, np.ones((8, 8))).ravel() >= 0
    inside = mask[:32, :48].ravel()
    assert pixel_f1(cells, mask) == pytest.approx(f1_score(inside, called))
    assert pixel_iou(cells, mask) == pytest.approx(jaccard_score(inside, called))


def test_an_inverted_map_is_not_taken_for_a_good_one():
    mask = np.zeros((16, 16), bool)
    mask[:8] = True
    assert pixel_f1(np.array([[1.0, 1.0], [-1.0, -1.0]]), mask) == 1
    assert pixel_f1(np.array([[-1.0, -1.0], [1.0, 1.0]]), mask) == 0
    assert pixel_iou(np.array([[-1.0, -1.0], [1.0, 1.0]]), mask) == 0


@pytest.mark.parametrize("mask", [np.zeros((16, 16), bool), np.eye(24) > 0], ids=["empty", "thin"])
def test_where_nothing_can_be_found_there_is_no_f1(mask):
    assert np.isnan(pixel_f1(np.zeros((2, 2)), mask))
    assert np.isnan(pixel_iou(np.zeros((2, 2)), mask))


def test_a_fake_that_is_tampered_with_all_over_has_an_f1():
    assert pixel_f1(np.array([[1.0, -1.0], [1.0, 1.0]]), np.ones((16, 16), bool)) == pytest.approx(6 / 7)


def test_false_alarms_on_a_genuine_picture_are_a_share_of_it():
    assert pixel_false_positive_rate(np.array([[0.0, -0.1], [2.0, -3.0]])) == 0.5
