"""What is to be converted into which file: decided from names, and where these do not do, from a look.

Each file is looked at once. What was found is remembered in the journal, so that a set which has grown by a
hundredth costs a hundredth.
"""

import dataclasses
import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path, PurePosixPath

import PIL

from pipeline.config import Compute
from pipeline.config_data import Convert
from pipeline.conversion.convert_one import Task
from pipeline.conversion.journal import Journal, settled_stamp, stamp
from pipeline.conversion.policies import signature
from pipeline.images.encode import Encoder, JpegLike, settings_of, take_apart
from pipeline.images.files import BEGINNING_BYTES, Limits, Rejected, Source, Unreadable, format_of_content
from pipeline.images.read import READING, read, read_bytes
from pipeline.images.tiff_directories import count_pages
from pipeline.parallel import map_chunks
from pipeline.storage import fitting

MASKS = "masks"
_ALONE = 1024  # files that are looked at before other processes have started
_PROFILE = b"ICC_PROFILE\0"
# What the journal knows: of files as handed in, and the distinct settings that they were saved with.
_FILE, _ENCODER = "file", "encoder"


@dataclass(frozen=True)
class Facts:
    """What was found out about one file."""

    # The settings of a JPEG that can be saved again without change, so that others can be saved like it; None
    # for every other file
    last_save: JpegLike | None = None
    n_pages: int = 1  # pictures in the file


def survey(
    sources: Sequence[Source], settings: Convert, journal: Journal, compute: Compute
) -> dict[str, Facts]:
    """Return what the policy has to know of files, by source path: {} where it needs nothing."""
    pages = settings.pages == "all"
    fakes = {each.source_path for each in sources if settings.policy == "matched" and each.label == "fake"}
    paths = {each.source_path: each.path for each in sources if pages or each.source_path in fakes}
    limits = Limits(settings.max_megapixels, settings.max_gib)
    found_by = f"{pages=},{limits},reading={READING},pillow={PIL.__version__}"
    facts = _remembered(journal, paths, fakes, found_by)
    missing = [name for name in paths if name not in facts]
    stamps = [settled_stamp(paths[name]) for name in missing]
    items = [(paths[name].absolute(), name in fakes) for name in missing]
    look = functools.partial(_look_at, pages=pages, limits=limits)
    for index, found in map_chunks(look, items, compute, "survey", chunk=64, alone=_ALONE):
        facts[missing[index]] = found
    saves = {found.last_save.words: found.last_save for found in facts.values() if found.last_save}
    if missing:
        journal.write(_ENCODER, {words: dataclasses.asdict(save) for words, save in saves.items()})
        news = {}
        for name, at in zip(missing, stamps, strict=True):
            if at:
                found = facts[name]
                words = found.last_save.words if found.last_save else None
                news[name] = [_how(name in fakes, found_by), words, found.n_pages, at]
        journal.write(_FILE, news)
    journal.keep(_FILE, facts)  # first: no file may name settings that are forgotten, whenever this is killed
    journal.keep(_ENCODER, saves)
    return {name: facts[name] for name in paths}


def _remembered(
    journal: Journal, paths: Mapping[str, Path], fakes: AbstractSet[str], found_by: str
) -> dict[str, Facts]:
    """Return what is known of files that have not changed since."""
    encoders = {
        words: JpegLike(**{**known, "tables": tuple(map(tuple, known["tables"]))})
        for words, known in journal.read(_ENCODER).items()
    }
    return {
        name: Facts(encoders[words] if words else None, n_pages)
        for name, (how, words, n_pages, at) in journal.read(_FILE).items()
        if name in paths and how == _how(name in fakes, found_by) and at == stamp(paths[name])
    }


def _how(is_fake: bool, found_by: str) -> str:
    return f"{'fake' if is_fake else 'genuine'},{found_by}"


def _look_at(item: tuple[Path, bool], pages: bool, limits: Limits) -> Facts:
    path, is_fake = item
    try:
        with path.open("rb") as file:
            kind = format_of_content(file.read(BEGINNING_BYTES))
        if is_fake and kind == "JPEG":
            return Facts(last_save=_last_save(read_bytes(path), limits))
        if pages and kind == "TIFF":
            return Facts(n_pages=count_pages(read_bytes(path)))
    except (OSError, Unreadable):  # the conversion will say so
        pass
    return Facts()


