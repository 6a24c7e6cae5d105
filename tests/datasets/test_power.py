"""How sure the figures of a test can be at best, before any training."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.datasets.power import accuracy_reach, groups_by_label, roc_auc_reach, rough_test, what_it_takes


@pytest.mark.parametrize(("n_fake", "n_genuine"), [(10, 10), (30, 12), (60, 60)])
def test_the_interval_of_a_roc_auc_is_as_wide_as_chance_makes_it(n_fake, n_genuine):
    random = np.random.default_rng(0)
    target = np.repeat([1, 0], [n_fake, n_genuine])
    drawn = [roc_auc_score(target, random.normal(size=len(target))) for _ in range(2000)]
    assert roc_auc_reach(n_fake, n_genuine) == pytest.approx(1.96 * np.std(drawn), rel=0.06)


def test_what_an_interval_takes_is_what_it_takes():
    for_auc, for_accuracy = map(int, re.findall(r"\d+(?= groups| for an)", what_it_takes()))
    assert roc_auc_reach(for_auc, for_auc) <= 0.1 < roc_auc_reach(for_auc - 1, for_auc - 1)
    assert accuracy_reach(for_accuracy) <= 0.1 < accuracy_reach(for_accuracy - 2)


@pytest.mark.parametrize(
    ("genuine", "fake", "says"),
    [
        (65, 65, ""),
        (21, 21, "known to ± 0.18 at best"),
        (3, 3, "known to ± 0.50 at best"),
        (100, 1, "1 group of fakes and 100 groups of genuine pictures"),
        (30, 0, "a ROC AUC has no value"),
    ],
)
def test_a_test_on_few_groups_is_called_rough_beforehand(genuine, fake, says):
    said = rough_test({"genuine": genuine, "fake": fake})
    assert says in said
    assert bool(said) == bool(says)


def test_groups_count_and_not_pictures():
    pictures = pd.DataFrame({"label": ["fake"] * 40 + ["genuine"] * 2, "group": ["one"] * 40 + ["a", "b"]})
    assert groups_by_label(pictures) == {"genuine": 2, "fake": 1}
