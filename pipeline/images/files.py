"""Files of pictures: the formats that are taken, the pictures of a folder, and why others are refused."""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from pipeline.errors import UserError

# The formats by their names in Pillow: how their files end and begin.
ENDINGS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif", ".hif"),
    "JPEG2000": (".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc"),
    "JXL": (".jxl",),
}
BEGINNINGS = {
    "JPEG": (b"\xff\xd8",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "BMP": (b"BM",),
    "WEBP": (b"RIFF",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "JPEG2000": (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n"),
    "JXL": (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"),
}
BEGINNING_BYTES = 256  # enough for `format_of_content` and `what_it_is`
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # bytes of each version

_FORMAT_OF_ENDING = {ending: name for name, endings in ENDINGS.items() for ending in endings}
# Of files in boxes, whose first one lists what they conform to; those of a container alone come last.
_BRANDS = {
    "AVIF": {b"avif", b"avis"},
    "HEIF": {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"},
}


def format_of_name(path: PurePath) -> str | None:
    """Return the format that the ending of `path` promises, in upper or lower case; None for others."""
    return _FORMAT_OF_ENDING.get(path.suffix.lower())


def format_of_content(content: bytes) -> str | None:
    """Return the format that a file begins as, by its first `BEGINNING_BYTES`; None for others."""
    if content[4:8] == b"ftyp":
        end = min(int.from_bytes(content[:4], "big"), BEGINNING_BYTES)
        brands = {content[place : place + 4] for place in range(8, end, 4)}
        return next((name for name, known in _BRANDS.items() if known & brands), None)
    if content.startswith(b"RIFF") and content[8:12] != b"WEBP":
        return None
    if content.startswith(b"BM") and int.from_bytes(content[14:18], "little") not in _BMP_HEADERS:
        return None  # "BM" begins words too
    return next((name for name, starts in BEGINNINGS.items() if content.startswith(starts)), None)


# What else lies among pictures: how it begins, what it is and what to do. Pictures come first.
_RAW = "the raw file of a camera; develop it, and save it as TIFF or JPEG"
_SAVE = "save it as PNG or TIFF with the program that made it"
_PICTURES = (
    (rb"....ftypcrx|FUJIFILMCCD-RAW|IIU\0|IIR[OS]|MMOR|\0MRM|FOVb|II\x1a\0\0\0HEAP", _RAW),
    (rb"8BP[SB]", f"a file of Photoshop; {_SAVE}"),
    (rb"v/1\x01|#\?RADIANCE|#\?RGBE", f"a picture of high dynamic range; {_SAVE}"),
    (rb"SIMPLE  =|.{128}DICM", f"a picture of an instrument; {_SAVE}"),
    (
        rb"\0\0[\x01\x02]\0[^\0]\0|icns|gimp xcf|DDS |qoif|II\xbc|AT&TFORM|P[1-7F]\s+[\d#]|FLIF|BPG\xfb"
        rb"|\x0a[\0-\x05]\x01",
        f"a picture of a format that is not read; {_SAVE}",
    ),
)
_OTHERS = (
    (
        rb"\s*<(!doctype html|html|head|body)",
        "a web page, as servers send where there is no picture; get the picture again",
    ),
    (rb"version https://git-lfs", "a pointer of Git LFS, not the picture; fetch that with git lfs pull"),
    (
        rb"(\.\./)*(\.git)?/annex/objects",
        "a pointer of git-annex, not the picture; fetch that with git annex get",
    ),
    (rb"%PDF", "a PDF; save those of its pages that are wanted as pictures"),
    (
        rb"....(ftyp(iso|mp4|m4v|qt|3g|avc|msnv|dash)|moov|mdat|wide|skip)|RIFF....AVI |\x1aE\xdf\xa3"
        rb"|\0\0\x01[\xb3\xba]|FLV\x01|OggS",
        "a video; save those of its frames that are wanted as pictures",
    ),
    (rb"PK\x03\x04|\x1f\x8b|Rar!|7z\xbc\xaf|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd", "an archive; unpack it"),
    (rb"\s*(<\?xml|<svg|%!PS)|\xc5\xd0\xd3\xc6|\xd7\xcd\xc6\x9a", f"a drawing or a text; {_SAVE}"),
)
# Endings of those pictures.
_RAW_ENDINGS = {
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".kdc",
    ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".ptx", ".raf", ".raw", ".rw2", ".rwl",
    ".sr2", ".srf", ".srw", ".x3f",
}  # fmt: skip
_PICTURE_ENDINGS = _RAW_ENDINGS | {
    ".ai", ".emf", ".eps", ".insp", ".jps", ".mpo", ".svg", ".svgz", ".wmf",
    ".avifs", ".bpg", ".cur", ".dcm", ".dds", ".djvu", ".exr", ".fit", ".fits", ".flif", ".hdp", ".hdr",
    ".heics", ".icns", ".ico", ".jls", ".jng", ".jxr", ".kra", ".mng", ".ora", ".pam", ".pbm", ".pcx",
    ".pfm", ".pgm", ".pnm", ".ppm", ".psb", ".psd", ".qoi", ".ras", ".sgi", ".tga", ".wdp", ".xcf",
}  # fmt: skip
_STRAY = b" \t\r\n\0\xef\xbb\xbf"  # what scripts of servers write before a picture
_WHAT = tuple((re.compile(begins, re.DOTALL | re.IGNORECASE), words) for begins, words in _PICTURES + _OTHERS)


def what_it_is(content: bytes) -> str | None:
    """Return what a file is that is no picture of a supported format, and what to do; None: not known.

    >>> what_it_is(b"%PDF-1.7")
    'it is a PDF; save those of its pages that are wanted as pictures'
    """
    if not content.strip(b"\0"):
        return "it holds nothing but zeros, as a copy that broke off does; get a whole copy of it"
    if kind := format_of_content(whole := content.lstrip(_STRAY)):
        n_stray = len(content) - len(whole)
        stray = "a byte that does" if n_stray == 1 else f"{n_stray} bytes that do"
        before = "stands" if n_stray == 1 else "stand"
        return (
            f"{stray} not belong to it {before} before the {kind}; remove what is too much, or get it again"
        )
    return next((f"it is {words}" for begins, words in _WHAT if begins.match(content)), None)


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
        role: of the collection: "train" (split three ways), "test" (tested only) or "background" (genuine
            pictures alone, trained on).
        subset: what the naming rule calls this kind of picture, e.g. "splice"; "" where it says nothing.
        source_ids: pictures that this one was made from (a genuine one: itself), sorted, each once.
        mask_path: the picture of the tampered pixels, to be opened; None where there is none.
        mask_background: what of it marks nothing, see `pipeline.images.mask`; (): found by rules.
        official: the side of the split that the dataset's authors published: "train", "validation",
            "test"; "" where they put it on none.
        known_group: what the dataset's table of known groups says; "" where it says nothing.
        page: which picture of a file that holds several, from 0.
        each_page: whether all of them are taken, each as a picture of its own.
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
    mask_background: tuple[str, ...] = ()
    official: str = ""
    known_group: str = ""
    page: int = 0
    each_page: bool = False


@dataclass(frozen=True)
class Rejected:
    """One file that is not taken, by its name in tables, and why, in words that tell its owner what to do."""

    path: str
    reason: str
    lost: bool = False  # it should have been a picture of the dataset, and does not just lie beside them
    collection: str = ""  # in whose folder it lies, as `label`; "" where that says nothing
    label: str = ""


class Unreadable(UserError):  # noqa: N818 - it says what is wrong, as UserError does
    """A file that is not a whole picture of a supported format; `reason` says why, without its name."""

    def __init__(self, reason: str, name: str = "the picture") -> None:
        super().__init__(f"{name} cannot be read: {reason}")
        self.reason = reason
        self.name = name

    def __reduce__(self) -> tuple[type["Unreadable"], tuple[str, str]]:
        return type(self), (self.reason, self.name)


# Bytes of a pixel, beside the decoded one: the upright picture in sRGB, its bytes, the array of them.
_AFTERWARDS = 4 + 3 + 3


@dataclass(frozen=True)
class Limits:
    """Beyond these a page is refused: the scan of a wall, or a small file that unpacks to fill the memory."""

    megapixels: float
    gib: float  # of memory at the peak: for the pixels as they are decoded, and for what is made of them
    set_by: str = "convert."  # where a user raises them

    def check(self, width: int, height: int, bytes_each: float = 4) -> None:
        """Raise Unreadable for a picture that is too large, or that has no pixel at all.

        `bytes_each` is what a pixel takes while it is decoded, all its samples together; Pillow takes 4. What
        is made of it comes to that.
        """
        bytes_each += _AFTERWARDS
        if width < 1 or height < 1:
            raise Unreadable(f"it says that it has {width}x{height} pixels")
        if width * height > self.megapixels * 1e6:
            raise Unreadable(
                f"it has {width}x{height} pixels, larger than the limit of {self.megapixels:g} megapixels; "
                f"if it is meant to be that large, raise {self.set_by}max_megapixels"
            )
        if width * height * bytes_each > self.gib * 2**30:
            gib = width * height * bytes_each / 2**30
            raise Unreadable(
                f"its {width}x{height} pixels take {gib:.3g} GiB decoded, more than the limit of "
                f"{self.gib:g} GiB; if it is meant to be that large, raise {self.set_by}max_gib"
            )


# For those who read pictures without a configuration, as the model that MLflow has logged: what
# conf/convert/*.yaml says.
LIMITS = Limits(megapixels=250, gib=4)


def find_pictures(folder: Path, for_tables: bool = True) -> tuple[list[Path], list[Rejected]]:
    """List the pictures in `folder` and in the folders below it, and the files that are none.

    Endings count in upper and lower case. A file without an ending is a picture if it begins as one; what
    has any other ending is not taken, and the reason says what it begins as. A picture of a kind that is not
    read (raw files of cameras, Photoshop's) is lost, unless one that is taken lies beside it under the same
    name. Names that begin with a dot are passed over (a picture's is rejected, but not `._x.jpg`), and
    so is a linked folder that was listed already under another name.

    Args:
        folder: where to look.
        for_tables: whether their names go into tables, which are in UTF-8: others are refused then.

    Returns:
        pictures as paths that start with `folder`, and other files with the reason; each sorted by
        the parts of its path.

    Raises:
        UserError: the folder is missing, is no folder or cannot be listed.
    """
    pictures: list[Path] = []
    rejected: list[Rejected] = []
    foreign: list[tuple[Path, Rejected]] = []
    for path in sorted(files_below(folder, rejected), key=lambda path: path.parts):
        refusal = refuse(path, for_tables)
        if refusal is None:
            pictures.append(path)
        elif path.suffix.lower() in _PICTURE_ENDINGS:
            foreign.append((path, refusal))
        else:
            rejected.append(refusal)
    # What a camera or an editor keeps beside the picture that was made from it is not lost.
    taken = {path.with_suffix("") for path in pictures} if foreign else set()
    rejected += [
        replace(refusal, lost=refusal.lost and path.with_suffix("") not in taken) for path, refusal in foreign
    ]
    return pictures, sorted(rejected, key=lambda file: Path(file.path).parts)


def holds_picture(folder: Path) -> bool:
    """Return whether there is a picture in `folder` or below; raises as `find_pictures`."""
    return any(refuse(path) is None for path in files_below(folder, []))


_HIDDEN = "its name begins with a dot, and hidden files are passed over; rename it if it is a picture"


def files_below(folder: Path, unlisted: list[Rejected]) -> Iterator[Path]:
    """Yield every file that is not hidden, following links but never in circles; nothing is opened.

    Folders below that cannot be listed are added to `unlisted`; raises UserError where `folder` cannot.
    """
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
            if inside == folder:
                raise UserError(
                    f"{utf8_name(folder)} cannot be listed: {error.strerror}; it should be a folder of "
                    "pictures"
                ) from error
            reason = f"the folder cannot be listed: {error.strerror}; give yourself the right to read it"
            unlisted.append(Rejected(utf8_name(inside), reason, lost=True))
            continue
        unlisted.extend(
            Rejected(utf8_name(inside / child.name), _HIDDEN)
            for child in children
            if child.name.startswith(".")
            and not child.name.startswith("._")  # what macOS keeps beside each file
            and format_of_name(Path(child.name))
            and not _is_folder(child)
        )
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
    except OSError:  # a link that leads to itself; `refuse` says so
        return False


def refuse(path: Path, for_tables: bool = True) -> Rejected | None:
    """Return why a file is no picture, by its name and how it begins; None where it may be one."""
    kind, reason = format_of_name(path), ""
    should_be_one = kind is not None
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            reason = "it is not a file"
        elif kind is None:
            with path.open("rb", buffering=0) as file:
                beginning = file.read(BEGINNING_BYTES) or b""
            kind = format_of_content(beginning)
            reason = _reason_against_ending(path.suffix, kind, beginning)
            foreign = path.suffix.lower() in _PICTURE_ENDINGS or any(
                begins.match(beginning) for begins, _ in _WHAT[: len(_PICTURES)]
            )
            should_be_one = foreign or kind not in {None, "TIFF"}
    except FileNotFoundError:
        reason = "it is a link to a file that does not exist"
    except OSError as error:
        reason = f"it cannot be opened: {error.strerror}"
    try:
        if for_tables:
            str(path).encode("utf-8")
    except UnicodeEncodeError:
        reason = "its name is not UTF-8, which the tables are written in; rename it"
    return Rejected(utf8_name(path), reason, lost=should_be_one) if reason else None


def _reason_against_ending(suffix: str, kind: str | None, beginning: bytes) -> str:
    """Return why a file without a picture's ending is none; "" where it has none and begins as one."""
    if kind and not suffix:
        return ""
    ending = f"the ending {suffix}" if suffix else "no ending, and does not begin as a picture"
    if kind == "TIFF" and suffix.lower() in _RAW_ENDINGS:
        return f"it has {ending}, though it begins as a TIFF: {_RAW}"
    if kind:
        return (
            f"it has {ending}, though it begins as a {kind}; "
            f"if it is a picture, let its name end in {ENDINGS[kind][0]}"
        )
    if beginning.strip(b"\0") and (words := what_it_is(beginning)):
        return words
    return f"it has {ending}; pictures end in {' '.join(_FORMAT_OF_ENDING)}"


def utf8_name(path: Path) -> str:
    r"""Write bytes that are not UTF-8 as \x.., so that messages and tables can hold the name."""
    return os.fsencode(path.as_posix()).decode("utf-8", errors="backslashreplace")
