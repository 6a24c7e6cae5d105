"""Worker processes."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = """
import os, time
from pipeline.processes import worker_pool

if __name__ == "__main__":
    with worker_pool(2) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        {then}
"""


def start(tmp_path, then):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(then=then))
    return subprocess.Popen(
        [sys.executable, script], env=os.environ | {"PYTHONPATH": str(ROOT)}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def is_there(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
def test_workers_end_when_their_parent_is_killed(tmp_path):
    with start(tmp_path, "time.sleep(60)") as parent:
        worker = int(parent.stdout.readline())
        assert is_there(worker)
        parent.kill()
    deadline = time.monotonic() + 10
    while is_there(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_there(worker)


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_is_the_parents_alone_even_while_workers_start(tmp_path):
    with start(tmp_path, "pool.submit(time.sleep, 2); pool.submit(time.sleep, 2); time.sleep(60)") as parent:
        parent.stdout.readline()
        time.sleep(0.05)  # the second worker is starting
        os.killpg(parent.pid, signal.SIGINT)
        _, said = parent.communicate(timeout=30)
    assert "KeyboardInterrupt" in said
    assert "SpawnProcess" not in said
    assert "spawn_main" not in said
