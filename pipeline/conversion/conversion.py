"""A dataset converted: every picture saved under a policy, and the tables that say what became of it."""

import contextlib
import dataclasses
import functools
import logging
import os
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Compute, Convert
from pipeline.conversion.convert_one import Job, convert_one
from pipeline.conversion.file_table import FILES, REJECTED, files_table, rejected_table
from pipeline.conversion.journal import (
    Entry,
    JournalWriter,
    is_unchanged,
    journal_path,
    read_journal,
    read_table,
    stamp_of,
    write_journal,
)
from pipeline.conversion.plan import Task, each_page, plan_tasks
from pipeline.conversion.policies import POLICIES
from pipeline.conversion.recompression import survey
from pipeline.errors import UserError
from pipeline.images.files import Limits, Rejected, Source
from pipeline.parallel import map_chunks
from pipeline.storage import write_text

# Pictures converted on several cores or machines, with memory that does not grow with their number.
#

_LOG = logging.getLogger("pipeline.images")  # what reading a picture logs to
_ALONE = 256  # small pictures: one process is done before others have started and imported their libraries


def _convert_listening(job: Job, output: Path) -> tuple[Entry | Rejected, list[str]]:
    """Convert a picture, and bring along what the libraries said of it: a worker has no log of its own."""
    kept = _Kept()
    earlier = _LOG.level, _LOG.propagate
    _LOG.addHandler(kept)
    _LOG.setLevel(logging.INFO)
    _LOG.propagate = False
    try:
        return convert_one(job, output), kept.said
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


_KEPT_NAMES = (".gitignore", ".gitkeep")
_COPYING = ("raw", "tif_only")  # policies that take files as they are
_MOST_BYTES = 16  # of a decoded pixel: four samples of 32 bits
_STALE = 10  # the journal is written anew where a tenth of it may be outdated
_NAMED = 3  # rejected pictures in an error message


@dataclass(frozen=True)
class Counts:
    """What became of the files that came in: converted + rejected is their number.

    Attributes:
        converted: pictures in files.csv.
        unchanged: those of them that were there already.
        rejected: files in rejected.csv that are no usable picture.
        masks_rejected: masks in rejected.csv; their pictures are converted all the same.
        removed: files deleted because their source is gone.
    """

    converted: int
    unchanged: int
    rejected: int
    masks_rejected: int
    removed: int


def convert_pictures(
    sources: Sequence[Source],
    rejected: Sequence[Rejected],
    output: Path,
    settings: Convert,
    compute: Compute,
) -> Counts:
    """Convert pictures into `output`, and write files.csv and rejected.csv there.

    What is there already from the same source bytes and settings is not done again; what has no source
    any more is deleted; files.csv is replaced last. A conversion that was interrupted goes on where it
    was when it is called again. Files and tables do not depend on the number of workers.

    Args:
        sources: the pictures, each target once.
        rejected: files that were found with them and are none; they go into rejected.csv too.
        output: the folder, made and written by this function alone.
        settings: the policy and its settings.
        compute: where they are converted.

    Raises:
        UserError: a file cannot be written, `output` holds something else or one of the sources, or
            no usable picture is left of a class to train on; more pictures are rejected than
            `settings.max_rejected` allows: rejected.csv is written then, files.csv left as it was.
    """
    _check_output(output, sources)
    tasks, clashing = _plan(sources, output, settings, compute)
    journal = journal_path(output)
    known = read_journal(journal) or read_table(output / FILES)
    limits = Limits(settings.max_megapixels, settings.max_gib)
    entries, jobs = _sort_out(tasks, known, output, limits)
    refused = list(clashing)
    with contextlib.closing(JournalWriter(journal)) as writer:
        work = functools.partial(_convert_listening, output=output.absolute())
        sizes = [getattr(stamp_of(job.task.source.path), "size", 0) for job in jobs]
        absolute = [_from_anywhere(job) for job in jobs]
        for _, (outcome, messages) in map_chunks(
            work, absolute, compute, "convert", alone=_ALONE, sizes=sizes
        ):
            for message in messages:
                _LOG.info(message)
            if isinstance(outcome, Rejected):
                refused.append(outcome)
            else:
                writer.append([outcome])
                entries[outcome.target] = outcome
    n_pictures = len(tasks) + len(clashing)
    if len(entries) + len(refused) != n_pictures:
        raise RuntimeError(f"{n_pictures} pictures in, {len(entries)} converted, {len(refused)} rejected")
    converted = [task for task in tasks if task.target in entries]
    _check_classes(sources, converted, refused)
    masks = [
        Rejected(str(task.source.mask_path), f"as a mask of {task.source.source_path}: {reason}")
        for task in converted
        if (reason := entries[task.target].mask_reason)
    ]
    write_text(output / REJECTED, rejected_table([*rejected, *refused, *masks]))
    _check_rejected([*refused, *(file for file in rejected if file.lost)], len(entries), output, settings)
    wanted = {FILES, REJECTED, *entries} | {e.mask_target for e in entries.values() if e.measured.mask_sha256}
    removed = _remove_all_but(output, wanted)
    write_text(output / FILES, files_table(converted, entries))
    if len(known) > len(entries) or len(jobs) * _STALE > len(entries):
        write_journal(journal, entries.values())  # without lines that count no more
    unchanged = sum(_is_same(entry, known.get(target)) for target, entry in entries.items())
    return Counts(len(entries), unchanged, len(rejected) + len(refused), len(masks), removed)


