"""The pictures that a dataset's configuration names, with what folders and names say about them."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import pandas as pd

from pipeline import config_data
from pipeline.datasets.naming import NamingRule, PublishedSplit, compile_naming, read_published
from pipeline.datasets.tables import LABELS
from pipeline.errors import UserError
from pipeline.images.files import ENDINGS, Rejected, Source, find_pictures
from pipeline.images.mask import is_background
from pipeline.storage import local_path, other_spelling, what_is_there

LOG = logging.getLogger(__name__)


def read_known_groups(where: str | None, root: Path) -> dict[str, str]:
    """Read the owner's table of pictures that belong together: one burst, one scene, one published group.

    Args:
        where: CSV with the columns `path` and `group`; None: there is none. One that is not there is logged:
            the pictures may be there without it.
        root: `data.root`; absolute paths in the table are named from it.

    Returns:
        `Source.source_path` of a picture -> its group, where it has one.

    Raises:
        UserError: it is no such table, or puts a picture into two groups.
    """
    if where is None:
        return {}
    path = Path(where)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        LOG.info(
            "data.known_groups: %s is not there; pictures are grouped by names, bytes, pixels and looks", path
        )
        return {}
    except (OSError, ValueError) as error:  # what pandas raises for broken tables are ValueErrors
        raise UserError(
            f"data.known_groups is {path}, which cannot be read as CSV ({error}); expected the columns path "
            "and group"
        ) from error
    if missing := [column for column in ("path", "group") if column not in table.columns]:
        raise UserError(
            f"data.known_groups is {path}, which has no column {' and '.join(missing)}; expected path (of a "
            "picture, absolute or below data.root) and group"
        )
    table = table[table["group"] != ""]
    paths = [_below(Path(name), root) for name in table["path"]]
    twice = table.assign(path=paths).groupby("path")["group"].nunique()
    if (twice > 1).any():
        raise UserError(
            f"data.known_groups is {path}, which puts {twice.index[twice > 1][0]} into {twice.max()} groups; "
            "write it once, or give both groups one name"
        )
    return dict(zip(paths, table["group"], strict=True))


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

    No file is opened. Masks that lie among the fakes are not taken for fakes; a file in a folder of masks
    that belongs to no fake is returned as rejected, so that a wrong `mask_name` shows.

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
    known = read_known_groups(data.known_groups, root)
    sources: list[Source] = []
    rejected: list[Rejected] = []
    sides: dict[str, set[str]] = {folder.collection: set() for folder in folders}
    for folder in folders:
        pictures, others = find_pictures(folder.path)
        found = _label_pictures(folder, pictures, root, known)
        if not found and folder.role == "train":
            raise UserError(
                f"{folder.key} is {folder.path}: no {folder.label} picture found there"
                + (f" ({len(others)} files that are no pictures)" if others else "")
                + f"; put {folder.label} pictures there ({', '.join(ENDINGS)}) or set data.root or "
                + folder.key
            )
        sources += found
        sides[folder.collection] |= {source.official for source in found}
        rejected += [replace(other, path=_table_path(Path(other.path), root)) for other in others]
    for folder in folders:
        if folder.published is not None:
            folder.published.check(sides[folder.collection])
    rejected += _masks_of_nothing(folders, sources, root)
    return sorted(sources, key=lambda source: source.target), sorted(rejected, key=lambda file: file.path)


def class_folders(data: config_data.Data, collection: str) -> list[ClassFolder]:
    """Return the two folders of a collection, or raise UserError as `list_sources` does."""
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
        path = _inside(where, f"{key}.{label}")
        if not path.is_dir():
            found = "found a file" if path.exists() else f"found nothing{what_is_there(path)}"
            raise UserError(
                f"{key}.{label} is {where}: expected a folder of {label} pictures at {path.absolute()}, "
                f"{found}; put the pictures there or set data.root (it is {data.root}) or {key}.{label}"
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


def _label_pictures(
    folder: ClassFolder, pictures: list[Path], root: Path, known: Mapping[str, str]
) -> list[Source]:
    masks = {picture: _find_mask(folder, picture) for picture in pictures}
    taken_as_masks = {mask for mask in masks.values() if mask is not None}
    return [
        Source(
            path=picture,
            source_path=_table_path(picture, root),
            target=f"{folder.collection}/{folder.label}/{picture.relative_to(folder.path).as_posix()}",
            label=folder.label,
            collection=folder.collection,
            role=folder.role,
            subset=folder.rule.subset(picture.stem) if folder.label == "fake" else "",
            source_ids=folder.rule.source_ids(picture.stem),
            mask_path=masks[picture],
            mask_background=folder.mask_background if masks[picture] else (),
            official=folder.published.side(picture.relative_to(folder.path)) if folder.published else "",
            known_group=known.get(_table_path(picture, root), ""),
        )
        for picture in pictures
        if picture not in taken_as_masks
    ]


def _find_mask(folder: ClassFolder, picture: Path) -> Path | None:
    """Return a picture's mask, under the same subfolder as the picture's own; None: there is none."""
    subfolder = picture.relative_to(folder.path).parent
    name = folder.mask_name.replace("{stem}", picture.stem)
    candidates = (masks / subfolder / name for masks in folder.masks)
    return next((mask for mask in candidates if mask != picture and mask.is_file()), None)


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
        reason = f"a mask without its fake: no fake picture has the mask name {name} for it"
        rejected |= {picture: reason for picture in pictures if picture not in used}
    return [Rejected(_table_path(Path(path), root), reason) for path, reason in rejected.items()]


def _table_path(path: Path, root: Path) -> str:
    return _below(Path(os.path.normpath(path.absolute())), root)


def _below(path: Path, root: Path) -> str:
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
