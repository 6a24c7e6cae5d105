"""Each probe of pixels finds what it is for, and nothing of what the other is for."""

import numpy as np
import pytest

from pipeline.auditing.shortcut_kinds import CONTENT, HISTORY
from pipeline.auditing.shortcuts import Look, search
from pipeline.config import Audit
from pipeline.images.content_features import history_features, thumbnail_features
from tests.auditing.files import decoded, encoded, feature_table, scene

SETTINGS = Audit(
    folds=4, bootstrap=200, confidence=0.95, warn_above=0.55, fail_above=None, probe_pictures=None
)
N = 60


def probed(fake_quality=90, redder=0, twins=False):
    """Search genuine pictures saved at quality 90, and fakes, for what the probes find.

    Args:
        fake_quality: of the JPEGs of fakes.
        redder: grey levels of red that the scenes of fakes have more than others.
        twins: whether fakes show the very scenes of the genuine pictures.
    """
    numbers, target = np.repeat(np.arange(N), 2), np.arange(2 * N) % 2
    pictures = []
    for number, fake in zip(numbers, target, strict=True):
        pixels = scene(number if twins or not fake else 1000 + number).astype(int)
        pixels[..., 0] += redder * fake
        quality = fake_quality if fake else 90
        pictures.append(decoded(encoded(pixels.clip(0, 255).astype(np.uint8), quality=quality)))
    pixels = {
        name: np.stack([look(picture) for picture in pictures])
        for name, look in ((HISTORY, history_features), (CONTENT, thumbnail_features))
    }
    groups = np.array([f"g{number}" for number in numbers])
    look = Look(feature_table(2 * N), pixels, target, groups, np.full(2 * N, "c"))
    return search(look, SETTINGS, 1, 0)["probe"]


def tells_nothing(estimate):
    return estimate["low"] < 0.5 and estimate["roc_auc"] < 0.6


def test_fakes_that_show_redder_scenes_are_told_by_a_thumbnail():
    assert probed(redder=40)[CONTENT]["low"] > 0.7


def test_scenes_of_one_kind_are_not_told_by_a_thumbnail():
    assert tells_nothing(probed()[CONTENT])


@pytest.mark.parametrize("twins", [False, True])
def test_how_a_picture_was_saved_is_not_seen_on_a_thumbnail(twins):
    found = probed(fake_quality=60, twins=twins)
    assert found[HISTORY]["low"] > 0.9
    assert tells_nothing(found[CONTENT])
