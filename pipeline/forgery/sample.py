"""A labelled set of drawn photographs and fakes in a folder of its own."""

import concurrent.futures
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
from tqdm import tqdm

from pipeline.config import Sample
from pipeline.forgery.draw import Drawn, draw_neighbourhood
from pipeline.forgery.plan import Neighbourhood, plan_sample
from pipeline.processes import available_cores, worker_pool
from pipeline.storage.folder import replacing_folder

_AHEAD = 4  # neighbourhoods handed to each worker before its first is back, so that memory stays flat


def draw_sample(
    folder: Path, settings: Sample, seed: int, workers: int | None = None, progress: bool = True
) -> None:
    """Draw `folder`/{genuine,fake,masks} anew, whole or not at all.

    Args:
        folder: replaced as a whole; what was in it is gone.
        settings: how many pictures, and how large at least (up to 12 % more, so that sizes vary).
        seed: the same seed and settings give the same bytes, whatever the number of workers.
        workers: processes; None is one a core.
        progress: whether to show a bar with rate and remaining time, where there is a terminal.

    Raises:
        UserError: the folder cannot be written.
    """
    plan = plan_sample(settings, seed)
    total = settings.genuine + settings.fake
    with (
        replacing_folder(folder) as partial,
        tqdm(
            total=total,
            desc="sample",
            unit=" pictures",
            dynamic_ncols=True,
            disable=None if progress else True,
        ) as bar,
    ):
        for name in ("genuine", "fake", "masks"):
            (partial / name).mkdir()
        for files in _drawn(plan, seed, min(workers or available_cores(), len(plan))):
            for file in files:
                (partial / file.name).write_bytes(file.content)
            bar.update(sum(not file.name.startswith("masks/") for file in files))


def _drawn(plan: Sequence[Neighbourhood], seed: int, workers: int) -> Iterator[list[Drawn]]:
    """Draw every neighbourhood, in processes where more than one is asked for; in any order."""
    if workers == 1:
        yield from (draw_neighbourhood(neighbourhood, seed) for neighbourhood in plan)
        return
    with worker_pool(workers, _one_thread) as pool:
        waiting: set[concurrent.futures.Future[list[Drawn]]] = set()
        for neighbourhood in plan:
            waiting.add(pool.submit(draw_neighbourhood, neighbourhood, seed))
            if len(waiting) >= _AHEAD * workers:
                done, waiting = concurrent.futures.wait(
                    waiting, return_when=concurrent.futures.FIRST_COMPLETED
                )
                yield from (future.result() for future in done)
        yield from (future.result() for future in concurrent.futures.as_completed(waiting))


def _one_thread() -> None:
    """Keep OpenCV from using all cores in each of several processes."""
    cv2.setNumThreads(1)
