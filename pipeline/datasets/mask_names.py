"""Which file is the mask of which picture: by names and folders, and by a look where these leave a doubt.

Masks lie in a folder of their own or among the fakes, and each collection calls them in its own way. Taken
for a fake, a mask teaches a detector that flat colours are forged, so no doubtful file becomes a fake unsaid.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.images.files import LIMITS, Unreadable, format_of_name
from pipeline.images.mask import is_flat
from pipeline.images.read import read, read_bytes
from pipeline.storage import folded

_SEPARATOR = r"[-_. ]"
# What people call a mask, alone (a folder), before or after the name of its picture.
_WORD = re.compile(
    rf"(?:(?:binary|edge|fake|forged|forgery|manipulated|splic(?:e|ed|ing)|tamper(?:ed|ing)?){_SEPARATOR}?)?"
    rf"(?:gt|masks?|msk|ground{_SEPARATOR}?truths?|seg|segmentations?)",
    re.IGNORECASE,
)
_LOOKS = 8  # files of one way of naming that are looked at; the others too where these differ


@dataclass(frozen=True)
class Beside:
    """Files among the pictures of a class that are masks of other ones, or may be."""

    masks: dict[Path, Path] = field(default_factory=dict)  # mask -> its picture
    doubtful: dict[Path, str] = field(default_factory=dict)  # neither mask nor picture: why
    unsure: list[Path] = field(default_factory=list)  # taken as pictures, though they may be masks


def is_mask_word(name: str) -> bool:
    """Tell whether a folder is called as folders of masks are.

    >>> is_mask_word("GroundTruth"), is_mask_word("masked ball")
    (True, False)
    """
    return _WORD.fullmatch(name) is not None


def alike(path: Path) -> str:
    """Return a path as it is compared with others: in any case, and in any form of accents."""
    return folded(path.as_posix())


def cores(stem: str) -> list[str]:
    """Return what the picture of a mask may be called, without its ending, by the mask's name without it.

    >>> cores("mask_a.jpg"), cores("a_forged_mask"), cores("a")
    (['a'], ['a', 'a_forged'], [])
    """
    if not re.search(_SEPARATOR, stem):
        return []
    plain = Path(stem).stem if format_of_name(Path(stem)) else stem
    found = [plain] if plain != stem else []
    for before, after in _splits(plain):
        if is_mask_word(after):
            found.append(before)
        if is_mask_word(before):
            found.append(after)
    if len(found) > 1 and plain != stem:
        del found[0]
    return list(dict.fromkeys(found))


def _splits(stem: str) -> list[tuple[str, str]]:
    """Return what stands before and after each separator within a name."""
    places = re.finditer(_SEPARATOR, stem)
    return [(stem[: at.start()], stem[at.end() :]) for at in places if 0 < at.start() < len(stem) - 1]


def masks_by_core(masks: Mapping[str, Path], stems: set[str]) -> dict[str, Path]:
    """Return masks by their folder and the stem of the picture that they may be of, where one is.

    Args:
        masks: by their paths below the folder of masks, as `alike` writes them.
        stems: of the pictures with the folders they lie in, as `alike` writes them; what has the name of a
            picture is its mask alone.
    """
    found: dict[str, list[Path]] = defaultdict(list)
    for name, mask in masks.items():
        own = Path(name).with_suffix("")
        names = [own.name] if own.as_posix() in stems else cores(own.name)
        for core in names:
            found[(own.parent / core).as_posix()].append(mask)
    return {name: paths[0] for name, paths in found.items() if len(paths) == 1}


def find_beside(pictures: Sequence[Path], folder: Path) -> Beside:
    """Find the masks among the pictures below a class folder.

    What is called a mask by its name or its folder is one, where its picture is there. What is called as
    another picture is, but for its ending or an addition, is looked at: one of few flat colours, as large
    as its picture, which is none of them, is a mask; of another size it is doubtful. Of many files that are
    called in one way some are looked at, and all where these differ.
    """
    found, places = Beside(), _Places(pictures, folder)
    ways: dict[str, list[tuple[Path, Path]]] = defaultdict(list)
    for path in pictures:
        if picture := places.by_name(path):
            found.masks[path] = picture
            continue
        additions = places.by_addition(path)
        for way, picture in additions:
            ways[way].append((path, picture))
        if places.called_a_mask(path) and not additions:
            found.unsure.append(path)
    for pairs in ways.values():
        some = pairs[:: max(1, len(pairs) // _LOOKS)]
        seen = {pair: _look(*pair) for pair in some}
        alone = len(set(seen.values())) == 1 and "" in seen.values()
        for path, picture in [] if alone else pairs:
            verdict = seen.get((path, picture)) or _look(path, picture)
            if path in found.masks or picture in found.masks:
                continue
            if verdict == _MASK:
                found.masks[path] = picture
            elif verdict == _UNSURE:
                found.unsure.append(path)
            elif verdict:
                found.doubtful[path] = verdict
    found.unsure[:] = [path for path in dict.fromkeys(found.unsure) if path not in found.masks]
    return found


_MASK, _UNSURE = "mask", "unsure"


def _look(path: Path, picture: Path) -> str:
    """Return _MASK or _UNSURE, why it is doubtful, or "": a picture as others are."""
    try:
        mask = read(read_bytes(path), LIMITS)
        if not is_flat(mask):
            return ""
    except (OSError, Unreadable):  # the conversion will say so
        return ""
    try:
        other = read(read_bytes(picture), LIMITS)
    except (OSError, Unreadable):
        return f"it has few flat colours, as a mask of {picture.name} has, which cannot be read"
    if is_flat(other):
        return _UNSURE
    if mask.upright_size not in {other.upright_size, other.stored_size}:
        return (
            f"it has few flat colours, as a mask has, and the name of {picture.name}, but another size: put "
            "it into the folder of masks if it is one, or rename it if it is a picture"
        )
    return _MASK


class _Places:
    """The pictures below a class folder by their names."""

    def __init__(self, pictures: Sequence[Path], folder: Path) -> None:
        self.folder = folder
        parents = {path.parent for path in pictures} - {folder}
        self.of_masks = {parent for parent in parents if is_mask_word(parent.name)}
        self.here: dict[tuple[Path, str], list[Path]] = defaultdict(list)
        self.below: dict[tuple[Path, str], list[Path]] = defaultdict(list)
        for path in pictures:
            self.here[path.parent, folded(path.stem)].append(path)
            if not self.in_masks(path):
                self.below[path.parent.parent, folded(path.stem)].append(path)

    def in_masks(self, path: Path) -> bool:
        return bool(self.of_masks) and path.parent in self.of_masks

    def called_a_mask(self, path: Path) -> bool:
        return self.in_masks(path) or any(core != Path(path.stem).stem for core in cores(path.stem))

    def by_name(self, path: Path) -> Path | None:
        """Return the picture of which a file is the mask by its name or its folder."""
        for name in cores(path.stem):
            if format_of_name(Path(path.stem)) and name == Path(path.stem).stem:
                continue  # `a.jpg.png` may be the copy of a picture
            if there := self.here.get((path.parent, folded(name))):
                return there[0]
        if self.in_masks(path):
            above = path.parent.parent
            for name in (path.stem, *cores(path.stem)):
                there = self.here.get((above, folded(name))) or self.below.get((above, folded(name)), [])
                if len(there) == 1:
                    return there[0]
        return None

    def by_addition(self, path: Path) -> list[tuple[str, Path]]:
        """Return how a file's name may be made from that of another picture, and that picture."""
        for other in self.here[path.parent, folded(path.stem)]:
            if other != path:
                return [(f"{path.suffix} {other.suffix}", other)]
        for before, after in reversed(_splits(path.stem)):
            for name, addition in ((before, f"*{after}"), (after, f"{before}*")):
                if there := self.here.get((path.parent, folded(name))):
                    return [(re.sub(r"[0-9]+", "#", addition), there[0])]
        if path.parent != self.folder:
            for other in self.here.get((path.parent.parent, folded(path.stem)), []):
                return [(f"{path.parent.name}/", other)]
        return []
