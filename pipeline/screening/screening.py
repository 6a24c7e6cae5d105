"""Screens an archive part by part, so that it can be stopped anywhere and goes on from there.

Each part is hashed first, so that the same picture under many names is looked at once; what was found out is
in the ledger as soon as it is, and the part is written when all its pictures have an answer.
"""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from pipeline.config import Compute
from pipeline.detector.inference import BATCH
from pipeline.errors import UserError
from pipeline.parallel import WorkerLost, Workers, workers
from pipeline.screening.answers import (
    ANSWERS,
    answer_in,
    parts_there,
    read_part,
    require_own,
    row,
    settle,
    unreadable,
    write_part,
)
from pipeline.screening.archive import list_archive, place_of, still_there
from pipeline.screening.ledger import LEDGER, Ledger, Waiting
from pipeline.screening.looking import Digest, Looked, Plan, absolute, digest, look
from pipeline.storage import sole_writer

LOCK = ".lock"
PART = 1_000  # pictures; what is written at a time
_HASHED_TOGETHER, _LOOKED_AT_TOGETHER = 64, BATCH
_LOST = (
    "the process that looked at it was ended from outside, twice: most often because memory ran out; look at "
    "it alone with python -m pipeline.predict"
)
GOES_ON = "the same command goes on where it was"

Item = TypeVar("Item")
Result = TypeVar("Result")


class Progress(NamedTuple):
    """What a call has done: pictures that were answered already, and by it; files that are no pictures."""

    earlier: int
    now: int
    passed_over: int


def screen(source: str, output: Path, plan: Plan, settings: dict[str, Any], compute: Compute) -> Progress:
    """Answer for each picture of an archive that has no answer in `output` yet.

    Args:
        source: a folder, a list of paths, or an address of either.
        output: folder of the screening; it is made.
        plan: by what pictures are judged.
        settings: what else, beside source and detector, makes the answers what they are.
        compute: where.

    Raises:
        UserError: the source cannot be listed, or is gone; `output` is of another screening, is being
            written by another process, or cannot be written.
    """
    listed = list_archive(source)  # a source that is not there leaves no folder behind
    wanted = {"source": place_of(source), "detector": plan.detector, **settings}
    with contextlib.ExitStack() as opened:
        require_own(output)
        opened.enter_context(sole_writer(output, output / LOCK))
        settle(output, wanted)
        ledger = opened.enter_context(Ledger(output / LEDGER))
        _match(ledger, output)
        passed_over = ledger.add(listed)
        n_pictures, n_waiting = ledger.count()
        if not n_pictures:
            raise UserError(f"{source} holds no picture; nothing is screened")
        if n_waiting:
            opened.enter_context(logging_redirect_tqdm())
            bar = opened.enter_context(_bar(n_pictures, n_waiting))
            staff = opened.enter_context(workers(compute, finish=False))
            _Run(source, output, plan, ledger, staff, bar).to_the_end()
    return Progress(n_pictures - n_waiting, n_waiting, passed_over)


def _bar(n_pictures: int, n_waiting: int) -> "tqdm[Any]":
    earlier = n_pictures - n_waiting
    return tqdm(
        total=n_pictures, initial=earlier, desc="screen", unit=" pictures", dynamic_ncols=True, disable=None
    )


def _match(ledger: Ledger, output: Path) -> None:
    """Bring the ledger in step with the parts, which count: one may be written and not noted, or removed."""
    (output / ANSWERS).mkdir(exist_ok=True)
    there, known = set(parts_there(output)), ledger.parts()
    for part in known - there:
        ledger.forget(part)
    for part in sorted(there - known):
        rows = read_part(output, part)
        answers = {str(each["sha256"]): answer_in(each) for each in rows if each["sha256"]}
        ledger.take_in(part, [each["path"] for each in rows], answers)


