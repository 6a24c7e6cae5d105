"""A picture as handed in, and a file that cannot be one: what listing says and conversion works on."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """One labelled picture before conversion.

    Attributes:
        path: the file, to be opened from the current folder; it has not been opened yet.
        source_path: the file's name in tables: POSIX, relative to `data.root` where below it, else absolute.
        target: where it goes below the folder of converted files, with the ending that it has now:
            `casia1/fake/nested/name.tif`. A policy that saves it anew changes the ending alone.
        label: "genuine" or "fake".
        collection: key in `data.collections`.
        role: of the collection: "train" (split three ways) or "test" (tested only).
        subset: what the naming rule calls this kind of picture, e.g. "splice"; "" where it says nothing.
        source_ids: pictures that this one was made from (a genuine one: itself), sorted, each once.
        mask_path: the picture of the tampered pixels, to be opened; None where there is none.
        official: the side of the split that the dataset's authors published: "train", "validation",
            "test"; "" where they put it on none.
        known_group: what the dataset's table of known groups says; "" where it says nothing.
        page: which picture of a file that holds several, from 0.
    """

    path: Path
    source_path: str
    target: str
    label: str
    collection: str
    role: str
    subset: str = ""
    source_ids: tuple[str, ...] = ()
    mask_path: Path | None = None
    official: str = ""
    known_group: str = ""
    page: int = 0


@dataclass(frozen=True)
class Rejected:
    """One file that is not taken, and why.

    Attributes:
        path: the file's name in tables, as `Source.source_path`.
        reason: what was found, in words that tell its owner what to do.
        lost: it should have been a picture of the dataset; False for what lies beside the pictures.
    """

    path: str
    reason: str
    lost: bool = False
