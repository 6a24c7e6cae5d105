import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.evaluation.bootstrap import Bootstrap
from pipeline.evaluation.perturbations import SETS
from pipeline.evaluation.robustness import measure_robustness
from pipeline.reports.charts import draw_robustness


def measured(which, knows_content=False, target=None):
    """Answers of a detector that is good as handed in and knows little of anything else."""
    rng = np.random.default_rng(0)
    truth = np.arange(120) % 2
    answers = pd.DataFrame(
        {each.name: rng.normal(truth * (2 if each.is_probe and knows_content else 0.1)) for each in which},
        index=range(120),
    )
    return measure_robustness(
        rng.normal(3 * truth),
        answers,
        which,
        truth if target is None else target,
        np.arange(120) // 2,
        1.5,
        Bootstrap(draws=100, confidence=0.95, seed=0),
    )


def words_of(path):
    """The texts of an SVG that keeps them as comments beside their outlines."""
    return re.findall(r"<!-- (.*?) -->", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["fast", "full"])
def test_every_perturbation_has_a_row_in_words(name, tmp_path):
    path = tmp_path / "robustness.svg"
    draw_robustness(path, measured(SETS[name]))
    words = words_of(path)
    assert {each.strength for each in SETS[name]} | {each.family for each in SETS[name]} <= set(words)
    assert "as handed in" in words
    assert "fragile" in words


def test_a_shortcut_is_said_in_words(tmp_path):
    draw_robustness(tmp_path / "honest.svg", measured(SETS["fast"]))
    draw_robustness(tmp_path / "shortcut.svg", measured(SETS["fast"], knows_content=True))
    assert "◆ shortcut" not in words_of(tmp_path / "honest.svg")
    assert words_of(tmp_path / "shortcut.svg").count("◆ shortcut") == 2


def test_what_could_not_be_measured_is_a_dash_with_the_reason(tmp_path):
    path = tmp_path / "robustness.svg"
    draw_robustness(path, measured(SETS["fast"], target=np.zeros(120, int)))
    words = words_of(path)
    assert "–" in words
    assert words.count("one class only") == 1 + len(SETS["fast"])


def test_the_same_table_gives_the_same_picture_also_without_perturbations(tmp_path):
    table = measured(SETS["fast"])
    for name in ("first.png", "again.png"):
        draw_robustness(tmp_path / name, table)
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "again.png").read_bytes()
    with Image.open(tmp_path / "first.png") as picture:
        assert picture.width >= 900
    draw_robustness(tmp_path / "alone.png", measured(()))


def test_a_table_read_back_is_drawn_the_same(tmp_path):
    table = measured(SETS["fast"])
    table.to_csv(tmp_path / "table.csv", index=False)
    read = pd.read_csv(tmp_path / "table.csv")
    draw_robustness(tmp_path / "first.png", table)
    draw_robustness(tmp_path / "read.png", read)
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "read.png").read_bytes()
