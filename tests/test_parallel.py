"""Work on several cores, and on a real Dask scheduler with worker processes over loopback."""

import contextlib
import functools
import importlib.machinery
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from pipeline.config import Compute
from pipeline.errors import UserError
from pipeline.parallel import WorkerLost, _chunks, map_chunks, shown, workers
from tests.conftest import running_cluster

LOCAL = Compute(backend="local", workers=2, scheduler=None)
DASK = Compute(backend="dask", workers=2, scheduler=None)


def add(number, to):
    return number + to, os.getpid()


ADD_1 = functools.partial(add, to=1)


def numbers(results):
    return [results[index][0] for index in range(len(results))]


def end_itself(number):
    os._exit(number)


def refuse(number):
    raise UserError(f"{number} is refused")


def mapped(function, items, compute, **options):
    return dict(map_chunks(function, items, compute, "title", **options))


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_every_item_is_answered_once_at_its_index(chunk):
    assert numbers(results := mapped(ADD_1, range(50), LOCAL, chunk=chunk)) == list(range(1, 51))
    assert os.getpid() not in {process for _, process in results.values()}


@pytest.mark.parametrize(
    ("compute", "options", "alone"),
    [
        (Compute(backend="local", workers=1, scheduler=None), {}, True),
        (LOCAL, {"alone": 3}, True),
        (LOCAL, {"alone": 2}, False),
        (LOCAL, {"alone": 3, "sizes": [1, 1 << 30, 1]}, False),
    ],
    ids=["one worker", "few", "too many", "too large"],
)
def test_few_items_and_one_worker_stay_in_this_process(compute, options, alone):
    results = mapped(ADD_1, range(3), compute, **options)
    assert ({process for _, process in results.values()} == {os.getpid()}) == alone


def test_a_worker_imports_what_its_work_needs_and_not_what_the_command_does(monkeypatch):
    command = types.ModuleType("__main__")
    command.__spec__ = importlib.machinery.ModuleSpec("pipeline.gate", None)  # python -m pipeline.gate
    monkeypatch.setitem(sys.modules, "__main__", command)
    names = ("pipeline.parallel", "pipeline.gate", "hydra")
    found = mapped(eval, [f"{name!r} in __import__('sys').modules" for name in names], LOCAL)
    assert found == {0: True, 1: False, 2: False}
    assert sys.modules["__main__"] is command


def test_large_items_travel_alone():
    chunks = [(first, list(items)) for first, items in _chunks(range(6), 3, [1, 1, 1, 1, 9 << 20, 1])]
    assert chunks == [(0, [0, 1, 2]), (3, [3]), (4, [4]), (5, [5])]


def test_what_the_function_raises_and_the_loss_of_a_worker_arrive_in_words():
    for alone in (0, 2):
        with pytest.raises(UserError, match="is refused"):
            mapped(refuse, [1, 2], LOCAL, alone=alone)
    with pytest.raises(UserError, match=r"memory ran out.*compute\.workers=1"):
        mapped(end_itself, [1, 2], LOCAL)


def test_a_cluster_of_our_own_answers_alike():
    assert numbers(mapped(ADD_1, range(20), DASK, chunk=3)) == list(range(1, 21))
    with pytest.raises(UserError, match="is refused"):
        mapped(refuse, [1, 2], DASK)


def test_a_cluster_that_is_there_already(tmp_path):
    with running_cluster(tmp_path) as address:
        there = Compute(backend="dask", workers=None, scheduler=address)
        assert numbers(mapped(ADD_1, range(20), there, chunk=3)) == list(range(1, 21))
        with pytest.raises(UserError, match="lost its workers"):
            mapped(end_itself, [1], there)


def test_no_item_starts_nothing_and_no_scheduler_at_the_address_is_an_error_in_words(monkeypatch):
    assert mapped(add, [], DASK) == {}
    monkeypatch.setattr("pipeline.parallel._CONNECT_SECONDS", 1)
    nobody = Compute(backend="dask", workers=None, scheduler="tcp://127.0.0.1:9")
    with pytest.raises(UserError, match=r"compute\.scheduler is tcp://127\.0\.0\.1:9.*tcp://host:8786"):
        mapped(add, [1], nobody)


def test_dask_leaves_nothing_behind(tmp_path):
    script = (
        "from pipeline.parallel import map_chunks\n"
        "from pipeline.config import Compute\n"
        "if __name__ == '__main__':\n"
        "    compute = Compute(backend='dask', workers=1, scheduler=None)\n"
        "    print(sorted(map_chunks(abs, [-1, -2], compute, 'title')))\n"
    )
    (tmp_path / "script.py").write_text(script)
    ended = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "[(0, 1), (1, 2)]\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


# Worker processes.

ROOT = Path(__file__).parents[1]
SCRIPT = """
import os, time
from pipeline.config import Compute
from pipeline.parallel import workers

def pids(items):
    return [os.getpid() for _ in items]

def naps(items):
    return [time.sleep(each) for each in items]

if __name__ == "__main__":
    with workers(Compute(backend="local", workers=2, scheduler=None)) as staff:
        print(dict(staff.map(pids, [0]))[0], flush=True)
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
    with start(tmp_path, "dict(staff.map(naps, [2, 2], chunk=1)); time.sleep(60)") as parent:
        parent.stdout.readline()
        time.sleep(0.05)  # the second worker is starting
        os.killpg(parent.pid, signal.SIGINT)
        _, said = parent.communicate(timeout=30)
    assert "KeyboardInterrupt" in said
    assert "SpawnProcess" not in said
    assert "spawn_main" not in said


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_is_shown_on_a_terminal_alone(monkeypatch, capsys, is_terminal):
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal, raising=False)
    assert list(shown(iter("abc"), 3, "evaluate")) == ["a", "b", "c"]
    said = capsys.readouterr()
    assert said.out == ""
    assert ("evaluate:" in said.err and "/3" in said.err) if is_terminal else said.err == ""


# Workers that stay.


def where(numbers, lost):
    if lost in numbers:
        os.kill(os.getpid(), signal.SIGKILL)
    return [(number, os.getpid()) for number in numbers]


@pytest.mark.parametrize("compute", [LOCAL, DASK], ids=["here", "Dask"])
def test_workers_stay_between_calls_and_a_lost_one_is_replaced(compute):
    work = functools.partial(where, lost=-1)
    with workers(compute) as staff:
        first, again = (dict(staff.map(work, range(12), chunk=1)) for _ in range(2))
        assert numbers(first) == numbers(again) == list(range(12))
        assert {process for _, process in again.values()} <= {process for _, process in first.values()}
        with pytest.raises(WorkerLost) as lost:
            dict(staff.map(work, [-1], chunk=1))
        assert list(lost.value.under_way) == [0]
        assert numbers(dict(staff.map(work, range(12), chunk=1))) == list(range(12))


def sleep(seconds):
    time.sleep(sum(seconds))
    return seconds


def test_what_is_under_way_is_not_waited_for_where_that_is_asked():
    with pytest.raises(KeyboardInterrupt), workers(LOCAL, finish=False) as staff:
        for index, _ in staff.map(sleep, [0, 60, 60, 60], chunk=1):
            assert index == 0
            began = time.monotonic()
            raise KeyboardInterrupt
    assert time.monotonic() - began < 30
