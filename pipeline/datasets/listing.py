"""The pictures that a dataset's configuration names, with what folders and names say about them."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from pipeline import config_data
from pipeline.datasets.mask_names import Beside, alike, find_beside, is_mask_word, masks_by_core
from pipeline.datasets.naming import NamingRule, PublishedSplit, compile_naming, read_published
from pipeline.datasets.owner_tables import Finder, check_applies, composed, match_known_groups
from pipeline.datasets.tables import LABELS
from pipeline.errors import UserError
from pipeline.images.files import ENDINGS, Rejected, Source, files_below, find_pictures
from pipeline.images.mask import is_background
from pipeline.storage import local_path, other_spelling, what_is_there

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClassFolder:
    """One folder of pictures that share collection and label."""

    key: str  # where the configuration names it
    path: Path
    label: str
    collection: str
    role: str
    rule: NamingRule
    masks: tuple[Path, ...]  # folders to look for masks in, in this order; empty for genuine pictures
    mask_name: str  # name of a picture's mask, with {stem} for the picture's
    mask_background: tuple[str, ...]  # what of a mask marks nothing; (): found by rules
    published: PublishedSplit | None = None  # the split of the dataset's authors; None where there is none


def list_sources(data: config_data.Data) -> tuple[list[Source], list[Rejected]]:
    """List every picture of a dataset, and every file there that is none.

    No file is opened but those whose names leave a doubt whether they are masks. Masks that lie among the
    fakes are not taken for fakes; a file in a folder of masks that belongs to no fake is returned as
    rejected, so that a wrong `mask_name` shows.

    Returns:
        pictures sorted by target, rejected files sorted by path.

    Raises:
        UserError: a folder is missing, lies inside another one or outside the repository by a relative
            path; a collection to train on has a class without pictures; a naming rule, an official
            split or the table of known groups is wrong.
    """
    root = Path(os.path.normpath(_inside(data.root, "data.root").absolute()))
    folders = [folder for name in sorted(data.collections) for folder in class_folders(data, name)]
    _check_apart(folders)
    sources: list[Source] = []
    rejected: list[Rejected] = []
    for folder in folders:
        pictures, others = find_pictures(folder.path)
        beside = find_beside(pictures, folder.path)
        found = _label_pictures(folder, pictures, beside, root)
        if not found and folder.role != "test":
            raise UserError(
                f"{folder.key} is {folder.path}: no {folder.label} picture found there"
                + (f" ({len(others)} files that are no pictures)" if others else "")
                + f"; put {folder.label} pictures there ({', '.join(ENDINGS)}) or set data.root or "
                + folder.key
            )
        sources += found
        rejected += [
            replace(
                other,
                path=_table_path(Path(other.path), root),
                collection=folder.collection,
                label=folder.label,
            )
            for other in others
        ]
        rejected += _masks_not_used(found, beside, folder, root)
    rejected += _masks_of_nothing(folders, sources, root)
    _say_ignored(root, folders)
    sources = _with_tables(data, folders, sources)
    return sorted(sources, key=lambda source: source.target), sorted(rejected, key=lambda file: file.path)


def class_folders(data: config_data.Data, collection: str) -> list[ClassFolder]:
    """Return the two folders of a collection (background: one) or raise UserError as `list_sources`."""
    settings = data.collections[collection]
    key = f"data.collections.{collection}"
    if "{stem}" not in settings.mask_name:
        raise UserError(f"{key}.mask_name is {settings.mask_name!r}; expected {{stem}} in it: '{{stem}}.png'")
    if wrong := [word for word in settings.mask_background if not is_background(word)]:
        raise UserError(
            f"{key}.mask_background names {wrong[0]!r}; expected colours (white, '#c80000'), numbers as they "
            "are stored ('0', '255'), transparent or opaque: what of a mask marks nothing"
        )
    rule = compile_naming(settings.naming, f"{key}.naming")
    published = read_published(settings.official, Path(data.root), f"{key}.official")
    masks = tuple(_masks_folder(mask, f"{key}.masks[{index}]") for index, mask in enumerate(settings.masks))
    folders = []
    for label, where in zip(LABELS, (settings.genuine, settings.fake), strict=True):
        if where is None:
            continue
        path = _inside(where, f"{key}.{label}")
        if not path.is_dir():
            found = "found a file" if path.exists() else f"found nothing{what_is_there(path)}"
            raise UserError(
                f"{key}.{label} is {where}: expected a folder of {label} pictures at {path.absolute()}, "
                f"{found}; put the pictures there or set data.root (it is {data.root}) or {key}.{label}"
                + (f", or do without this collection: '~{key}'" if len(data.collections) > 1 else "")
            )
        folders.append(
            ClassFolder(
                key=f"{key}.{label}",
                path=path,
                label=label,
                collection=collection,
                role=settings.role,
                rule=rule,
                masks=masks if label == "fake" else (),
                mask_name=settings.mask_name,
                mask_background=tuple(settings.mask_background),
                published=published,
            )
        )
    return folders


def _masks_folder(where: str, key: str) -> Path:
    """Return a folder of masks, which may be missing; refuse one that is there in another spelling."""
    path = _inside(where, key)
    if not path.is_dir() and (there := other_spelling(path)):
        raise UserError(f"{key} is {where}, and there is no such folder; {there} is there: write it as it is")
    return path


def _inside(where: str, key: str) -> Path:
    """Refuse a relative path that leaves the repository: `dvc exp run --temp` works in a copy elsewhere."""
    path = Path(os.path.normpath(local_path(where, key)))
    if not path.is_absolute() and path.parts[:1] == ("..",):
        raise UserError(
            f"{key} is {where}, a relative path that leaves the repository; experiments that run in a copy "
            f"of the repository would not find it: write it as an absolute path, {path.absolute().resolve()}"
        )
    return path


def _check_apart(folders: list[ClassFolder]) -> None:
    """Refuse folders that hold one another: their pictures would be counted twice, even with two labels."""
    real = [folder.path.resolve() for folder in folders]
    for (first, one), (second, other) in combinations(zip(real, folders, strict=True), 2):
        if first == second or first in second.parents or second in first.parents:
            raise UserError(
                f"{one.key} ({one.path}) and {other.key} ({other.path}) are one folder or lie in one "
                "another, so pictures would be counted twice; give each class of each collection a folder "
                "of its own"
            )


def _with_tables(data: config_data.Data, folders: list[ClassFolder], sources: list[Source]) -> list[Source]:
    """Add what the owner's tables say; raise UserError where a rule or a table fits no picture."""
    places = {(folder.collection, folder.label): folder.path for folder in folders}
    sources = list(sources)
    for collection, rows in _by_collection(sources).items():
        folder = next(folder for folder in folders if folder.collection == collection)
        named = [sources[row] for row in rows]
        if folder.rule.source is not None:
            key = f"data.collections.{collection}.naming.source"
            stems = [source.path.stem for source in named]
            check_applies(key, folder.rule.source.pattern, [bool(each.source_ids) for each in named], stems)
        if folder.published is not None:
            below = [source.path.relative_to(places[collection, source.label]) for source in named]
            sides = folder.published.sides(below, Finder(named, places))
            folder.published.check(set(sides))
            for row, side in zip(rows, sides, strict=True):
                sources[row] = replace(sources[row], official=side)
    for row, group in match_known_groups(data.known_groups, sources, places).items():
        sources[row] = replace(sources[row], known_group=group)
    return sources