def _last_save(content: bytes, limits: Limits) -> JpegLike | None:
    """Return the settings of a JPEG whose compressed data can be kept without changing how it looks."""
    parts = take_apart(content)
    settings = settings_of(parts) if parts else None
    if parts is None or settings is None:
        return None
    picture = read(content, limits)
    if picture.orientation != 1:
        return None
    if _PROFILE in content:  # reading may convert colours by it, and it will not be there any more
        plain = read(parts.plain(), limits)
        if picture.image.tobytes() != plain.image.tobytes():
            return None
    return settings


def each_page(sources: Sequence[Source], n_pages: Mapping[str, int]) -> list[Source]:
    """Return a source for every page of a file: `name.tif`, `name-page2.tif` and so on.

    `n_pages` is by source path; files that are not in it have one.
    """
    pages: list[Source] = []
    for source in sources:
        number = n_pages.get(source.source_path, 1)
        pages.append(dataclasses.replace(source, each_page=True) if number > 1 else source)
        for page in range(1, number):
            path = PurePosixPath(source.target)
            target = str(path.with_name(fitting(path.stem, f"-page{page + 1}{path.suffix}")))
            pages.append(dataclasses.replace(source, page=page, each_page=True, target=target))
    return pages


def plan_tasks(
    sources: Sequence[Source], encoders: Sequence[Encoder], policy: str
) -> tuple[list[Task], list[Rejected]]:
    """Choose the target of each picture; the result does not depend on the order of `sources`.

    Where pictures would share a name, those whose ending changes keep the old one in it
    (`a.tif` beside `a.jpg` becomes `a.tif.jpg`); what still shares a name then is rejected, but for
    the picture whose ending stays.

    Returns:
        tasks sorted by target, and the pictures without a name of their own.
    """
    short = [_renamed(each, how, keep=False) for each, how in zip(sources, encoders, strict=True)]
    wanted_by = Counter(short)
    wanted = [
        _renamed(each, how, keep=True) if wanted_by[name] > 1 and name != each.target else name
        for each, how, name in zip(sources, encoders, short, strict=True)
    ]
    taken: dict[str, str] = {}
    tasks, rejected = [], []
    order = sorted(
        zip(sources, encoders, wanted, strict=True),
        key=lambda each: (each[2] != each[0].target, each[0].source_path, each[0].page),
    )
    for source, encoder, target in order:
        if first := taken.get(target):
            reason = f"it would be converted to {target}, as {first} is; rename one of them"
            rejected.append(Rejected(source.source_path, reason, True, source.collection, source.label))
            continue
        taken[target] = source.source_path
        tasks.append(Task(source, target, encoder, signature(policy, encoder.words)))
    tasks.sort(key=attrgetter("target"))
    return _with_masks(tasks), rejected


def _renamed(source: Source, encoder: Encoder, keep: bool) -> str:
    """Change the ending of the target to the encoder's; `keep` leaves the old one before it."""
    stem = _without_ending(source.target)
    if encoder.ending is None or source.target == stem + encoder.ending:
        return source.target
    return _fitting(source.target if keep else stem, encoder.ending)


def _fitting(path: str, ending: str) -> str:
    """Add an ending to a path, whose name is cut where there is no room for it."""
    folder, slash, name = path.rpartition("/")
    return folder + slash + fitting(name, ending)


def _without_ending(path: str) -> str:
    """Cut off `PurePosixPath.suffix`, several times faster."""
    dot = path.rfind(".", path.rfind("/") + 2)  # a dot at the beginning of a name begins no ending
    return path if dot in (-1, len(path) - 1) else path[:dot]


def _with_masks(tasks: list[Task]) -> list[Task]:
    """Name the masks: `casia1/fake/x.jpg` -> `casia1/masks/x.png`, or `x.jpg.png` where two could clash."""
    masked = [task for task in tasks if task.source.mask_path is not None]
    short = [_mask_name(_fitting(_without_ending(task.target), ".png")) for task in masked]
    long = [_mask_name(_fitting(task.target, ".png")) for task in masked]
    wanted_by = Counter(short) + Counter(long)
    names = {
        task.target: full if wanted_by[name] > 1 else name
        for task, name, full in zip(masked, short, long, strict=True)
    }
    return [task._replace(mask_target=names[task.target]) if task.target in names else task for task in tasks]


def _mask_name(path: str) -> str:
    collection, label, rest = path.split("/", 2)
    return "/".join([collection, MASKS, *([] if label == "fake" else [label]), rest])
