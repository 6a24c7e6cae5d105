import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from pipeline.training.validation import validation_metrics
from tests.training.toy import SMALL, TABLE, toy_feeds


@given(st.lists(st.tuples(st.floats(-8, 8), st.booleans()), min_size=2, max_size=40))
def test_figures_agree_with_scikit_learn(pictures):
    logits = np.array([logit for logit, _ in pictures])
    fake = np.array([is_fake for _, is_fake in pictures])
    found = validation_metrics(logits, fake.astype(np.float32))
    expected = log_loss(fake, 1 / (1 + np.exp(-logits)), labels=[False, True])
    assert found["validation/loss"] == pytest.approx(expected, abs=1e-9)
    assert found["validation/accuracy"] == pytest.approx(((logits >= 0) == fake).mean())
    if 0 < fake.sum() < len(fake):
        assert found["validation/roc_auc"] == pytest.approx(roc_auc_score(fake, logits))


def test_large_logits_give_a_finite_loss():
    found = validation_metrics(np.array([-1000.0, 1000.0]), np.array([1, 0]))
    assert found["validation/loss"] == 1000.0


def test_one_class_alone_has_no_roc_auc():
    assert math.isnan(validation_metrics(np.array([0.5, 1.0]), np.array([1, 1]))["validation/roc_auc"])


def test_pictures_of_several_sizes_are_all_scored(train_in_memory, compose_config):
    network, history = train_in_memory("train.epochs=1")
    _, validation = toy_feeds(TABLE, TABLE, compose_config(*SMALL), network, 0)
    batches = list(validation.dataset)
    assert len({inputs["image"].shape[2] for inputs, *_ in batches}) > 1
    logits = np.concatenate([network(inputs)["logit"].numpy() for inputs, *_ in batches])
    expected = validation_metrics(logits, validation.targets)
    assert {name: history[name][0] for name in expected} == pytest.approx(expected, rel=1e-5)