class _Run(NamedTuple):
    """A screening while it runs."""

    source: str
    output: Path
    plan: Plan
    ledger: Ledger
    staff: Workers
    bar: "tqdm[Any]"

    def to_the_end(self) -> None:
        """Write part after part until no picture waits."""
        part = max([-1, *self.ledger.parts()]) + 1
        while waiting := self.ledger.waiting(PART):
            answers = self._answers(waiting)
            rows = [row(each.name, self.plan.detector, *answers[each.number]) for each in waiting]
            write_part(self.output, part, rows)
            self.ledger.finish(part, [each.number for each in waiting])
            part += 1

    def _answers(self, waiting: Sequence[Waiting]) -> dict[int, tuple[str | None, dict[str, Any]]]:
        """Return hash and answer of each picture, by its number."""
        found: dict[int, tuple[str | None, dict[str, Any]]] = {
            each.number: (None, unreadable(each.refused)) for each in waiting if each.refused
        }
        to_open = [each for each in waiting if not each.refused]
        digests: dict[int, Digest] = {}
        for index, hashed in self._each(digest, to_open, _HASHED_TOGETHER):
            number = to_open[index].number
            if hashed is None or hashed.sha256 is None:
                found[number] = (None, unreadable(_LOST if hashed is None else hashed.error))
            else:
                digests[number] = hashed
        if len(digests) < len(to_open):
            self._require_source()
        self.bar.update(len(found))
        while unanswered := [each for each in to_open if each.number not in found]:
            self._look(unanswered, digests, found)
        return found

    def _look(
        self,
        unanswered: Sequence[Waiting],
        digests: dict[int, Digest],
        found: dict[int, tuple[str | None, dict[str, Any]]],
    ) -> None:
        """Look at one picture of each hash, and give the answer to all of that hash."""
        names: dict[str, list[Waiting]] = defaultdict(list)
        for each in unanswered:
            names[str(digests[each.number].sha256)].append(each)
        known = self.ledger.seen(names)
        for sha256, answer in known.items():
            found |= {each.number: (sha256, answer) for each in names[sha256]}
            self.bar.update(len(names[sha256]))
        ones = [alike[0] for sha256, alike in names.items() if sha256 not in known]
        sizes = [digests[each.number].size for each in ones]
        for index, looked in self._each(partial(look, plan=self.plan), ones, _LOOKED_AT_TOGETHER, sizes):
            one = ones[index]
            sha256 = str(digests[one.number].sha256)
            looked = looked or Looked(sha256, unreadable(_LOST))
            if looked.sha256 is not None:
                self.ledger.remember({looked.sha256: looked.answer})
            else:
                self._require_source()
            found[one.number] = (looked.sha256, looked.answer)
            if looked.sha256 == sha256:  # it was not changed meanwhile
                found |= {each.number: (sha256, looked.answer) for each in names[sha256]}
            self.bar.update(len(names[sha256]) if looked.sha256 == sha256 else 1)

    def _require_source(self) -> None:
        """Raise UserError where the whole archive is gone: its pictures are not unreadable for that."""
        if not still_there(self.source):
            raise UserError(f"{self.source} is gone; see that it is there again, and {GOES_ON}")

    def _each(
        self,
        work: Callable[[Sequence[str]], list[Result]],
        pictures: Sequence[Waiting],
        together: int,
        sizes: Sequence[int] | None = None,
    ) -> Iterator[tuple[int, Result | None]]:
        """Yield index and result of each picture as they come; None for one that takes its worker with it."""
        paths = [absolute(each.path) for each in pictures]
        left = dict.fromkeys(range(len(paths)))
        while left:
            now = list(left)
            try:
                of_these = None if sizes is None else [sizes[index] for index in now]
                for place, result in self.staff.map(
                    work, [paths[index] for index in now], chunk=together, sizes=of_these
                ):
                    del left[now[place]]
                    yield now[place], result
            except WorkerLost as lost:
                for index in [now[place] for place in lost.under_way if now[place] in left]:
                    del left[index]
                    yield index, self._alone(work, paths[index])

    def _alone(self, work: Callable[[Sequence[str]], list[Result]], path: str) -> Result | None:
        try:
            ((_, result),) = self.staff.map(work, [path])
        except WorkerLost:
            return None
        return result
