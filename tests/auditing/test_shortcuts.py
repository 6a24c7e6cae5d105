import dataclasses

import numpy as np
import pytest

from pipeline.auditing.shortcut_kinds import CONTENT, HISTORY
from pipeline.auditing.shortcuts import Evidence, all_features, one_feature, score_on_test, search
from pipeline.config_data import Audit
from pipeline.images import content_features
from pipeline.images.content_features import history_features, thumbnail_features
from tests.auditing.builders import decoded, encoded, feature_table, scene

SETTINGS = Audit(
    folds=5, bootstrap=200, confidence=0.95, warn_above=0.55, fail_above=None, probe_pictures=None
)


def evidence(n=160, seed=0, history_tells=False, content_tells=False, **columns):
    random = np.random.default_rng(seed)
    target = np.arange(n) % 2
    history = random.random((n, content_features.N_HISTORY), dtype=np.float32)
    content = random.normal(128, 40, (n, content_features.N_CONTENT)).astype(np.float32)
    if history_tells:
        history[:, :40] += 0.8 * target[:, None]
    if content_tells:
        content[:, 2::3] += 40 * target[:, None]
    groups = np.array([f"g{number}" for number in np.arange(n) // 4])
    made = {name: make(target, random) for name, make in columns.items()}
    pixels = {HISTORY: history, CONTENT: content}
    return Evidence(feature_table(n, **made), pixels, np.full(n, True), target, groups, np.full(n, "c"))


def telling_category(target, random):
    return np.where(random.random(len(target)) < 0.9, np.array(["a", "b"])[target], "c").astype(object)


def telling_range(target, random):
    """Fakes lie in the middle: no threshold tells, a small tree does."""
    return np.where(target == 1, 5 + random.random(len(target)), random.choice([2.0, 8.0], len(target)))


def noise(target, random):
    return random.random(len(target)) + 1


def many_categories(target, random):  # noqa: ARG001
    return np.array([f"k{number}" for number in range(len(target))], dtype=object)


def test_the_feature_that_tells_is_found_and_the_others_are_not():
    found = search(evidence(luma_table=telling_category, width=noise), SETTINGS, 1, 0)
    assert next(iter(found["features"])) == "luma_table"
    assert found["features"]["luma_table"]["low"] > 0.8
    width = found["features"]["width"]
    assert width["low"] < 0.5 < width["high"]
    assert "quality" in found["constant"]
    for estimate in found["all_metadata"].values():
        assert estimate["roc_auc"] > 0.85


def test_a_range_is_found_too_and_a_value_of_its_own_for_each_picture_tells_nothing():
    found = search(evidence(bytes=telling_range, software=many_categories), SETTINGS, 1, 0)["features"]
    assert found["bytes"]["roc_auc"] > 0.95
    assert found["software"]["roc_auc"] == pytest.approx(0.5)


def test_nothing_varies_nothing_is_found():
    found = search(evidence(), SETTINGS, 1, 0)
    assert found["features"] == found["all_metadata"] == {}
    assert all(found["probe"][name]["low"] < 0.55 for name in (HISTORY, CONTENT))


@pytest.mark.parametrize(
    ("tells", "own", "other"), [("history_tells", HISTORY, CONTENT), ("content_tells", CONTENT, HISTORY)]
)
def test_each_probe_finds_what_is_its_own(tells, own, other):
    found = search(evidence(**{tells: True}), SETTINGS, 1, 0)["probe"]
    assert found[own]["low"] > 0.9
    assert found[other]["low"] < 0.55


def test_pictures_that_are_not_probed_are_left_out_of_the_probe_alone():
    every = evidence(history_tells=True, luma_table=telling_category)

    def probing(n_probed):
        pixels = {name: known[:n_probed] for name, known in every.pixels.items()}
        return dataclasses.replace(every, pixels=pixels, probed=np.arange(len(every.target)) < n_probed)

    found = search(probing(40), SETTINGS, 1, 0)
    assert found["probe"][HISTORY]["roc_auc"] > 0.9
    assert search(probing(0), SETTINGS, 1, 0)["probe"] == {}
    odd = probing(40).of(np.arange(len(every.target)) % 2 == 1)
    assert odd.probed.sum() == len(odd.pixels[HISTORY]) == 20
    assert (odd.pixels[HISTORY] == every.pixels[HISTORY][1:40:2]).all()


def test_numbers_that_do_not_apply_are_no_error():
    some = evidence(quality=lambda target, random: np.where(target == 1, np.nan, random.random(len(target))))
    found = search(some, SETTINGS, 1, 0)
    assert found["features"]["quality"]["roc_auc"] == 1.0


def test_what_was_learnt_on_training_pictures_is_scored_on_the_tested_ones():
    learnt = evidence(luma_table=telling_category, width=noise, history_tells=True)
    tested = evidence(80, seed=1, luma_table=telling_category, width=noise, history_tells=True)
    half = np.arange(80) < 40
    found = score_on_test(learnt, tested, {"test": np.ones(80, bool), "collections.a": half}, SETTINGS, 1, 0)
    assert found["test"]["best_feature"]["name"] == "luma_table"
    assert found["test"]["best_feature"]["roc_auc"] > 0.85
    assert found["test"][HISTORY]["roc_auc"] > 0.9
    assert found["test"][CONTENT]["roc_auc"] is not None
    assert (found["test"]["n_fake"], found["collections.a"]["n_fake"]) == (40, 20)


def test_a_tested_part_of_one_class_has_no_figure():
    tested = evidence(8, luma_table=telling_category)
    fakes = tested.of(tested.target == 1)
    found = score_on_test(
        evidence(luma_table=telling_category), fakes, {"test": np.ones(4, bool)}, SETTINGS, 1, 0
    )
    assert found["test"]["best_feature"]["roc_auc"] is None
    # Too few pictures to learn from give nothing.
    assert score_on_test(evidence(8), evidence(8), {"test": np.ones(8, bool)}, SETTINGS, 1, 0) == {}


def test_learners_cope_with_values_that_training_did_not_have():
    learnt = evidence(luma_table=telling_category, width=noise)
    scored = evidence(12, seed=2, luma_table=many_categories)
    for learner in [one_feature("luma_table"), *all_features(["luma_table", "width"], 0).values()]:
        assert np.isfinite(learner(learnt.features, learnt.target, scored.features)).all()


def probed(fake_quality=90, redder=0, twins=False):
    """Search genuine pictures saved at quality 90, and fakes, perhaps of the same scenes and redder."""
    numbers, target = np.repeat(np.arange(60), 2), np.arange(120) % 2
    pictures = []
    for number, fake in zip(numbers, target, strict=True):
        pixels = scene(number if twins or not fake else 1000 + number).astype(int)
        pixels[..., 0] += redder * fake
        quality = fake_quality if fake else 90
        pictures.append(decoded(encoded(pixels.clip(0, 255).astype(np.uint8), quality=quality)))
    features = {HISTORY: history_features, CONTENT: thumbnail_features}
    pixels = {name: np.stack([of(picture) for picture in pictures]) for name, of in features.items()}
    groups = np.array([f"g{number}" for number in numbers])
    known = Evidence(feature_table(2 * 60), pixels, np.full(120, True), target, groups, np.full(120, "c"))
    return search(known, SETTINGS, 1, 0)["probe"]


def tells_nothing(estimate):
    return estimate["low"] < 0.5 and estimate["roc_auc"] < 0.6


def test_fakes_that_show_redder_scenes_are_found_by_a_thumbnail_and_others_are_not():
    assert probed(redder=40)[CONTENT]["low"] > 0.7
    assert tells_nothing(probed()[CONTENT])


@pytest.mark.parametrize("twins", [False, True])
def test_how_a_picture_was_saved_is_not_seen_on_a_thumbnail(twins):
    found = probed(fake_quality=60, twins=twins)
    assert found[HISTORY]["low"] > 0.9
    assert tells_nothing(found[CONTENT])
