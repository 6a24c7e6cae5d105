"""Work on several cores, and on a real Dask scheduler with worker processes over loopback."""

import functools
import os
import subprocess
import sys

import pytest

from pipeline.compute import each_done
from pipeline.config import Compute
from pipeline.errors import UserError
from tests.dask_cluster import running_cluster

LOCAL = Compute(backend="local", workers=2, scheduler=None)
DASK = Compute(backend="dask", workers=2, scheduler=None)


def add(number, to):
    return number + to, os.getpid()


def end_itself(number):
    os._exit(number)


def refuse(number):
    raise UserError(f"{number} is refused")


def test_every_task_is_answered_once_at_its_place():
    answers = dict(each_done(functools.partial(add, to=1), range(50), LOCAL))
    assert [answers[place][0] for place in range(50)] == list(range(1, 51))
    assert os.getpid() not in {process for _, process in answers.values()}


def test_alone_and_one_worker_stay_in_this_process():
    one = Compute(backend="local", workers=1, scheduler=None)
    for compute, alone in ((one, False), (LOCAL, True)):
        answers = dict(each_done(functools.partial(add, to=1), range(3), compute, alone))
        assert {process for _, process in answers.values()} == {os.getpid()}


def test_no_task_starts_nothing():
    assert list(each_done(add, [], DASK)) == []


def test_a_lost_worker_is_told_in_words():
    with pytest.raises(UserError, match=r"memory ran out.*compute\.workers=1"):
        list(each_done(end_itself, [1, 2], LOCAL))


def test_what_the_function_raises_arrives():
    for alone in (False, True):
        with pytest.raises(UserError, match="is refused"):
            list(each_done(refuse, [1, 2], LOCAL, alone))


def test_a_cluster_of_our_own_answers_alike():
    answers = dict(each_done(functools.partial(add, to=1), range(20), DASK))
    assert [answers[place][0] for place in range(20)] == list(range(1, 21))
    with pytest.raises(UserError, match="is refused"):
        list(each_done(refuse, [1, 2], DASK))


def test_a_cluster_that_is_there_already(tmp_path):
    with running_cluster(tmp_path) as address:
        there = Compute(backend="dask", workers=None, scheduler=address)
        answers = dict(each_done(functools.partial(add, to=1), range(20), there))
        assert [answers[place][0] for place in range(20)] == list(range(1, 21))
        with pytest.raises(UserError, match="lost its workers"):
            list(each_done(end_itself, [1], there))


def test_no_scheduler_at_the_address_is_told(monkeypatch):
    monkeypatch.setattr("pipeline.compute._CONNECT_SECONDS", 1)
    nobody = Compute(backend="dask", workers=None, scheduler="tcp://127.0.0.1:9")
    with pytest.raises(UserError, match=r"compute\.scheduler is tcp://127\.0\.0\.1:9.*tcp://host:8786"):
        list(each_done(add, [1], nobody))


def test_dask_leaves_nothing_behind(tmp_path):
    script = (
        "from pipeline.compute import each_done\n"
        "from pipeline.config import Compute\n"
        "if __name__ == '__main__':\n"
        "    compute = Compute(backend='dask', workers=1, scheduler=None)\n"
        "    print(sorted(each_done(abs, [-1, -2], compute)))\n"
    )
    (tmp_path / "script.py").write_text(script)
    ended = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "[(0, 1), (1, 2)]\n", "")
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]
