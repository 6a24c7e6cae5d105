"""The pages of a TIFF and the tags that its pixels depend on, read without any library.

Libraries pass over a tag that lies behind the end of the file, and leave black what is missing. References:
TIFF Revision 6.0 (Adobe, 1992), section 2; Adobe PageMaker 6.0 TIFF Technical Notes; BigTIFF.
"""

import math
import struct
from collections.abc import Iterator, Sequence

from PIL import Image

from pipeline.images.files import BEGINNINGS, Limits, Unreadable

# The tag of how a picture was held, EXIF's too, and what brings the stored pixels upright, by its value.
ORIENTATION = 274
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = (5, 6, 7, 8)  # values that swap width and height

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
SAMPLES, PLANAR, PALETTE, INK_SET, SAMPLE_FORMAT, DEPTH = 277, 284, 320, 332, 339, 32_997
_STRIP_OFFSETS, _ROWS_PER_STRIP, _STRIP_BYTES = 273, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES = 322, 323, 324, 325
_READ = {
    SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, PLANAR, PALETTE, INK_SET, SAMPLE_FORMAT,
    DEPTH, _STRIP_OFFSETS, _ROWS_PER_STRIP, _STRIP_BYTES, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS,
    _TILE_BYTES,
}  # fmt: skip
_CODES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}  # of struct, by the type of a tag
_REDUCED, _MASK = 1, 4  # bits of SUBFILE: a thumbnail of another page; its transparency
_OLD_JPEG = 6
_MOST_PAGES = 65_536
_MOST_VALUES = 1 << 20  # of a tag: tiles of 16x16 pixels in a picture of 250 megapixels

Tags = dict[int, tuple[int, ...]]


def count_pages(content: bytes) -> int:
    """Count the pages of a TIFF, without thumbnails and masks of other pages; 1 for any other file.

    Raises:
        Unreadable: the chain of its pages breaks off.
    """
    if not content.startswith(BEGINNINGS["TIFF"]):
        return 1
    return max(sum(directory.is_page for directory in _directories(content)), 1)


def find_page(content: bytes, page: int) -> tuple[int, Tags]:
    """Give the place of a page among the directories of a TIFF, and its tags.

    Args:
        content: of a TIFF.
        page: counted from 0, without thumbnails and masks.

    Raises:
        Unreadable: it has fewer pages, or its tags are not all there.
    """
    pages, first = 0, None
    for place, directory in enumerate(_directories(content)):
        first = first or directory
        if directory.is_page:
            if pages == page:
                return place, directory.tags()
            pages += 1
    if page == 0 and first is not None:  # nothing but a thumbnail
        return 0, first.tags()
    raise Unreadable(f"it has {max(pages, 1)} pages, page {page + 1} was asked for")


