"""A dataset converted: every picture saved under a policy, and the tables that say what became of it."""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config import Compute
from pipeline.config_data import Convert
from pipeline.conversion.convert_one import LOG, Task, convert_listening
from pipeline.conversion.file_table import FILES, REJECTED, Entry, read_entries, write_files, write_rejected
from pipeline.conversion.journal import Journal, journal_path, size_of, stamp
from pipeline.conversion.losses import count_losses, sum_up_masks
from pipeline.conversion.plan import each_page, plan_tasks, survey
from pipeline.conversion.policies import POLICIES
from pipeline.errors import UserError, counted
from pipeline.images.files import Limits, Rejected, Source
from pipeline.parallel import map_chunks

_ALONE = 256  # small pictures: one process is done before others have started and imported their libraries
_PICTURE = "picture"  # what the journal knows: of pictures, by target, the fields of `Entry`
_KEPT_NAMES = (".gitignore", ".gitkeep")
_COPYING = ("raw", "tif_only")  # policies that take files as they are
_MOST_BYTES = 34  # of a pixel at the peak: four samples of 32 bits, and what is made of them
_NAMED = 3  # rejected pictures in an error message


@dataclass(frozen=True)
class Counts:
    """What became of the files that came in: converted + rejected is their number."""

    converted: int  # pictures in files.csv
    unchanged: int  # those of them that were there already
    rejected: int  # files in rejected.csv that are no usable picture
    masks_rejected: int  # masks in rejected.csv; their pictures are converted all the same
    mask_rejected: str  # the first of them, and why; "" where there is none
    removed: int  # files deleted because their source is gone
    losses: Mapping[str, Mapping[str, Mapping[str, int]]]  # see `losses.count_losses`
    masks: Sequence[Mapping[str, Any]]  # see `losses.sum_up_masks`


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
        compute: where the pictures are converted.

    Raises:
        UserError: a file cannot be written, `output` holds something else or one of the sources, or
            no usable picture is left of a class to train on; more pictures are rejected than
            `settings.max_rejected` allows: rejected.csv is written then, files.csv left as it was.
    """
    _check_output(output, sources)
    _check_pages(settings)
    with Journal(journal_path(output)) as journal:
        tasks, refused = _plan(sources, settings, journal, compute)
        n_pictures = len(tasks) + len(refused)
        known = {target: Entry._make(fields) for target, fields in journal.read(_PICTURE).items()}
        known = known or read_entries(output / FILES)
        entries, unusable = _convert(tasks, known, journal, output, settings, compute)
        refused += unusable
        if len(entries) + len(refused) != n_pictures:
            raise RuntimeError(f"{n_pictures} pictures in, {len(entries)} converted, {len(refused)} rejected")
        converted = [task for task in tasks if task.target in entries]
        _check_classes(sources, converted, refused)
        masks = _masks_refused(converted, entries)
        write_rejected(output / REJECTED, [*rejected, *refused, *masks])
        lost = [*refused, *(file for file in rejected if file.lost)]
        _check_rejected(lost, len(entries), output, settings)
        wanted = {FILES, REJECTED, *entries, *(entry.mask_path for entry in entries.values())}
        removed = _remove_all_but(output, wanted)
        write_files(output / FILES, ((task.source, entries[task.target]) for task in converted))
        journal.keep(_PICTURE, entries)
    losses = count_losses(
        ((task.source.collection, task.source.label) for task in converted),
        ((file.collection, file.label) for file in lost),
    )
    marked = sum_up_masks(
        (task.source.collection, entry.mask_background, entry.mask_share or 0.0)
        for task in converted
        if (entry := entries[task.target]).mask_path
    )
    first = f"{masks[0].path}: {masks[0].reason}" if masks else ""
    n_rejected = len(rejected) + len(refused)
    n_unchanged = _n_unchanged(entries, known)
    return Counts(len(entries), n_unchanged, n_rejected, len(masks), first, removed, losses, marked)


def _masks_refused(converted: Sequence[Task], entries: Mapping[str, Entry]) -> list[Rejected]:
    return [
        Rejected(str(task.source.mask_path), f"as a mask of {task.source.source_path}: {reason}")
        for task in converted
        if (reason := entries[task.target].mask_reason)
    ]


def _n_unchanged(entries: Mapping[str, Entry], known: Mapping[str, Entry]) -> int:
    """Count the pictures that are what they were, whenever their files were written."""

    def result(entry: Entry) -> Entry:
        return entry._replace(stamp="", mask_read="", mask_reason="")

    return sum(
        entry is known[target] or result(entry) == result(known[target])
        for target, entry in entries.items()
        if target in known
    )


def _plan(
    sources: Sequence[Source], settings: Convert, journal: Journal, compute: Compute
) -> tuple[list[Task], list[Rejected]]:
    """Decide what becomes of each picture, after a look at those files whose names do not tell enough."""
    facts = survey(sources, settings, journal, compute)
    pictures = each_page(sources, {path: found.n_pages for path, found in facts.items()})
    last_saves = {path: found.last_save for path, found in facts.items()}
    encoders = POLICIES[settings.policy](pictures, settings, last_saves)
    return plan_tasks(pictures, encoders, settings.policy)


def _unchanged(
    tasks: Iterable[Task], known: Mapping[str, Entry], output: Path, limits: Limits
) -> dict[str, Entry]:
    """Return the entries of which, by the stamps of the files alone, all is as it was left."""
    entries = {}
    folder = os.fspath(output)
    for task in tasks:
        entry = known.get(task.target)
        if (
            entry is not None
            and entry.stamp
            and entry.policy == task.policy
            and entry.mask_read == task.mask_read
            and entry.mask_path == ("" if entry.mask_reason else task.mask_target)
            # It may have been converted under other limits.
            and entry.width * entry.height <= min(limits.megapixels * 1e6, limits.gib * 2**30 / _MOST_BYTES)
        ):
            mask = f"{folder}/{entry.mask_path}" if entry.mask_path else None
            if entry.stamp == stamp(task.source.path, task.source.mask_path, f"{folder}/{task.target}", mask):
                entries[task.target] = entry
    return entries


def _convert(
    tasks: Sequence[Task],
    known: Mapping[str, Entry],
    journal: Journal,
    output: Path,
    settings: Convert,
    compute: Compute,
) -> tuple[dict[str, Entry], list[Rejected]]:
    """Convert the pictures that have changed; return the entries of all by target, and those refused."""
    limits = Limits(settings.max_megapixels, settings.max_gib)
    entries, refused = _unchanged(tasks, known, output, limits), []
    items = [(_absolute(task), known.get(task.target)) for task in tasks if task.target not in entries]
    sizes = [size_of(task.source.path) for task, _ in items]
    work = functools.partial(convert_listening, output=output.absolute(), limits=limits)
    done = map_chunks(work, items, compute, "convert", alone=_ALONE, sizes=sizes)
    try:
        for _, (outcome, messages) in done:
            for message in messages:
                LOG.info(message)
            if isinstance(outcome, Rejected):
                refused.append(outcome)
            else:
                journal.write(_PICTURE, {outcome.path: outcome})
                entries[outcome.path] = outcome
    except KeyboardInterrupt as interrupt:
        interrupt.add_note(
            f"{len(entries):,} of {len(tasks):,} pictures are converted; the next run goes on there"
        )
        raise
    return entries, refused


def _absolute(task: Task) -> Task:
    """Make paths absolute, so that a worker which was started in another folder finds the files."""
    source = task.source
    if source.path.is_absolute() and (source.mask_path is None or source.mask_path.is_absolute()):
        return task  # no second one of a million
    mask = None if source.mask_path is None else source.mask_path.absolute()
    return task._replace(source=dataclasses.replace(source, path=source.path.absolute(), mask_path=mask))


def _check_pages(settings: Convert) -> None:
    if settings.pages == "all" and settings.policy in _COPYING:
        others = ", ".join(policy for policy in POLICIES if policy not in _COPYING)
        raise UserError(
            f"convert.pages is all, but convert.policy {settings.policy} copies files, and a page is no file "
            f"of its own; set convert.pages=first, or one of these policies: {others}"
        )


def _check_output(output: Path, sources: Sequence[Source]) -> None:
    """Raise UserError for a folder that is not ours: what has no source is deleted in it."""
    if output.exists() and not output.is_dir():
        raise UserError(
            f"{output} is a file; it has to be a folder: move the file away or set paths.converted"
        )
    inside = output.resolve()
    files = [str(path) for each in sources for path in (each.path, each.mask_path) if path is not None]
    for folder in sorted(map(Path, {os.path.dirname(path) for path in files})):  # noqa: PTH120 - of each one
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
            lost = [source for source in sources if (source.collection, source.label) == (collection, label)]
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
        f"{len(lost)} of {counted(len(lost) + n_converted, 'picture')} ({share:.1%}) cannot be used; "
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
                removed += 1
                try:
                    Path(folder, name).unlink()
                except OSError as error:
                    raise UserError(
                        f"{Path(folder, name)} has no source any more and cannot be deleted: "
                        f"{error.strerror}; delete it, then run the same command again"
                    ) from error
        if prefix:
            with contextlib.suppress(OSError):  # it is not empty
                Path(folder).rmdir()
    return removed
