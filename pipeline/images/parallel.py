"""Pictures converted on several cores, with memory that does not grow with their number."""

import concurrent.futures
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path

from tqdm import tqdm

from pipeline.errors import UserError
from pipeline.images.journal import Entry, stamp_of
from pipeline.images.picture import Job, convert_all
from pipeline.images.sources import Rejected
from pipeline.processes import available_cores, worker_pool

Outcomes = list[Entry | Rejected]

# A chunk costs one message to a worker and one line of progress: small pictures travel together, a
# picture of many megapixels alone.
_CHUNK_PICTURES = 16
_CHUNK_BYTES = 8 << 20
_CHUNKS_IN_FLIGHT = 3  # for each worker: one in work, the others waiting so that it never does
# Up to this, one process is done before others have started and imported their libraries (about 1 s).
_ALONE_PICTURES = 256
_ALONE_BYTES = 32 << 20


def convert_jobs(jobs: Sequence[Job], output: Path, workers: int | None) -> Iterator[Outcomes]:
    """Convert pictures, showing progress, and give the outcomes as they come, in any order.

    Args:
        jobs: the pictures.
        output: folder of the targets.
        workers: processes; None: one for each core.

    Raises:
        UserError: a file cannot be written, or a worker process ended unexpectedly.
    """
    if not jobs:
        return
    sizes = [getattr(stamp_of(job.task.source.path), "size", 0) for job in jobs]
    chunks = list(_chunks(jobs, sizes))
    workers = min(workers or available_cores(), len(chunks))
    alone = workers == 1 or (len(jobs) <= _ALONE_PICTURES and sum(sizes) <= _ALONE_BYTES)
    outcomes = (
        map(convert_all, chunks, [output] * len(chunks)) if alone else _in_processes(chunks, output, workers)
    )
    with tqdm(total=len(jobs), desc="convert", unit=" pictures", dynamic_ncols=True, disable=None) as bar:
        for done in outcomes:
            yield done
            bar.update(len(done))


def _in_processes(chunks: Sequence[Sequence[Job]], output: Path, workers: int) -> Iterator[Outcomes]:
    waiting = iter(chunks)
    with worker_pool(workers) as pool:
        try:
            running = {
                pool.submit(convert_all, chunk, output)
                for chunk in islice(waiting, workers * _CHUNKS_IN_FLIGHT)
            }
            while running:
                done, running = concurrent.futures.wait(
                    running, return_when=concurrent.futures.FIRST_COMPLETED
                )
                for future in done:
                    yield future.result()
                running |= {pool.submit(convert_all, chunk, output) for chunk in islice(waiting, len(done))}
        except BrokenProcessPool as error:
            raise UserError(
                "a worker process was ended from outside, most often because memory ran out; run the same "
                "command again with fewer workers (compute.workers=1), it goes on where it was"
            ) from error


def _chunks(jobs: Sequence[Job], sizes: Sequence[int]) -> Iterator[list[Job]]:
    chunk: list[Job] = []
    volume = 0
    for job, size in zip(jobs, sizes, strict=True):
        if chunk and (len(chunk) == _CHUNK_PICTURES or volume + size > _CHUNK_BYTES):
            yield chunk
            chunk, volume = [], 0
        chunk.append(job)
        volume += size
    if chunk:
        yield chunk
