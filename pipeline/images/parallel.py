"""Pictures converted on several cores or machines, with memory that does not grow with their number."""

import dataclasses
import functools
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from pipeline.compute import each_done
from pipeline.config import Compute
from pipeline.images.journal import Entry, stamp_of
from pipeline.images.picture import Job, convert_all
from pipeline.images.sources import Rejected

Outcomes = list[Entry | Rejected]
_LOG = logging.getLogger("pipeline.images")  # what reading a picture logs to

# A chunk costs one message to a worker and one line of progress: small pictures travel together, a
# picture of many megapixels alone.
_CHUNK_PICTURES = 16
_CHUNK_BYTES = 8 << 20
# Up to this, one process is done before others have started and imported their libraries (about 1 s).
_ALONE_PICTURES = 256
_ALONE_BYTES = 32 << 20


def convert_jobs(jobs: Sequence[Job], output: Path, compute: Compute) -> Iterator[Outcomes]:
    """Convert pictures, showing progress, and give the outcomes as they come, in any order.

    Args:
        jobs: the pictures.
        output: folder of the targets.
        compute: where they are converted.

    Raises:
        UserError: a file cannot be written, or a worker process ended unexpectedly.
    """
    if not jobs:
        return
    sizes = [getattr(stamp_of(job.task.source.path), "size", 0) for job in jobs]
    chunks = list(_chunks([_from_anywhere(job) for job in jobs], sizes))
    alone = len(jobs) <= _ALONE_PICTURES and sum(sizes) <= _ALONE_BYTES
    convert = functools.partial(_convert_listening, output=output.absolute())
    with (
        logging_redirect_tqdm(),
        tqdm(total=len(jobs), desc="convert", unit=" pictures", dynamic_ncols=True, disable=None) as bar,
    ):
        for _, (done, said) in each_done(convert, chunks, compute, alone):
            for message in said:
                _LOG.info(message)
            yield done
            bar.update(len(done))


def _convert_listening(jobs: Sequence[Job], output: Path) -> tuple[Outcomes, list[str]]:
    """Convert pictures, and bring along what the libraries said of them: a worker has no log of its own."""
    kept = _Kept()
    earlier = _LOG.level, _LOG.propagate
    _LOG.addHandler(kept)
    _LOG.setLevel(logging.INFO)
    _LOG.propagate = False
    try:
        return convert_all(jobs, output), kept.said
    finally:
        _LOG.removeHandler(kept)
        _LOG.setLevel(earlier[0])
        _LOG.propagate = earlier[1]


class _Kept(logging.Handler):
    """Collects messages."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.said.append(record.getMessage())


def _from_anywhere(job: Job) -> Job:
    """Name the files so that a worker which was started in another folder finds them."""
    source = job.task.source
    mask_path = None if source.mask_path is None else source.mask_path.absolute()
    source = dataclasses.replace(source, path=source.path.absolute(), mask_path=mask_path)
    return dataclasses.replace(job, task=dataclasses.replace(job.task, source=source))


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
