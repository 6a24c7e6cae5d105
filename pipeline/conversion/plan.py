"""What is to be converted into which file, decided from names alone before any picture is opened."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipeline.conversion.policies import signature
from pipeline.images.encode import Saving
from pipeline.images.files import Rejected, Source

MASKS = "masks"


@dataclass(frozen=True)
class Task:
    """One picture to be converted.

    Attributes:
        source: the picture as handed in.
        target: its file below the output folder, POSIX.
        mask_target: the file of its mask there; "" where it has none.
        saving: how it is saved.
        policy: all that the result depends on besides the source, see `policies.signature`.
    """

    source: Source
    target: str
    mask_target: str
    saving: Saving
    policy: str


def each_page(sources: Sequence[Source], n_pages: Mapping[str, int]) -> list[Source]:
    """Make every page of a file a picture of its own: `name.tif`, `name-page2.tif` and so on.

    Args:
        sources: one for each file.
        n_pages: pictures in a file, by its source path; those that are not in it have one.
    """
    pages: list[Source] = []
    for source in sources:
        pages.append(source)
        pages += [_page_of(source, page) for page in range(1, n_pages.get(source.source_path, 1))]
    return pages


def _page_of(source: Source, page: int) -> Source:
    path = PurePosixPath(source.target)
    target = str(path.with_name(f"{path.stem}-page{page + 1}{path.suffix}"))
    return dataclasses.replace(source, page=page, target=target)


def plan_tasks(
    sources: Sequence[Source], savings: Sequence[Saving], policy: str
) -> tuple[list[Task], list[Rejected]]:
    """Give each picture the name of its target; the result does not depend on the order of `sources`.

    Where pictures would share a name, those whose ending changes keep the old one in it
    (`a.tif` beside `a.jpg` becomes `a.tif.jpg`); what still shares a name then is rejected, but for
    the picture whose ending stays.

    Args:
        sources: the pictures.
        savings: how each is saved.
        policy: the name of the policy that chose this.

    Returns:
        tasks sorted by target, and the pictures without a name of their own.
    """
    short = [_renamed(each, how, keep=False) for each, how in zip(sources, savings, strict=True)]
    wanted_by = Counter(short)
    wanted = [
        _renamed(each, how, keep=True) if wanted_by[name] > 1 and name != each.target else name
        for each, how, name in zip(sources, savings, short, strict=True)
    ]
    taken: dict[str, Source] = {}
    tasks, rejected = [], []
    order = sorted(
        range(len(sources)),
        key=lambda i: (wanted[i] != sources[i].target, sources[i].source_path, sources[i].page),
    )
    for i in order:
        if first := taken.get(wanted[i]):
            rejected.append(
                Rejected(
                    sources[i].source_path,
                    f"it would be converted to {wanted[i]}, as {first.source_path} is; rename one of them",
                )
            )
            continue
        taken[wanted[i]] = sources[i]
        tasks.append(Task(sources[i], wanted[i], "", savings[i], signature(policy, savings[i])))
    tasks.sort(key=lambda task: task.target)
    return _with_masks(tasks), rejected


def _renamed(source: Source, saving: Saving, keep: bool) -> str:
    """Change the ending of the target to that of what is saved; `keep` leaves the old one before it."""
    stem = _without_ending(source.target)
    if saving.ending is None or source.target == stem + saving.ending:
        return source.target
    return (source.target if keep else stem) + saving.ending


def _without_ending(path: str) -> str:
    """Cut off what `PurePosixPath.suffix` gives, several times faster."""
    dot = path.rfind(".", path.rfind("/") + 2)  # a dot at the beginning of a name begins no ending
    return path if dot in (-1, len(path) - 1) else path[:dot]


def _with_masks(tasks: list[Task]) -> list[Task]:
    """Name the masks: `casia1/fake/x.jpg` -> `casia1/masks/x.png`, or `x.jpg.png` where two could clash."""
    short = [_mask_name(task, _without_ending(task.target) + ".png") for task in tasks]
    long = [_mask_name(task, task.target + ".png") for task in tasks]
    wanted_by = Counter(short) + Counter(long)
    return [
        dataclasses.replace(task, mask_target=full if wanted_by[name] > 1 else name) if name else task
        for task, name, full in zip(tasks, short, long, strict=True)
    ]


def _mask_name(task: Task, path: str) -> str:
    if task.source.mask_path is None:
        return ""
    collection, label, rest = path.split("/", 2)
    return "/".join([collection, MASKS, *([] if label == "fake" else [label]), rest])
