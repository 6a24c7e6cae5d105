"""What makes figures believable, and what a reader is told who knows nothing of the field."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.evaluation.bootstrap import Metric
from pipeline.evaluation.perturbations import SETS
from pipeline.evaluation.results import Results
from pipeline.reports.trust import believe, conclude
from pipeline.reports.trust_rules import EVERYDAY, pairs, surely_above
from tests.reports.audited import audit, side
from tests.reports.evaluated import (
    BELIEVABLE,
    CLASSIC,
    about,
    changed,
    counts,
    robustness,
    row,
    with_crops,
    without,
)


def least(**more):
    """Nothing but the metrics that every evaluation has."""
    table = pd.DataFrame([row("split", "test", "roc_auc", 0.9, 0.86, 0.94)])
    return Results(threshold=0.5, confidence=0.95, table=table, **more)


def test_a_detector_far_above_every_trick_on_a_clean_split_may_be_believed():
    verdict = conclude(believe(BELIEVABLE))
    assert verdict.level == "good"
    assert verdict.headline.startswith("These figures may be believed")
    assert "better than any trick" in verdict.because
    assert "no tested picture has a relative in training" in verdict.because


def test_the_classic_one_may_not_and_the_sentence_says_why():
    verdict = conclude(believe(CLASSIC))
    assert (verdict.level, verdict.headline) == ("bad", "Do not believe these figures")
    assert "A trick that looks for no forgery does better" in verdict.because
    assert "86 % of the tested fakes have a relative in training" in verdict.because


def test_findings_stand_worst_first():
    levels = [finding.level for finding in believe(CLASSIC)]
    assert levels == sorted(levels, key=["bad", "warning", "good"].index)


@pytest.mark.parametrize("content", [BELIEVABLE, CLASSIC], ids=["believable", "classic"])
def test_words_of_the_field_stand_in_the_evidence_and_not_in_the_verdict(content):
    said = " ".join(conclude(believe(content))[1:]).lower()
    assert not [word for word in ("auc", "shortcut", "probe", "threshold", "jpeg", "split") if word in said]


def test_as_good_as_a_trick_is_not_good():
    even = changed(BELIEVABLE, "test", "best_shortcut_roc_auc", 0.98, 0.96, 0.99)
    assert about(changed(even, "test", "roc_auc", 0.98, 0.96, 0.99), "shortcuts").level == "bad"


def test_a_lead_that_may_be_chance_is_said_to_be():
    close = changed(BELIEVABLE, "test", "roc_auc", 0.85, 0.78, 0.91)
    assert about(close, "shortcuts").level == "warning"
    assert conclude(believe(close)).headline == "Believe these figures only in part"
    assert conclude(believe(close)).because.endswith(
        "but it is hardly better than a trick that looks for no forgery."
    )


def test_the_interval_of_a_difference_is_that_of_zou_and_donner():
    first, second = Metric(0.9, 0.86, 0.94), Metric(0.8, 0.75, 0.83)
    assert surely_above(first, second)  # 0.1 > hypot(0.04, 0.03) = 0.05
    assert not surely_above(Metric(0.9, 0.82, 0.94), Metric(0.8, 0.75, 0.86))  # hypot(0.08, 0.06) = 0.1
    assert not surely_above(Metric(0.9, None, None), second)
    assert not surely_above(first, Metric())


@pytest.mark.parametrize(("value", "says"), [(0.996, "99 of 100"), (1.0, "100 of 100"), (0.7, "70 of 100")])
def test_what_is_not_perfect_is_never_rounded_up_to_it(value, says):
    assert pairs(Metric(value, None, None)) == says


@pytest.mark.parametrize(
    ("leaking", "level", "says"),
    [(0.86, "bad", "86 %"), (0.011, "bad", "1 %"), (0.0, "good", "no tested picture")],
)
def test_relatives_in_training(leaking, level, says):
    found = about(replace(BELIEVABLE, counts=counts(leaking)), "leak")
    assert found.level == level
    assert says in found.title


def test_the_class_that_leaks_more_is_named():
    leaking = counts(0.0)
    leaking["leak"]["genuine"]["with_relatives_in_train"] = 50
    found = about(replace(BELIEVABLE, counts=leaking), "leak")
    assert found.level == "bad"
    assert found.title == "40 % of the tested genuine pictures have a relative in training"
    assert "0 of 96 fakes" in found.text
    good = about(BELIEVABLE, "leak").text
    assert "96 tested fakes" in good
    assert "125 tested genuine pictures" in good


def test_twins_that_share_no_group_are_named():
    twins = audit("matched", side(0.81, 0.6))
    twins["leaks"]["counts"] = [
        {"relation": "the same pixels", "split": "test", "label": "fake", "label_in_train": "fake"}
        | {"pictures": 3, "of": 96}
    ]
    assert (
        about(replace(BELIEVABLE, audit=twins), "leak").title == "3 tested pictures have a twin in training"
    )


@pytest.mark.parametrize(
    ("untouched", "tampered", "level"),
    [
        (0.51, 0.95, "good"),
        (0.58, 0.95, "warning"),
        (0.68, 0.95, "warning"),
        (0.8, 0.95, "bad"),
        (0.71, 0.74, "bad"),
        (0.5, 0.53, "warning"),
    ],
)
def test_untouched_pieces_of_fakes_should_look_genuine(untouched, tampered, level):
    found = with_crops(BELIEVABLE, untouched, tampered)
    assert about(found, "control").level == level


@pytest.mark.parametrize(
    ("untouched", "tampered", "level", "says"),
    [
        ((0.97, None, None), (0.98, 0.95, 0.99), "too_few", "too few pieces"),
        ((0.5, 0.45, 0.55), (0.98, None, None), "too_few", "too few pieces"),
        ((0.85, 0.48, 0.97), (0.9, 0.8, 0.95), "too_few", "too few pieces"),
        ((0.3, 0.1, 0.6), (0.9, 0.8, 0.95), "too_few", "too few pieces"),
        ((0.6, 0.5, 0.65), (0.64, 0.55, 0.72), "warning", "does not surely react more"),
    ],
)
def test_what_no_interval_bounds_is_not_good(untouched, tampered, level, says):
    found = with_crops(BELIEVABLE, untouched, tampered)
    assert about(found, "control").level == level
    assert says in about(found, "control").title
    assert conclude(believe(found)).headline == "Believe these figures only in part"


def test_one_bad_finding_is_enough():
    found = with_crops(BELIEVABLE, 0.8, 0.9)
    assert conclude(believe(found)).headline == "Do not believe these figures"


def test_a_coin_is_called_one():
    coin = changed(BELIEVABLE, "test", "roc_auc", 0.52, 0.46, 0.58)
    coin = changed(coin, "test", "best_shortcut_roc_auc", 0.5, 0.44, 0.56)
    assert about(coin, "skill").level == "bad"
    assert conclude(believe(coin)).headline == "The detector does not work"


def test_what_the_audit_found_weighs_less_where_the_detector_is_far_above_it():
    strong = audit("matched", side(0.97, 0.85, bytes=0.54))
    assert about(replace(BELIEVABLE, audit=strong), "files").level == "warning"
    assert about(replace(CLASSIC, audit=strong), "files").level == "bad"
    clean = audit("matched", side(0.52, 0.5, bytes=0.51), side(0.55, 0.52, bytes=0.51))
    assert about(replace(BELIEVABLE, audit=clean), "files").level == "good"


def test_what_pictures_show_is_a_reason_of_its_own():
    motifs = audit("matched", side(0.52, 0.5, content=0.85))
    assert about(replace(CLASSIC, audit=motifs), "content").level == "bad"
    assert about(replace(BELIEVABLE, audit=motifs), "content").level == "warning"
    assert about(replace(BELIEVABLE, audit=motifs), "files").level == "good"
    assert "0.85 (.80–.90)" in about(replace(BELIEVABLE, audit=motifs), "content").text
    alike = audit("matched", side(0.52, 0.5))
    assert about(replace(BELIEVABLE, audit=alike), "content").level == "good"
    alike["on_test"]["test"]["content"] = {"name": "content", "roc_auc": 0.65, "low": 0.58, "high": 0.72}
    tested = about(replace(BELIEVABLE, audit=alike), "content")
    assert tested.level == "warning"
    assert "0.65 (.58–.72)" in tested.text


def test_what_gets_better_by_harm_is_named():
    found = about(replace(BELIEVABLE, robustness=robustness(0.9, rises=True)), "altered")
    assert (found.level, found.title) == ("warning", "it gets better when pictures get worse")
    assert "jpeg 50 0.99" in found.text


def test_doing_as_well_on_thumbnails_is_bad():
    found = about(replace(BELIEVABLE, robustness=robustness(0.98, knows=0.98)), "altered")
    assert (found.level, "no trace of a forgery" in found.title) == ("bad", True)


@pytest.mark.parametrize("reason", ["NaN answered", "no interval", "one class only"])
def test_alterations_that_nobody_could_judge_are_no_evidence(reason):
    table = robustness(0.9)
    found = about(replace(BELIEVABLE, robustness=table.assign(verdict=reason)), "altered")
    assert (found.level, reason in found.text) == ("warning", True)
    for kept in (
        table[table["family"] != "content only"],
        table[table["family"] == "content only"],
        table.head(0),
    ):
        assert about(replace(BELIEVABLE, robustness=kept), "altered").level == "warning"
    assert about(BELIEVABLE, "altered").level == "good"


def after(**aucs):
    """The robustness of `BELIEVABLE` with other ROC AUCs after some alterations."""
    table = robustness(0.98)
    for name, value in aucs.items():
        table.loc[table["name"] == name.replace("_", " "), ["roc_auc", "verdict"]] = [value, "fragile"]
    return replace(BELIEVABLE, robustness=table)


def test_figures_that_are_gone_once_a_picture_is_saved_again_are_believed_in_part():
    assert about(BELIEVABLE, "fragile").level == "good"
    found = after(**{"jpeg_95": 0.81, "social_network": 0.67})
    assert about(found, "fragile").title == (
        "when a picture is only saved once more it picks the fake in 81 of 100 pairs instead of 98 of 100"
    )
    verdict = conclude(believe(found))
    assert verdict.headline == "Believe these figures only in part"
    assert "81 of 100 pairs" in verdict.because


def test_what_falls_with_all_pixels_kept_is_said_to_read_the_files_table():
    found = about(after(lossless=0.84), "fragile")
    assert "each pixel as it was, it picks the fake in 84 of 100" in found.title
    assert "it reads that table" in found.text


def test_harm_that_nobody_meets_every_day_is_counted_and_does_not_decide():
    found = after(**{"noise_15": 0.6, "blur_3": 0.7})
    assert about(found, "fragile").level == "good"
    assert "After 8 of 30 alterations" in about(found, "fragile").text


def test_without_the_everyday_alterations_nobody_has_checked():
    for table in (robustness(0.98).head(0), robustness(0.98).query("name != 'lossless'")):
        found = about(replace(BELIEVABLE, robustness=table), "fragile")
        assert (found.level, found.title[:22]) == ("warning", "nobody has checked wha")


@pytest.mark.parametrize("name", ["fast", "full"])
def test_both_sets_hold_the_everyday_alterations(name):
    assert set(EVERYDAY) <= {each.name for each in SETS[name]}


def test_elsewhere_is_measured_against_the_trick_that_works_there():
    assert about(BELIEVABLE, "elsewhere").title.endswith("it is worse")
    as_well = changed(BELIEVABLE, "elsewhere", "roc_auc", 0.96, 0.93, 0.98)
    assert about(as_well, "elsewhere").level == "good"
    trick = changed(as_well, "elsewhere", "best_shortcut_roc_auc", 0.95, 0.92, 0.97)
    assert "not surely better than a trick" in about(trick, "elsewhere").title
    coin = changed(BELIEVABLE, "elsewhere", "roc_auc", 0.55, 0.45, 0.65)
    assert "coin" in about(coin, "elsewhere").title


def test_few_pictures_are_called_few():
    wide = changed(BELIEVABLE, "test", "fake_accuracy", 0.86, 0.72, 0.98)
    assert about(wide, "number").level == "warning"
    assert "fake accuracy, for instance, may be anything from 72 to 98 %" in about(wide, "number").text
    none = changed(BELIEVABLE, "test", "roc_auc", 0.97, np.nan, np.nan)
    assert about(none, "number").level == "too_few"


def test_what_nobody_measured_is_never_good():
    found = believe(least())
    assert {finding.about for finding in found if finding.level == "good"} <= {"number"}
    assert conclude(found).level == "warning"


def test_without_an_audit_the_policy_alone_speaks():
    record = {"config": {"convert": {"policy": "tif_only"}}}
    assert about(least(record=record), "files").title == "files were used as handed in"


def test_a_test_set_of_one_class_is_said_to_tell_nothing():
    one_class = changed(BELIEVABLE, "test", "roc_auc", np.nan, np.nan, np.nan)
    assert conclude(believe(one_class)).level == "bad"
    assert about(one_class, "shortcuts").title == "whether a trick does as well cannot be told"
    assert "no shortcut audit" not in about(one_class, "shortcuts").text


def test_an_audit_without_a_figure_is_told_from_none():
    bare = changed(BELIEVABLE, "test", "best_shortcut_roc_auc", np.nan, np.nan, np.nan)
    assert "too few of a class" in about(bare, "shortcuts").text
    assert "There is no shortcut audit" in about(without(bare, "audit"), "shortcuts").text
