"""`make repro` killed with `kill -9` at random moments: the next run has to end as if nothing had happened.

    python -m benchmarks.killed [--kills 20] [--seed 0] [--targets convert train]

Works in temporary copies of the repository as it is now, changes that are not committed included, on the
built-in sample. One copy is reproduced without disturbance. Each of the others is killed at a moment drawn
evenly from that time, in turns its `dvc` alone (the stage has to end by itself) and the whole group of
processes, and is then reproduced. Compared are all files that the stages leave, but for those that name the
run: `run.json`, `reports/report.html` and `reports/MODEL_CARD.md`.
Prints a line for each; the exit status is 1 where any file differs.
"""

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from pipeline.repro import EMPTY_LOCK

ROOT = Path(__file__).parents[1]
OUTPUTS = ("data", "models", "reports")
_OF_ONE_RUN = {"run.json", "report.html", "MODEL_CARD.md"}  # which say what run it was, and when
_PATIENCE = 60.0  # seconds in which a stage that lost its parent has to be gone


def main() -> None:
    """Reproduce once, then kill and reproduce; print how each ended."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.killed", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--targets", nargs="*", default=[], help="stages; all where nothing is said")
    options = parser.parse_args()
    draws = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        template = copy_checkout(Path(scratch, "template"))
        clean = shutil.copytree(template, Path(scratch, "clean"), symlinks=True)
        began = time.monotonic()
        reproduce(clean, options.targets)
        seconds = time.monotonic() - began
        wanted = results(clean)
        print(f"undisturbed: {seconds:.0f} s, {len(wanted)} files")
        moments = sorted(draws.uniform(0, seconds) for _ in range(options.kills))
        bad = 0
        for number, moment in enumerate(moments):
            folder = shutil.copytree(template, Path(scratch, "killed"), symlinks=True)
            group = bool(number % 2)
            said = kill_after(folder, moment, group, options.targets)
            began = time.monotonic()
            reproduce(folder, options.targets)
            differing = differences(wanted, results(folder))
            bad += bool(differing)
            print(
                f"{number + 1:>3} {'group' if group else 'dvc':<6} after {moment:>5.1f} s, {said:<28} then "
                f"{time.monotonic() - began:>4.0f} s: {', '.join(differing[:5]) or 'the same files'}",
                flush=True,
            )
            shutil.rmtree(folder)
    sys.exit(f"{bad} of {options.kills} ended with other files" if bad else 0)


def copy_files(target: Path) -> None:
    """Copy what git tracks or would track, with the empty `dvc.lock` of a clone."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    (target / "dvc.lock").write_text(EMPTY_LOCK, encoding="utf-8")


def copy_checkout(target: Path) -> Path:
    """Copy the checkout as a repository with one commit and nothing reproduced."""
    copy_files(target)
    subprocess.run([sys.executable, "-m", "pipeline.params", "write"], cwd=target, env=environment(target))
    identity = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "copy"]):
        subprocess.run(["git", *command], cwd=target, check=True)
    return target


def environment(folder: Path) -> dict[str, str]:
    """Give the variables of this process, with the copy as the code that runs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "PATH": path, "PYTHONPATH": str(folder)}


def command(targets: Sequence[str] = ()) -> list[str]:
    """Give that of `make repro`; of `dvc repro` where stages are named."""
    return ["dvc", "repro", *targets] if targets else [sys.executable, "-m", "pipeline.repro"]


def reproduce(folder: Path, targets: Sequence[str] = ()) -> None:
    """Run `make repro`, or some stages with `dvc repro`, to the end.

    Raises:
        RuntimeError: it failed; the message holds what it said.
    """
    ended = subprocess.run(
        command(targets), cwd=folder, env=environment(folder), capture_output=True, text=True
    )
    if ended.returncode:
        raise RuntimeError(f"{ended.args} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")


def kill_after(folder: Path, seconds: float, group: bool, targets: Sequence[str] = ()) -> str:
    """Start `make repro`, kill its DVC or its whole group that much later, and wait until all of it is gone.

    Returns:
        what it was at.

    Raises:
        RuntimeError: it failed before, or a process that it had started goes on for a minute.
    """
    with tempfile.TemporaryFile("w+") as said:
        started = subprocess.Popen(
            command(targets),
            cwd=folder,
            env=environment(folder),
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            failed = started.wait(seconds) != 0
        except subprocess.TimeoutExpired:
            failed = False
            if group:
                os.killpg(started.pid, signal.SIGKILL)
            else:
                _kill_dvc_of(started.pid)
        started.wait()
        end = time.monotonic() + _PATIENCE
        while running := members_of(started.pid):
            if time.monotonic() > end:
                raise RuntimeError(f"dvc was killed, and {running} went on for a minute")
            time.sleep(0.05)
        said.seek(0)
        lines = said.readlines()
        if failed:
            raise RuntimeError(f"ended with {started.returncode}:\n{''.join(lines)}")
        stages = [line.split("'")[1] for line in lines if line.startswith("Running stage")]
    return f"at {stages[-1]}" if stages else "before the first stage"


def _kill_dvc_of(started: int) -> None:
    """Kill the DVC that `make repro` has started; what was started itself where there is none yet."""
    process = psutil.Process(started)
    with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended by itself
        next((child for child in process.children() if "dvc" in child.cmdline()), process).kill()


def members_of(group: int) -> list[str]:
    """Give the processes of a group that have not ended, each as its number and command."""
    listed = subprocess.run(
        ["ps", "-eo", "pgid=,stat=,pid=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = (line.split(maxsplit=2) for line in listed.splitlines())
    return [what for pgid, state, what in rows if int(pgid) == group and not state.startswith("Z")]


def results(folder: Path) -> dict[str, str]:
    """Hash every file that the stages leave, by its path."""
    found = {}
    for top in OUTPUTS:
        for path in sorted((folder / top).rglob("*")):
            # What begins with a dot is no result: journals hold times, and are never compared.
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            if path.is_file() and not hidden and path.name not in _OF_ONE_RUN:
                name = path.relative_to(folder).as_posix()
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def differences(wanted: dict[str, str], found: dict[str, str]) -> list[str]:
    """Name the files that are missing, new or other, each with which of these."""
    kinds = {
        "missing": wanted.keys() - found.keys(),
        "new": found.keys() - wanted.keys(),
        "other": {name for name in wanted.keys() & found.keys() if wanted[name] != found[name]},
    }
    return sorted(f"{name} is {kind}" for kind, names in kinds.items() for name in names)


if __name__ == "__main__":
    main()
