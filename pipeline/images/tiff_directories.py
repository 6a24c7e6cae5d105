"""The directories of a TIFF, read without any library: its pages, their tags, a page by itself for decoders.

Libraries pass over a tag that lies behind the end of the file, and follow whatever leads elsewhere: the next
pages, the directories of EXIF and GPS, lists of which a small file can name the same one thousands of times.
References: TIFF Revision 6.0 (Adobe, 1992), section 2; BigTIFF.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.images.files import BEGINNINGS, Unreadable

ORIENTATION = 274  # the tag of how a picture was held, EXIF's too
Tags = dict[int, tuple[int, ...]]

_SUBFILE = 254
_REDUCED, _MASK_OF_PAGE = 1, 4  # bits of SUBFILE: a thumbnail of another page; its transparency
_READ = {
    _SUBFILE, 256, 257, 258, 259, 262, ORIENTATION, 273, 277, 278, 279, 284, 320, 322, 323, 324, 325, 332,
    338, 339, 32_997,
}  # fmt: skip
# What else decoders need of a page: all that says how pixels are stored, and its colour profile.
_OF_PIXELS = _READ | {
    266, 280, 281, 290, 291, 292, 293, 301, 317, 318, 319, 321, 333, 334, 336, 340, 341, 342, 347, 512, 513,
    514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 32_995, 32_996, 32_998, 33_421, 33_422, 34_675,
    42_112, 42_113, 50_674, 50_714, 50_717,
}  # fmt: skip
_LEADING = {330, 34_665, 34_853, 37_500, 40_965}  # tags that name other directories
_TYPES = {1: "B", 3: "H", 4: "I", 6: "B", 8: "H", 9: "I", 13: "I", 16: "Q", 18: "Q"}  # of tags, for struct
# Bytes of a value, by its type; of any other type 1.
_BYTES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_LIST_IS_GONE = "a list of its strips or colours lies behind the end of the file; get a whole copy of it"
_BREAKS_OFF = "it begins as a TIFF, but the list of its pages breaks off; get a whole copy of it"
_OVERLAP = "it begins as a TIFF, but the lists of its pages lie one over another; get a whole copy of it"
_MOST_PAGES = 65_536
_MOST_VALUES = 1 << 20  # of a tag: tiles of 16x16 pixels in a picture of 250 megapixels


@dataclass(frozen=True)
class _Form:
    """How numbers are stored, in a TIFF and a BigTIFF of either byte order."""

    order: str
    offset: str  # codes of struct
    count: str
    entry: str
    header: int  # bytes before the offset of the first directory

    @property
    def entry_bytes(self) -> int:
        return struct.calcsize(self.order + self.entry)

    def packed_count(self, n: int) -> bytes:
        return struct.pack(self.order + self.count, n)


def _form(content: bytes) -> _Form:
    order = "<" if content[:2] == b"II" else ">"
    if content[2:4] in (b"+\0", b"\0+"):
        return _Form(order, "Q", "Q", "HHQ8s", 8)
    return _Form(order, "I", "H", "HHI4s", 4)


def count_pages(content: bytes) -> int:
    """Count the pages of a TIFF, without thumbnails and masks of other pages; 1 for any other file.

    Raises:
        Unreadable: the chain of its pages breaks off.
    """
    if not content.startswith(BEGINNINGS["TIFF"]):
        return 1
    return max(sum(directory.is_page for directory in _directories(content)), 1)


def find_page(content: bytes, page: int) -> tuple[bytes, Tags]:
    """Return a TIFF of one page, without what says nothing of its pixels, and the tags of that page.

    It is the content as it is, where that is all there is.

    Raises:
        Unreadable: it has fewer pages, without thumbnails and masks, or its tags are not all there.
    """
    pages, first = 0, None
    for directory in _directories(content):
        first = first or directory
        if directory.is_page:
            if pages == page:
                return directory.alone(), directory.tags()
            pages += 1
    if page == 0 and first is not None:  # nothing but a thumbnail
        return first.alone(), first.tags()
    raise Unreadable(f"it has {max(pages, 1)} pages, page {page + 1} was asked for")


class _Directory:
    """One directory: its entries, whose values are looked up when they are asked for."""

    def __init__(self, content: bytes, form: _Form, entries: bytes, is_all: bool) -> None:
        """Take the entries as they are stored, and whether no other directory comes before or behind."""
        self._content, self._form, self._entries, self._is_all = content, form, entries, is_all

    @property
    def is_page(self) -> bool:  # no thumbnail and no mask of another page
        for tag, kind, count, value in self._fields():
            if tag == _SUBFILE:
                found = self._values(tag, kind, min(count, 1), value)
                return not next(iter(found), 0) & (_REDUCED | _MASK_OF_PAGE)
        return True

    def tags(self) -> Tags:
        """Return the whole numbers of each tag that is looked at before decoding; of other types none."""
        return {field[0]: self._values(*field) for field in self._fields() if field[0] in _READ}

    def alone(self) -> bytes:
        """Return a TIFF of this page, without the tags that say nothing of its pixels."""
        if self._is_all and self._is_harmless():
            return self._content
        form, size = self._form, self._form.entry_bytes
        kept = {
            tag: self._entries[size * i : size * (i + 1)]
            for i, (tag, *_) in enumerate(self._fields())
            if tag in _OF_PIXELS
        }
        # The directory comes behind all else, with nothing that follows it.
        header = self._content[: form.header] + struct.pack(form.order + form.offset, len(self._content))
        body, nothing = memoryview(self._content)[len(header) :], bytes(struct.calcsize(form.offset))
        entries = b"".join(kept[tag] for tag in sorted(kept))
        return b"".join([header, body, form.packed_count(len(kept)), entries, nothing])

    def _is_harmless(self) -> bool:
        """Whether each tag stands once, leads nowhere, and all values together are less than the file."""
        tags = [tag for tag, *_ in self._fields()]
        n_bytes = sum(_BYTES.get(kind, 1) * count for _, kind, count, _ in self._fields())
        return len(set(tags)) == len(tags) and _LEADING.isdisjoint(tags) and n_bytes <= len(self._content)

    def _fields(self) -> Iterator[tuple[int, int, int, bytes]]:
        return struct.iter_unpack(self._form.order + self._form.entry, self._entries)

    def _values(self, tag: int, kind: int, count: int, value: bytes) -> tuple[int, ...]:
        if kind not in _TYPES or count == 0:
            return ()
        if count > _MOST_VALUES:
            raise Unreadable(f"its tag {tag} has {count:,} values, more than any picture needs")
        code = f"{self._form.order}{count}{_TYPES[kind]}"
        size = struct.calcsize(code)
        if size <= len(value):
            return struct.unpack_from(code, value)
        (start,) = struct.unpack(self._form.order + self._form.offset, value)
        if start + size > len(self._content):
            raise Unreadable(_LIST_IS_GONE)
        return struct.unpack_from(code, self._content, start)


def _directories(content: bytes) -> Iterator[_Directory]:
    """Walk along the chain of directories; one that leads back into itself ends there.

    Each byte of the file is in one directory at most, so that the walk costs no more than the file.
    """
    form = _form(content)
    seen: set[int] = set()
    visited = 0
    try:
        (position,) = struct.unpack_from(form.order + form.offset, content, form.header)
        while position and position not in seen:
            if len(seen) == _MOST_PAGES:
                raise Unreadable(f"it has more than {_MOST_PAGES:,} pages; split it")
            seen.add(position)
            (entries,) = struct.unpack_from(form.order + form.count, content, position)
            first = position + struct.calcsize(form.order + form.count)
            end = first + form.entry_bytes * entries
            if end > len(content):
                raise Unreadable(_BREAKS_OFF)
            visited += end - position
            if visited > len(content):
                raise Unreadable(_OVERLAP)
            (position,) = struct.unpack_from(form.order + form.offset, content, end)
            yield _Directory(content, form, content[first:end], is_all=len(seen) == 1 and not position)
    except (struct.error, OverflowError) as error:
        raise Unreadable(_BREAKS_OFF) from error
