"""Two processes run the tests, so each must collect the same ones in the same order, on every machine."""

import os
import subprocess
import sys

from tests.conftest import ROOT


def _collected(**environment):
    """The ids that pytest lists, and when it did: seconds apart, the clock is another each time."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider"]
    answer = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return [line for line in answer.stdout.splitlines() if "::" in line]


def test_every_collection_is_the_same():
    first = _collected(PYTHONHASHSEED="1", TZ="Asia/Tokyo", LC_ALL="C")
    assert first
    assert first == _collected(PYTHONHASHSEED="2", TZ="America/Lima", LC_ALL="C.UTF-8", COLUMNS="40")
    assert len(first) == len(set(first))
