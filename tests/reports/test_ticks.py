"""A tick takes an interval that shows what it says: few pictures earn none, whatever the answers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.auditing.shortcut_kinds import HISTORY
from pipeline.evaluation.bootstrap import Bootstrap
from pipeline.evaluation.perturbations import SETS
from pipeline.evaluation.robustness import measure_robustness
from pipeline.evaluation.scoring import measure
from pipeline.evaluation.subsets import measure_results
from pipeline.reports.trust import believe, conclude
from tests.reports.audited import audit, side
from tests.reports.evaluated import (
    BELIEVABLE,
    about,
    card_of,
    changed,
    report_of,
    robustness,
)


def results_of(n, separation, seed=0):
    """A detector tested on n pictures here and n elsewhere, each a group of its own, half of them fake.

    Its answers, those of altered pictures and those of crops lie as far apart as is said; those of a trick,
    and those where the content alone is left, do not.
    """
    random, bootstrap = np.random.default_rng(seed), Bootstrap(100, 0.95, seed)
    target = np.arange(2 * n) % 2

    def logits(apart=separation):
        return (target - 0.5) * apart + random.normal(size=2 * n)

    table = BELIEVABLE.predictions.iloc[np.zeros(2 * n, int)].reset_index(drop=True).assign(
        path=[f"{number}.jpg" for number in range(2 * n)], group=[str(number) for number in range(2 * n)],
        target=target, label=np.where(target, "fake", "genuine"),
        collection=np.where(np.arange(2 * n) < n, "here", "away"), logit=logits(), subset="",
    )  # fmt: skip
    table["probability_fake"] = 1 / (1 + np.exp(-table["logit"]))
    table["called"] = np.where(table["logit"] >= 0, "fake", "genuine")
    kinds = {"genuine": -1, "untouched": -1, "tampered": 1}
    crops = pd.DataFrame(
        [
            {"group": str(2 * number + (kind != "genuine")), "kind": kind, "logit": center * separation / 2}
            for number in range(n // 2)
            for kind, center in kinds.items()
        ]
    )
    crops["logit"] += random.normal(size=len(crops))
    found = measure_results(table, crops, 0.5, ["away"], bootstrap, sliced=table.head(0))
    altered = {each.name: logits(0 if each.is_probe else separation)[:n] for each in SETS["fast"]}
    changes = measure_robustness(
        *(table["logit"][:n].to_numpy(), pd.DataFrame(altered), SETS["fast"]),
        *(target[:n], table["group"][:n].to_numpy(), 0.0, bootstrap),
    )
    rows = {"test": slice(0, n), "elsewhere": slice(n, 2 * n)}
    trick = table.assign(logit=logits(0))
    figures = {part: measure(trick[place], 0.5, bootstrap)["roc_auc"] for part, place in rows.items()}
    beside = pd.DataFrame(
        [
            {"part": part, "words": "a trick"} | dict(zip(("roc_auc", "low", "high"), figure, strict=True))
            for part, figure in figures.items()
        ]
    )
    tested_fairly = {
        label: {"pictures": n // 2, "with_relatives_in_train": 0} for label in ("genuine", "fake")
    }
    found = replace(found, robustness=changes, counts={"leak": tested_fairly})
    few = audit("matched", None)
    few["parts"]["training"] |= {"too_few": "5 fake pictures, fewer than 8", "raw": None}
    return found.with_audit(few, beside)


@pytest.mark.parametrize("separation", [0, 3, 99])
@pytest.mark.parametrize("n", [2, 4, 6, 8])
def test_few_pictures_earn_no_tick_however_good_the_answers(n, separation):
    findings = believe(results_of(n, separation))
    assert [finding.about for finding in findings if finding.level == "good"] == []
    verdict = conclude(findings)
    assert verdict.level == "bad"
    assert verdict.headline == "Do not believe these figures: too few pictures"
    assert "too few pictures to tell anything" in verdict.because


def test_too_few_to_tell_has_a_sign_of_its_own_on_page_and_card():
    few = changed(BELIEVABLE, "test", "roc_auc", 0.6, 0.2, 0.9)
    assert 'aria-label="too few to tell"' in report_of(few)
    assert "\n- ? **It was tested on too few pictures to tell anything.**" in card_of(few)
    assert "too few to tell" not in report_of(BELIEVABLE)


@pytest.mark.parametrize("n", [10, 60])
def test_random_scores_earn_no_tick(n):
    draws = 20
    ticks = pd.Series(
        [
            finding.about
            for seed in range(draws)
            for finding in believe(results_of(n, 0.0, seed))
            if finding.level == "good" and finding.about != "leak"  # which is counted, not estimated
        ]
    ).value_counts()
    assert ticks.max() <= 0.05 * draws if len(ticks) else True


def test_many_pictures_of_a_good_detector_earn_ticks():
    good = {finding.about for finding in believe(results_of(800, 4.0)) if finding.level == "good"}
    assert good >= {"shortcuts", "leak", "control", "fragile", "altered", "elsewhere", "number"}


def test_the_report_on_thirteen_pictures_praises_nothing():
    """ROC AUC 0.43 on 13 pictures, 0.76 once they are saved again, beside a trick of 0.59."""
    few = changed(BELIEVABLE, "test", "roc_auc", 0.43, 0.06, 0.90)
    few = changed(few, "test", "best_shortcut_roc_auc", 0.59, 0.44, 0.73)
    table = robustness(0.76)
    few = replace(few, robustness=table.assign(change=0.33, change_low=-0.1, change_high=0.7, verdict=""))
    few = replace(few, audit=audit("matched", side(0.59, 0.55, bytes=0.59)))
    estimates = few.audit["parts"]["training"]["converted"]
    for estimate in (*estimates["features"].values(), *estimates["probe"].values()):
        estimate |= {"low": estimate["roc_auc"] - 0.15, "high": estimate["roc_auc"] + 0.16}
    levels = {finding.about: finding.level for finding in believe(few)}
    assert "good" not in [levels[about] for about in ("shortcuts", "fragile", "files", "content", "altered")]
    assert conclude(believe(few)).headline == "Do not believe these figures: too few pictures"


@settings(max_examples=30)
@given(low=st.floats(0, 1), width=st.floats(0, 1))
def test_changing_little_is_a_whole_interval_of_little_change(low, width):
    ends = {"change": 0.0, "change_low": low - 1, "change_high": low - 1 + 2 * width}
    found = replace(BELIEVABLE, robustness=robustness(0.98).assign(roc_auc=0.98, **ends))
    inside = ends["change_low"] >= -0.05 and ends["change_high"] <= 0.05
    assert (about(found, "fragile").level == "good") == inside


def test_a_trick_without_an_interval_is_none_to_be_ahead_of():
    unsure = changed(BELIEVABLE, "test", "best_shortcut_roc_auc", 0.5, np.nan, np.nan)
    assert about(unsure, "shortcuts").level == "too_few"


def test_a_detector_that_may_be_a_coin_or_excellent_is_not_said_to_be_a_coin():
    open_ = changed(BELIEVABLE, "test", "roc_auc", 0.6, 0.45, 0.75)
    open_ = changed(open_, "test", "best_shortcut_roc_auc", 0.5, 0.4, 0.6)
    assert about(open_, "skill").title == "it is not surely better than a coin"
    assert conclude(believe(open_)).headline == "It is not shown to work"


@pytest.mark.parametrize(
    ("detector", "trick", "level", "says"),
    [
        ((0.46, 0.04, 0.94), (0.71, 0.13, 0.98), "too_few", "too few pictures to tell whether a trick"),
        ((0.6, 0.45, 0.75), (0.71, 0.4, 0.9), "too_few", "too few pictures to tell whether a trick"),
        ((0.7, 0.62, 0.78), (0.75, 0.65, 0.84), "bad", "it is not better than a trick"),
        ((0.7, 0.62, 0.78), (0.7, 0.6, 0.8), "bad", "does as well"),
        ((0.7, 0.62, 0.78), (0.95, 0.9, 0.98), "bad", "does better"),
    ],
)
def test_a_trick_is_said_to_do_better_where_the_intervals_show_it(detector, trick, level, says):
    found = changed(BELIEVABLE, "test", "roc_auc", *detector)
    found = about(changed(found, "test", "best_shortcut_roc_auc", *trick), "shortcuts")
    assert (found.level, says in found.title) == (level, True)


@pytest.mark.parametrize(
    ("kind", "ends", "level"),
    [
        ("files", (0.71, 0.4, 0.9), "too_few"),
        ("files", (0.71, None, None), "too_few"),
        ("files", (0.71, 0.6, 0.8), "warning"),
        ("files", (0.55, 0.46, 0.64), "good"),
        ("content", (0.71, 0.4, 0.9), "too_few"),
    ],
)
def test_no_tick_contradicts_what_the_same_trick_does_on_the_tested_pictures(kind, ends, level):
    clean = audit("matched", side(0.52, 0.5, bytes=0.51))
    probe = {"files": HISTORY, "content": "content"}[kind]
    figure = dict(zip(("roc_auc", "low", "high"), ends, strict=True))
    clean["on_test"]["test"] = {probe: {"name": probe, "n_genuine": 10, "n_fake": 9} | figure}
    found = about(replace(BELIEVABLE, audit=clean), kind)
    assert found.level == level
    assert (f"{ends[0]:.2f}" in found.text) == (level != "good")
    assert ("between 0.35 and 0.65" in found.text) == (level == "good")


def test_files_that_tell_nothing_are_said_so_with_a_figure():
    clean = audit("matched", side(0.52, 0.5, bytes=0.51))
    assert (
        "do not tell the label: up to 0.56 is possible"
        in about(replace(BELIEVABLE, audit=clean), "files").text
    )


def test_a_change_without_an_interval_is_said_to_have_none():
    none = {"change_low": np.nan, "change_high": np.nan}
    found = about(replace(BELIEVABLE, robustness=robustness(0.98).assign(**none)), "fragile")
    assert "The change after lossless has no interval; changing" in found.text
    assert "– to –" not in found.text
