import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.config import Evaluate
from pipeline.scoring.control import KINDS, control_figures, score_crops
from pipeline.scoring.scorers import Look

SETTINGS = Evaluate(bootstrap=100, confidence=0.95)


class Brightness:
    """A detector that calls bright crops fake."""

    def looks_at_crops(self, crops):
        return [Look(float(crop.pixels.mean()) / 255, None) for crop in crops]


@pytest.fixture
def table(tmp_path):
    """Grey pictures; fakes have a bright upper left quarter."""
    rows = []
    for number in range(8):
        pixels = np.random.default_rng(number).integers(90, 110, (192, 288, 3), np.uint8)
        mask_path = ""
        if number % 2:
            pixels[:96, :96] = 250
            mask = np.zeros((192, 288), np.uint8)
            mask[:96, :96] = 255
            mask_path = str(tmp_path / f"{number}_mask.png")
            Image.fromarray(mask).save(mask_path)
        path = tmp_path / f"{number}.png"
        Image.fromarray(pixels).save(path)
        rows.append(
            {
                "path": str(path),
                "target": number % 2,
                "group": str(number),
                "collection": "c",
                "mask_path": mask_path,
            }
        )
    return pd.DataFrame(rows)


def test_crops_are_of_three_kinds_and_untouched_ones_keep_away_from_the_mask(table):
    crops = score_crops(Brightness(), table, seed=0)
    assert set(crops["kind"]) == set(KINDS)
    untouched = crops[crops["kind"] == "untouched"]
    assert ((untouched["top"] >= 96 + 16) | (untouched["left"] >= 96 + 16)).all()
    tampered = crops[crops["kind"] == "tampered"]
    assert ((tampered["top"] < 96) & (tampered["left"] < 96)).all()
    assert crops.groupby(["path", "kind"]).size().max() <= 6


def test_a_detector_that_sees_the_tampering_alone_is_told_from_one_that_sees_the_file(table):
    crops = score_crops(Brightness(), table, seed=0)
    figures = control_figures(crops, SETTINGS, seed=0)
    assert figures["tampered_roc_auc"] == 1.0
    assert figures["untouched_roc_auc"] == pytest.approx(0.5, abs=0.25)
    of_file = crops.assign(logit=(crops["kind"] != "genuine").astype(float))
    assert control_figures(of_file, SETTINGS, seed=0)["untouched_roc_auc"] == 1.0


def test_without_masks_there_is_nothing_to_compare(table):
    crops = score_crops(Brightness(), table.assign(mask_path=""), seed=0)
    figures = control_figures(crops, SETTINGS, seed=0)
    assert figures["untouched_roc_auc"] is None
    assert figures["n_untouched"] == figures["n_tampered"] == 0
