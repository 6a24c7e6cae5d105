"""`make repro` killed at any moments, its DVC alone or with all that it started: it ends as undisturbed."""

import os
import random
import shutil

import pytest

from benchmarks.killed import differences, kill_after, reproduce, results
from tests.conftest import new_repository

POSIX = pytest.mark.skipif(os.name == "nt", reason="kills and process groups as POSIX has them")
pytestmark = [pytest.mark.slow, POSIX]
RUNS, KILLS_EACH = 4, 5


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A tiny repository in which nothing has run."""
    return new_repository(tmp_path_factory.mktemp("fresh") / "repository").folder


@pytest.mark.parametrize("number", range(RUNS))
def test_a_run_that_was_killed_again_and_again_ends_with_the_same_files(reproduced, fresh, tmp_path, number):
    folder = shutil.copytree(fresh, tmp_path / "repository", symlinks=True)
    draws = random.Random(number)
    # Each goes on where the one before was killed, so that together they meet every stage.
    moments = [draws.uniform(0, reproduced.seconds / 2) for _ in range(KILLS_EACH)]
    at = [
        kill_after(folder, moment, group=bool((number + which) % 2)) for which, moment in enumerate(moments)
    ]
    reproduce(folder)
    # Two runs of one seed: every table, chart and figure is the same, the metrics and predictions too.
    assert {"reports/metrics.json", "reports/evaluation/predictions.csv"} <= set(results(folder))
    assert differences(results(reproduced.folder), results(folder)) == [], f"killed {at}"
