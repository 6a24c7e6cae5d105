"""The gallery shows the surest answers of each kind, and where the detector saw what."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.reports.gallery import (
    COLUMNS,
    GAP,
    KINDS,
    LONGEST,
    choose,
    cividis,
    evidence,
    jpeg,
    panel,
    write_gallery,
)
from tests.reports.evaluated import BELIEVABLE, shown


def table(*rows):
    """Predictions from (name, group, target, probability), called at 0.5."""
    found = pd.DataFrame(rows, columns=["path", "group", "target", "probability_fake"])
    probability = found["probability_fake"]
    called = np.where(probability >= 0.5, "fake", "genuine")
    return found.assign(
        label=np.where(found["target"] == 1, "fake", "genuine"),
        logit=np.log(probability / (1 - probability)),
        called=called,
        verdict=called,
    )


def test_the_surest_of_each_kind_come_first():
    found = choose(
        table(("a", 1, 1, 0.9), ("b", 2, 1, 0.99), ("c", 3, 1, 0.2), ("d", 4, 0, 0.6), ("e", 5, 0, 0.01))
    )
    assert found[["kind", "rank", "path"]].to_numpy().tolist() == [
        ["wrong genuine", 1, "d"],
        ["wrong fake", 1, "c"],
        ["right fake", 1, "b"],
        ["right fake", 2, "a"],
        ["right genuine", 1, "e"],
    ]


def test_at_most_one_a_group_and_four_of_a_kind():
    rows = [(f"{number}", number // 2, 1, 0.6 + number / 100) for number in range(20)]
    found = choose(table(*rows))
    assert found["path"].tolist() == ["19", "17", "15", "13"]
    assert found["group"].is_unique


def test_of_equals_the_first_by_path_whatever_the_order_of_rows():
    rows = [(name, name, 0, 0.1) for name in "edcba"]
    assert choose(table(*rows), 2)["path"].tolist() == ["a", "b"]
    assert choose(table(*rows[::-1]), 2)["path"].tolist() == ["a", "b"]


def test_probabilities_that_are_rounded_to_one_are_ranked_by_the_logit():
    found = table(("a", 1, 1, 0.9), ("b", 2, 1, 0.9)).assign(probability_fake=1.0, logit=[40.0, 50.0])
    assert choose(found)["path"].tolist() == ["b", "a"]


def test_without_a_kind_there_is_no_row_of_it():
    assert set(choose(table(("a", 1, 1, 0.9)))["kind"]) == {"right fake"}
    assert choose(table(("a", 1, 1, 0.9)).iloc[:0]).empty


def test_every_panel_is_small_and_named_in_the_table(tmp_path):
    write_gallery(tmp_path, shown(BELIEVABLE.predictions))
    found = pd.read_csv(tmp_path / "gallery.csv")
    assert list(found.columns) == COLUMNS
    assert list(found["kind"].unique()) == list(KINDS)
    for name in found["image"]:
        assert 0 < (tmp_path / name).stat().st_size <= 60_000
        with Image.open(tmp_path / name) as image:
            assert image.height < 300 < image.width


def test_a_panel_has_the_picture_its_evidence_and_its_mask_as_far_as_they_are_there():
    pixels = np.full((80, 160, 3), 120, np.uint8)
    cells, mask = np.zeros((10, 20)), np.zeros((80, 160), bool)
    mask[20:50, 40:90] = True
    for parts, given in enumerate([(None, None), (cells, None), (cells, mask)], 1):
        assert panel(pixels, *given).shape == (LONGEST // 2, parts * LONGEST + (parts - 1) * GAP, 3)
    assert panel(pixels, None, mask).shape[1] == 2 * LONGEST + GAP
    # A network takes whole blocks of a picture, whose mask goes further.
    whole = np.pad(mask, [(0, 7), (0, 3)])
    assert np.array_equal(panel(pixels, cells, whole), panel(pixels, cells, mask))
    with pytest.raises(ValueError, match="not that of a picture"):
        panel(pixels, None, np.ones((8, 8), bool))
    assert panel(pixels, None, np.zeros((80, 160), bool)).shape[1] == LONGEST


def test_a_speck_of_tampering_in_a_large_picture_is_outlined():
    pixels, mask = np.zeros((2400, 3200, 3), np.uint8), np.zeros((2400, 3200), bool)
    mask[1201:1203, 1605:1607] = True
    assert panel(pixels, None, mask)[:, LONGEST + GAP :].any()


def test_evidence_has_one_scale_for_all_pictures():
    grey = np.full((64, 64, 3), 128, np.uint8)
    weak, strong = (evidence(grey, np.full((8, 8), logit), (64, 64)) for logit in (-20.0, 20.0))
    assert np.allclose(weak[0, 0], 0.75 * 128 + 0.25 * cividis(np.array(0.0)), atol=1)
    assert np.allclose(strong[0, 0], 0.2 * 128 + 0.8 * cividis(np.array(1.0)), atol=1)
    assert (weak == weak[0, 0]).all()


def test_evidence_lies_where_its_cells_are():
    cells = np.full((4, 6), -20.0)
    cells[1, 2] = 20.0
    black = np.zeros((37, 53, 3), np.uint8)  # five rows and columns more than whole cells
    yellow = evidence(black, cells, (37, 53))[..., 0] > 100
    assert yellow[8:16, 16:24].all()
    assert yellow.sum() == 64


@pytest.mark.parametrize("shape", [(8, 8), (9, 3000), (3000, 9), (1, 1)])
def test_odd_shapes_are_drawn(shape):
    pixels = np.zeros((*shape, 3), np.uint8)
    assert max(panel(pixels, None, None).shape) <= LONGEST


def test_noise_is_squeezed_into_the_limit():
    noise = np.random.default_rng(0).integers(0, 256, (340, 1032, 3), dtype=np.uint8)
    content = jpeg(noise, most=120_000)
    assert len(content) <= 120_000
    assert Image.open(io.BytesIO(content)).size == (1032, 340)