def _by_collection(sources: list[Source]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, source in enumerate(sources):
        rows.setdefault(source.collection, []).append(row)
    return rows


def _label_pictures(folder: ClassFolder, pictures: list[Path], found: Beside, root: Path) -> list[Source]:
    own = {picture: mask for mask, picture in found.masks.items()} if folder.label == "fake" else {}
    some = [masks for masks in folder.masks if masks.is_dir() and any(files_below(masks, []))]
    there = {masks: _Masks(masks, pictures, folder) for masks in some}
    masks = {picture: _find_mask(folder, picture, there) or own.get(picture) for picture in pictures}
    taken_as_masks = {mask for mask in masks.values() if mask is not None}
    taken_as_masks |= found.masks.keys() | found.doubtful.keys()
    return [
        Source(
            path=picture,
            source_path=_table_path(picture, root),
            target=f"{folder.collection}/{folder.label}/{picture.relative_to(folder.path).as_posix()}",
            label=folder.label,
            collection=folder.collection,
            role=folder.role,
            subset=folder.rule.subset(composed(picture.stem)) if folder.label == "fake" else "",
            source_ids=folder.rule.source_ids(composed(picture.stem)),
            mask_path=masks[picture],
            mask_background=folder.mask_background if masks[picture] else (),
        )
        for picture in pictures
        if picture not in taken_as_masks
    ]


def _find_mask(folder: ClassFolder, picture: Path, there: Mapping[Path, "_Masks"]) -> Path | None:
    """Return a picture's mask, under the same subfolder as the picture's own; None: there is none.

    Where none has the very name, one counts whose name differs in case or in the form of accents, then one
    that is called a mask of it in another way.
    """
    if not there:
        return None
    name = folder.mask_name.replace("{stem}", picture.stem)
    below = picture.relative_to(folder.path)
    core = alike(below.with_suffix(""))
    for masks, known in there.items():
        for mask in (
            masks / below.with_name(name),
            known.by_name.get(alike(below.with_name(name))),
            known.by_core.get(alike(below)) or known.by_core.get(core),
        ):
            if mask is not None and mask != picture and mask.is_file():
                return mask
    return None


class _Masks:
    """The files in a folder of masks, by their names but for case and accents, where they differ so."""

    def __init__(self, masks: Path, pictures: Sequence[Path], folder: ClassFolder) -> None:
        found: dict[str, list[Path]] = {}
        apart = not masks.resolve().is_relative_to(folder.path.resolve())
        for mask in find_pictures(masks)[0]:
            found.setdefault(alike(mask.relative_to(masks)), []).append(mask)
        self.by_name = {name: paths[0] for name, paths in found.items() if len(paths) == 1}
        stems = {alike(picture.relative_to(folder.path).with_suffix("")) for picture in pictures}
        self.by_core = masks_by_core(self.by_name, stems) if apart else {}


def _masks_not_used(found: list[Source], beside: Beside, folder: ClassFolder, root: Path) -> list[Rejected]:
    """Log which masks lie beside their pictures, and return those of pictures that have no use for them."""
    used = {source.mask_path for source in found}
    taken = sorted(mask for mask in beside.masks if mask in used)
    if taken:
        LOG.info(
            "%s: %d files are masks of pictures beside them, as %s is of %s",
            folder.path, len(taken), taken[0].name, beside.masks[taken[0]].name,
        )  # fmt: skip
    if unsure := [path for path in beside.unsure if path not in used]:
        LOG.warning(
            "%s: %d files are taken as %s pictures, though they may be masks, as %s; put masks into the "
            "folder of masks", folder.path, len(unsure), folder.label, unsure[0].relative_to(folder.path),
        )  # fmt: skip
    reasons = {path: reason for path, reason in beside.doubtful.items() if path not in used} | {
        mask: f"it is called, or looks as, a mask of {picture.name}, which is genuine or has another mask; "
        "rename it if it is a picture"
        for mask, picture in beside.masks.items()
        if mask not in used
    }
    if beside.doubtful:
        LOG.warning("%s: %d files may be masks and are left aside", folder.path, len(beside.doubtful))
    return [Rejected(_table_path(path, root), reason) for path, reason in reasons.items()]


def _masks_of_nothing(folders: list[ClassFolder], sources: list[Source], root: Path) -> list[Rejected]:
    """List what lies in the folders of masks and is no fake's mask."""
    used = {source.mask_path for source in sources if source.mask_path is not None}
    used |= {source.path for source in sources}
    expected = {masks: folder.mask_name for folder in folders for masks in folder.masks}
    rejected: dict[Path | str, str] = {}
    for masks, name in expected.items():
        if not masks.is_dir():
            continue
        pictures, others = find_pictures(masks)
        rejected |= {other.path: other.reason for other in others}
        reason = "a mask without its fake: no fake picture has its name (data.collections…mask_name, here {})"
        unused: dict[Path | str, str] = {
            each: reason.format(name.replace("{stem}", "NAME")) for each in pictures if each not in used
        }
        rejected |= unused
        if unused and len(unused) == len(pictures):
            LOG.warning("%s: none of the %d masks there has the name of a fake", masks, len(pictures))
    return [Rejected(_table_path(Path(path), root), reason) for path, reason in rejected.items()]


def _say_ignored(root: Path, folders: list[ClassFolder]) -> None:
    """Warn of folders that are called as folders of masks are and lie beside the classes, unused."""
    places = {path.resolve() for folder in folders for path in (folder.path, *folder.masks)}
    around = {folder.path.resolve().parent for folder in folders}
    for there in sorted({root.resolve(), *around}):
        for path in sorted(there.iterdir()) if os.access(there, os.R_OK | os.X_OK) else ():
            if (
                is_mask_word(path.name)
                and path.is_dir()
                and not any(path == place or path in place.parents for place in places)
            ):
                LOG.warning(
                    "%s is no folder of masks of this configuration, and is passed over; name it in "
                    "data.collections.….masks, or call it as that says", path,
                )  # fmt: skip


def _table_path(path: Path, root: Path) -> str:
    # Of a hundred thousand files, parts of a Path would cost as much again as all else.
    whole, above = os.path.abspath(path), os.path.join(root, "")  # noqa: PTH100, PTH118
    return whole.removeprefix(above).replace(os.sep, "/")
