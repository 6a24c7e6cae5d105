"""What is to be converted into which file, decided from names alone before any picture is opened."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipeline.config import Convert
from pipeline.images.policies import POLICIES, Jpeg, signature
from pipeline.images.sources import Rejected, Source

MASKS = "masks"


@dataclass(frozen=True)
class Task:
    """One picture to be converted.

    Attributes:
        source: the picture as handed in.
        target: its file below the output folder, POSIX.
        mask_target: the file of its mask there; "" where it has none.
        encoding: how it is saved; None: its bytes are copied.
        policy: all that the result depends on besides the source, see `policies.signature`.
    """

    source: Source
    target: str
    mask_target: str
    encoding: Jpeg | None
    policy: str


def plan_tasks(sources: Sequence[Source], settings: Convert) -> tuple[list[Task], list[Rejected]]:
    """Give each picture the name of its target; the result does not depend on the order of `sources`.

    Where pictures would share a name, those whose ending changes keep the old one in it
    (`a.tif` beside `a.jpg` becomes `a.tif.jpg`); what still shares a name then is rejected, but for
    the picture whose ending stays.

    Returns:
        tasks sorted by target, and the pictures without a name of their own.
    """
    encodings = [POLICIES[settings.policy](PurePosixPath(each.target), settings) for each in sources]
    short = [_renamed(each, how, keep=False) for each, how in zip(sources, encodings, strict=True)]
    wanted_by = Counter(short)
    wanted = [
        _renamed(each, how, keep=True) if wanted_by[name] > 1 and name != each.target else name
        for each, how, name in zip(sources, encodings, short, strict=True)
    ]
    taken: dict[str, Source] = {}
    tasks, rejected = [], []
    order = sorted(
        range(len(sources)), key=lambda i: (wanted[i] != sources[i].target, sources[i].source_path)
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
        policy = signature(settings.policy, encodings[i])
        tasks.append(Task(sources[i], wanted[i], "", encodings[i], policy))
    tasks.sort(key=lambda task: task.target)
    return _with_masks(tasks), rejected


def _renamed(source: Source, encoding: Jpeg | None, keep: bool) -> str:
    """Change the ending of the target to that of the encoding; `keep` leaves the old one before it."""
    if encoding is None:
        return source.target
    path = PurePosixPath(source.target)
    if path.suffix == encoding.ending:
        return source.target
    return str(path.with_name(path.name + encoding.ending) if keep else path.with_suffix(encoding.ending))


def _with_masks(tasks: list[Task]) -> list[Task]:
    """Name the masks: `casia1/fake/x.jpg` -> `casia1/masks/x.png`, or `x.jpg.png` where two could clash."""
    short = [_mask_name(task, PurePosixPath(task.target).with_suffix(".png")) for task in tasks]
    long = [_mask_name(task, PurePosixPath(task.target + ".png")) for task in tasks]
    wanted_by = Counter(short) + Counter(long)
    return [
        dataclasses.replace(task, mask_target=full if wanted_by[name] > 1 else name)
        for task, name, full in zip(tasks, short, long, strict=True)
    ]


def _mask_name(task: Task, path: PurePosixPath) -> str:
    if task.source.mask_path is None:
        return ""
    collection, label, *rest = path.parts
    folder = MASKS if label == "fake" else f"{MASKS}/{label}"
    return str(PurePosixPath(collection, folder, *rest))
