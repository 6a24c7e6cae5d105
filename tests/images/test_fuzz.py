"""Mutated files neither crash nor hang reading, nor fill memory, nor pass for whole where they are not."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are set as Linux does")
@pytest.mark.parametrize("first", [0, 1000])
def test_a_thousand_mutated_files_are_read_or_refused(first):
    ended = subprocess.run(
        [sys.executable, "-m", "tests.images.fuzz_reading", str(first), "1000"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(ended.stdout)
    assert found["wrong"] == []
    assert found["read"] + found["refused"] == 1000
    assert min(found["read"], found["refused"]) > 200  # neither is a matter of chance
    assert found["peak_mib"] < 1024
