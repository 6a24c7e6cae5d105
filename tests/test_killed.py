"""`dvc repro` killed at any moment, alone or with all that it started: `make repro` ends as undisturbed."""

import os
import random
import time

import pytest

from benchmarks.killed import differences, kill_after, reproduce, results
from tests.conftest import new_repository

POSIX = pytest.mark.skipif(os.name == "nt", reason="kills and process groups as POSIX has them")
pytestmark = [pytest.mark.slow, POSIX]
KILLS = 20


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What an undisturbed run leaves, and its seconds."""
    folder = new_repository(tmp_path_factory.mktemp("undisturbed") / "repository").folder
    began = time.monotonic()
    reproduce(folder)
    return results(folder), time.monotonic() - began


@pytest.mark.parametrize("number", range(KILLS))
def test_the_next_run_ends_with_the_same_files(undisturbed, tmp_path, number):
    wanted, seconds = undisturbed
    folder = new_repository(tmp_path / "repository").folder
    # One moment in each twentieth of the time, so that every stage is met.
    moment = seconds * (number + random.Random(number).random()) / KILLS
    at = kill_after(folder, moment, group=bool(number % 2))
    reproduce(folder)
    assert differences(wanted, results(folder)) == [], f"killed after {moment:.1f} s, {at}"
