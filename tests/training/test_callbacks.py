"""What is decided from the history alone."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from pipeline.training.callbacks import _HEAD, ProgressBar, best_epoch, epoch_line, is_over, score_epoch
from tests.training.toy import SMALL, TABLE, toy_feeds


def test_the_first_of_equal_values_is_the_best():
    assert best_epoch([3.0, 1.0, 1.0, 2.0], "validation/loss") == 1
    assert best_epoch([0.3, 0.8, 0.8, 0.2], "validation/roc_auc") == 1


def test_training_ends_with_the_last_epoch_or_where_patience_does(compose_config):
    settings = compose_config("train.epochs=8", "train.patience=2").train
    losses = [1.0, 0.5, 0.6, 0.4, 0.5, 0.4, 0.3]
    assert [is_over(losses[:count], settings) for count in range(7)] == [False] * 6 + [True]
    assert not is_over([0.1] + [1.0] * 6, settings.model_copy(update={"patience": None}))
    falling = [1 / (1 + epoch) for epoch in range(8)]
    assert not is_over(falling[:7], settings)
    assert is_over(falling, settings)


METRICS = {
    "train/loss": 0.51234,
    "train/accuracy": 0.75,
    "validation/loss": 0.6,
    "validation/accuracy": 0.7,
    "validation/roc_auc": 0.8125,
    "images_per_second": 512.3,
}


def test_the_line_of_an_epoch_stands_below_its_head_within_80_columns():
    line = epoch_line(3, 200, METRICS)
    assert len(line) == len(_HEAD) <= 80
    columns, of_head = ([index for index, sign in enumerate(text) if sign == "|"] for text in (line, _HEAD))
    assert columns == of_head
    assert line.split() == ["3/200", "|", "0.5123", "0.750", "|", "0.6000", "0.700", "0.812", "|", "512"]


def test_without_a_terminal_there_are_lines_and_no_bar(capsys):
    progress = ProgressBar(epochs=2, images_per_epoch=64, steps=2)
    progress.on_train_begin()
    for epoch in range(2):
        progress.on_epoch_begin(epoch)
        for batch in range(2):
            progress.on_train_batch_end(batch)
        progress.on_epoch_end(epoch, METRICS)
    progress.close()
    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 3
    assert output.err == ""


def test_with_a_terminal_the_bar_shows_rate_and_remaining_time_within_80_columns(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    progress = ProgressBar(epochs=2, images_per_epoch=64, steps=2)
    progress.on_train_begin()
    progress.on_epoch_begin(0)
    progress.on_train_batch_end(0)
    progress._bar.refresh()
    progress.close()
    shown = capsys.readouterr().err
    assert re.search(r"epoch 1/2 +\d+%\|.*image/s, [\d:?]+ left", shown)
    assert max(len(part) for part in re.split(r"[\r\n]", shown)) <= 80


@given(st.lists(st.tuples(st.floats(-8, 8), st.booleans()), min_size=2, max_size=40))
def test_figures_agree_with_scikit_learn(pictures):
    logits = np.array([logit for logit, _ in pictures])
    fake = np.array([is_fake for _, is_fake in pictures])
    found = score_epoch(logits, fake.astype(np.float32))
    expected = log_loss(fake, 1 / (1 + np.exp(-logits)), labels=[False, True])
    assert found["validation/loss"] == pytest.approx(expected, abs=1e-9)
    assert found["validation/accuracy"] == pytest.approx(((logits >= 0) == fake).mean())
    if 0 < fake.sum() < len(fake):
        assert found["validation/roc_auc"] == pytest.approx(roc_auc_score(fake, logits))


def test_large_logits_give_a_finite_loss_and_one_class_alone_has_no_roc_auc():
    assert score_epoch(np.array([-1000.0, 1000.0]), np.array([1, 0]))["validation/loss"] == 1000.0
    assert math.isnan(score_epoch(np.array([0.5, 1.0]), np.array([1, 1]))["validation/roc_auc"])


def test_pictures_of_several_sizes_are_all_scored(train_in_memory, compose_config):
    network, history = train_in_memory("train.epochs=1")
    _, validation = toy_feeds(TABLE, TABLE, compose_config(*SMALL), network, 0)
    batches = list(validation.dataset)
    assert len({inputs["image"].shape[2] for inputs, *_ in batches}) > 1
    logits = np.concatenate([network(inputs)["logit"].numpy() for inputs, *_ in batches])
    expected = score_epoch(logits, validation.targets)
    assert {name: history[name][0] for name in expected} == pytest.approx(expected, rel=1e-5)