def check_pieces(tags: Tags, length: int, limits: Limits) -> None:
    """Refuse a page whose strips or tiles are too large, or not all there.

    Args:
        tags: of the page.
        length: of the file.
        limits: that a page must keep.

    Raises:
        Unreadable: see above.
    """
    height, width = _one(tags, HEIGHT), _one(tags, WIDTH)
    n_samples, bits = _one(tags, SAMPLES, 1), tags.get(BITS) or (1,)
    pixel_bits = sum(bits) if len(bits) == n_samples else bits[0] * n_samples
    limits.check(width, height, pixel_bits / 8)
    if tiled := _TILE_OFFSETS in tags:
        rows, columns = _one(tags, _TILE_HEIGHT), _one(tags, _TILE_WIDTH)
        limits.check(columns, rows, pixel_bits / 8)
    else:
        rows, columns = min(_one(tags, _ROWS_PER_STRIP, height) or height, height), width
    begins = tags.get(_TILE_OFFSETS if tiled else _STRIP_OFFSETS, ())
    sizes = tags.get(_TILE_BYTES if tiled else _STRIP_BYTES, ())
    if not begins and _one(tags, COMPRESSION, 1) == _OLD_JPEG:  # it has a place of its own
        return
    if _one(tags, PLANAR, 1) not in {1, 2}:
        raise Unreadable(
            f"its PlanarConfiguration is {_one(tags, PLANAR)}, expected 1 or 2; get a whole copy of it"
        )
    planes = n_samples if _one(tags, PLANAR, 1) == 2 else 1
    expected = math.ceil(height / rows) * math.ceil(width / columns) * planes
    if _one(tags, COMPRESSION, 1) == 1 and not tiled and planes == 1:
        sizes = _sizes(sizes, expected, rows, height, -(-width * pixel_bits // 8))
    if len(begins) < expected or (sizes and len(sizes) < expected):
        found = min(len(begins), len(sizes) or len(begins))
        raise Unreadable(f"only {found} of its {expected} strips or tiles are there; get a whole copy of it")
    begins, sizes = begins[:expected], sizes[:expected] or (1,) * expected
    if not all(begins) or not all(sizes):
        raise Unreadable("some of its strips or tiles are empty; get a whole copy of it")
    missing = max(map(int.__add__, begins, sizes)) - length
    if missing > 0:
        raise Unreadable(f"the file is truncated ({missing:,} bytes are missing); get a whole copy of it")


def _sizes(stored: Sequence[int], expected: int, rows: int, height: int, row_bytes: int) -> tuple[int, ...]:
    """Give the bytes of each uncompressed strip, of which a file may say too much or nothing."""
    needed = [min(rows, height - top) * row_bytes for top in range(0, height, rows)]
    if len(stored) != expected:
        return tuple(needed)
    return tuple(min(size, least) for size, least in zip(stored, needed, strict=True))


def _one(tags: Tags, tag: int, default: int | None = None) -> int:
    found = tags.get(tag, () if default is None else (default,))
    if not found:
        raise Unreadable(f"its tag {tag} is missing; get a whole copy of it")
    return found[0]


class _Directory:
    """One directory: its entries, whose values are looked up when they are asked for."""

    def __init__(self, content: bytes, order: str, entries: dict[int, tuple[int, int, bytes]]) -> None:
        self._content, self._order, self._entries = content, order, entries

    @property
    def is_page(self) -> bool:
        """No thumbnail and no mask of another page."""
        return not next(iter(self._values(SUBFILE)), 0) & (_REDUCED | _MASK)

    def tags(self) -> Tags:
        """Give the tags that are read."""
        return {tag: self._values(tag) for tag in self._entries}

    def _values(self, tag: int) -> tuple[int, ...]:
        kind, count, value = self._entries.get(tag, (0, 0, b""))
        if kind not in _CODES or count == 0:
            return ()
        if count > _MOST_VALUES:
            raise Unreadable(f"its tag {tag} has {count:,} values, more than any picture needs")
        code = f"{self._order}{count}{_CODES[kind]}"
        size = struct.calcsize(code)
        if size <= len(value):
            return struct.unpack_from(code, value)
        (start,) = struct.unpack(self._order + ("Q" if len(value) == 8 else "I"), value)
        if start + size > len(self._content):
            raise Unreadable(
                "a list of its strips or colours lies behind the end of the file; get a whole copy of it"
            )
        return struct.unpack_from(code, self._content, start)


def _directories(content: bytes) -> Iterator[_Directory]:
    """Walk along the chain of directories; one that leads back into itself ends there."""
    order = "<" if content[:2] == b"II" else ">"
    big = content[2:4] in (b"+\0", b"\0+")
    offset, count, entry = ("Q", "Q", "HHQ8s") if big else ("I", "H", "HHI4s")
    entry_bytes, offset_bytes = (20, 8) if big else (12, 4)
    seen: set[int] = set()
    try:
        (position,) = struct.unpack_from(order + offset, content, offset_bytes)
        while position and position not in seen:
            if len(seen) == _MOST_PAGES:
                raise Unreadable(f"it has more than {_MOST_PAGES:,} pages; split it")
            seen.add(position)
            (entries,) = struct.unpack_from(order + count, content, position)
            first = position + struct.calcsize(order + count)
            end = first + entry_bytes * entries
            if end > len(content):
                raise _breaks_off()
            found = struct.iter_unpack(order + entry, content[first:end])
            kept = {tag: (kind, n, value) for tag, kind, n, value in found if tag in _READ}
            yield _Directory(content, order, kept)
            (position,) = struct.unpack_from(order + offset, content, end)
    except (struct.error, OverflowError) as error:
        raise _breaks_off() from error


def _breaks_off() -> Unreadable:
    return Unreadable("it begins as a TIFF, but the list of its pages breaks off; get a whole copy of it")