def _plan(
    sources: Sequence[Source], output: Path, settings: Convert, compute: Compute
) -> tuple[list[Task], list[Rejected]]:
    """Decide what becomes of each picture, after a look at those files whose names do not tell enough."""
    if settings.pages == "all" and settings.policy in _COPYING:
        others = ", ".join(policy for policy in POLICIES if policy not in _COPYING)
        raise UserError(
            f"convert.pages is all, but convert.policy {settings.policy} copies files, and a page is no file "
            f"of its own; set convert.pages=first, or one of these policies: {others}"
        )
    facts = survey(sources, settings, output, compute)
    pictures = each_page(sources, {path: found.n_pages for path, found in facts.items()})
    last_saves = {path: found.last_save for path, found in facts.items()}
    savings = POLICIES[settings.policy](pictures, settings, last_saves)
    return plan_tasks(pictures, savings, settings.policy)


def _is_same(entry: Entry, before: Entry | None) -> bool:
    return before is not None and (before.policy, before.measured) == (entry.policy, entry.measured)


def _sort_out(
    tasks: list[Task], known: dict[str, Entry], output: Path, limits: Limits
) -> tuple[dict[str, Entry], list[Job]]:
    """Tell what is there as it was left from what has to be looked at."""
    entries: dict[str, Entry] = {}
    jobs = []
    for task in tasks:
        entry = known.get(task.target)
        if entry and (entry.policy, entry.mask_target) == (task.policy, task.mask_target):
            mask = f"{output}/{task.mask_target}" if entry.measured.mask_sha256 else None
            target = f"{output}/{task.target}"
            paths = (task.source.path, target, task.source.mask_path, mask)
            if _surely_fits(entry, limits) and is_unchanged(entry, tuple(map(stamp_of, paths))):
                entries[task.target] = entry
                continue
        jobs.append(Job(task, entry, limits))
    return entries, jobs


def _surely_fits(entry: Entry, limits: Limits) -> bool:
    """Tell whether a picture that was converted under other limits is within these."""
    pixels = entry.measured.width * entry.measured.height
    return pixels <= limits.megapixels * 1e6 and pixels * _MOST_BYTES <= limits.gib * 2**30


def _check_output(output: Path, sources: Sequence[Source]) -> None:
    """Refuse a folder that is not ours: what has no source is deleted in it."""
    if output.exists() and not output.is_dir():
        raise UserError(
            f"{output} is a file; it has to be a folder: move the file away or set paths.converted"
        )
    inside = output.resolve()
    masks = {source.mask_path.parent for source in sources if source.mask_path is not None}
    for folder in sorted({source.path.parent for source in sources} | masks):
        resolved = folder.resolve()
        if resolved.is_relative_to(inside) or inside.is_relative_to(resolved):
            raise UserError(
                f"{folder} holds what is to be converted, {output} what was: one must not lie in the "
                "other; set data.root or paths.converted so that they lie apart"
            )
    if output.is_dir() and not (output / FILES).exists() and not journal_path(output).exists():
        strange = sorted(path.name for path in output.iterdir() if path.name not in _KEPT_NAMES)
        if strange:
            raise UserError(
                f"{output} holds {strange[0]} but no {FILES}: it was not made by the conversion, which "
                "deletes what it does not know; empty it, or set paths.converted to another folder"
            )


def _check_classes(sources: Sequence[Source], converted: list[Task], refused: list[Rejected]) -> None:
    """Raise UserError where a collection to train on has lost all its genuine or all its fake pictures."""
    left = {(task.source.collection, task.source.label) for task in converted}
    reasons = {file.path: file.reason for file in refused}
    for collection in sorted({source.collection for source in sources if source.role == "train"}):
        for label in ("genuine", "fake"):
            if (collection, label) in left:
                continue
            lost = [each for each in sources if (each.collection, each.label) == (collection, label)]
            if not lost:
                raise UserError(
                    f"collection {collection} has no {label} picture; training needs both classes"
                )
            raise UserError(
                f"{lost[0].path.parent}: none of the {len(lost)} {label} pictures of collection {collection} "
                f"can be used, and training needs both classes; {lost[0].path.name}: "
                f"{reasons[lost[0].source_path]}"
            )


def _check_rejected(lost: list[Rejected], n_converted: int, output: Path, settings: Convert) -> None:
    """Raise UserError where more pictures are lost than the settings allow."""
    if len(lost) <= settings.max_rejected * (len(lost) + n_converted):
        return
    share = len(lost) / (len(lost) + n_converted)
    named = sorted(lost, key=lambda file: file.path)[:_NAMED]
    words = "\n".join(f"  {file.path}: {file.reason}" for file in named)
    more = f"\n  and {len(lost) - len(named)} more" if len(lost) > len(named) else ""
    raise UserError(
        f"{len(lost)} of {len(lost) + n_converted} pictures ({share:.1%}) cannot be used; "
        f"convert.max_rejected={settings.max_rejected:g} allows {settings.max_rejected:.1%}:\n{words}{more}\n"
        f"All are listed in {output / REJECTED}. Mend them or take them away, or raise convert.max_rejected; "
        "what is converted stays and is not done again"
    )


def _remove_all_but(output: Path, wanted: AbstractSet[str]) -> int:
    """Delete every file below `output` that is not wanted, and the folders that are empty then."""
    removed = 0
    for folder, _, names in os.walk(output, topdown=False):
        below = os.path.relpath(folder, output).replace(os.sep, "/")
        prefix = "" if below == "." else below + "/"
        for name in names:
            if prefix + name not in wanted and name not in _KEPT_NAMES:
                _delete(Path(folder, name))
                removed += 1
        if prefix:
            with contextlib.suppress(OSError):  # it is not empty
                Path(folder).rmdir()
    return removed


def _delete(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise UserError(
            f"{path} has no source any more and cannot be deleted: {error.strerror}; delete it, then run "
            "the same command again"
        ) from error
