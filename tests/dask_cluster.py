"""A Dask scheduler and its workers as processes of their own, as somebody who has a cluster starts them."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def running_cluster(folder, workers=2):
    """Start a scheduler and workers over loopback, in another folder than ours; give the address."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    scheduler = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", "0", "--no-dashboard"],
        cwd=folder, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    crew = []
    try:
        address = next(found[0] for line in scheduler.stderr if (found := re.search(r"tcp://[\d.:]+", line)))
        for number in range(workers):
            command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1"]
            crew.append(
                subprocess.Popen(
                    [*command, "--no-dashboard", "--local-directory", f"{folder}/worker{number}"],
                    cwd=folder, env=environment, stderr=subprocess.DEVNULL, start_new_session=True,
                )
            )  # fmt: skip
        yield address
    finally:
        for process in (*crew, scheduler):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        scheduler.stderr.close()
