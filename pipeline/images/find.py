"""Which files of a folder are pictures: by their endings, and by their content where they have none."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import UserError
from pipeline.images.formats import BEGINNING_BYTES, ENDINGS, format_of_content, format_of_name
from pipeline.images.sources import Rejected


def find_pictures(folder: Path) -> tuple[list[Path], list[Rejected]]:
    """List the pictures in `folder` and in the folders below it, and the files that are none.

    Endings count in upper and lower case. A file without an ending is a picture if it begins as one; what
    has any other ending is not taken (the raw files of cameras begin as TIFFs, and are none), and the reason
    says so where it begins as a picture. Names that begin with a dot are passed over, and so is a linked
    folder that was listed already under another name.

    Returns:
        pictures as paths that start with `folder`, and other files with the reason; each sorted by
        the parts of its path.

    Raises:
        UserError: the folder is missing, is no folder or cannot be listed.
    """
    pictures, rejected = [], []
    for path in sorted(_walk(folder), key=lambda each: each.parts):
        if reason := _reason_against(path):
            rejected.append(Rejected(_printable(path), reason, lost=_should_be_a_picture(path)))
        else:
            pictures.append(path)
    return pictures, rejected


def _walk(folder: Path) -> Iterator[Path]:
    """Give every file below `folder` that is not hidden, following links but never in circles."""
    pending, listed = [folder], set()
    while pending:
        inside = pending.pop()
        try:
            status = inside.stat()
            if (status.st_dev, status.st_ino) in listed:
                continue
            listed.add((status.st_dev, status.st_ino))
            with os.scandir(inside) as entries:
                children = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise UserError(
                f"{_printable(inside)} cannot be listed: {error.strerror}; it should be a folder of pictures"
            ) from error
        visible = [child for child in children if not child.name.startswith(".")]
        folders = [child.name for child in visible if _is_folder(child)]
        # Taken from the end: folders come in the order of their names, so a link to a folder that
        # sorts before it wins on every machine.
        pending.extend(inside / name for name in reversed(folders))
        passed_over = set(folders)
        yield from (inside / child.name for child in visible if child.name not in passed_over)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself; `_reason_against` says so
        return False


def _reason_against(path: Path) -> str:
    """Say why a file is no picture, or nothing."""
    if not _is_utf8(path):
        return "its name is not UTF-8, which the tables are written in; rename it"
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "it is a link to a file that does not exist"
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}"
    if not stat.S_ISREG(mode):
        return "it is not a file"
    return "" if format_of_name(path) else _reason_against_content(path)


def _should_be_a_picture(path: Path) -> bool:
    """Tell whether a file that is not taken is one of the pictures: by its ending, or by how it begins.

    Camera raw files begin as TIFFs do, and lie beside the pictures that were made from them.
    """
    if format_of_name(path):
        return True
    try:
        return path.is_file() and _begins_as(path) not in {None, "TIFF"}
    except OSError:
        return False


def _begins_as(path: Path) -> str | None:
    with path.open("rb", buffering=0) as file:
        return format_of_content(file.read(BEGINNING_BYTES) or b"")


def _reason_against_content(path: Path) -> str:
    """Say why a file without the ending of a picture is none, or nothing."""
    try:
        found = _begins_as(path)
    except OSError as error:
        return f"it cannot be opened: {error.strerror}"
    if found and not path.suffix:
        return ""
    kind = f"the ending {path.suffix}" if path.suffix else "no ending, and does not begin as a picture"
    endings = " ".join(ending for each in ENDINGS.values() for ending in each)
    if found:
        ending = ENDINGS[found][0]
        return (
            f"it has {kind}, though it begins as a {found}; if it is a picture, let its name end in {ending}"
        )
    return f"it has {kind}; pictures end in {endings}"


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _printable(path: Path) -> str:
    r"""Write bytes that are not UTF-8 as \x.., so that messages and tables can hold the name."""
    return os.fsencode(path.as_posix()).decode("utf-8", errors="backslashreplace")
