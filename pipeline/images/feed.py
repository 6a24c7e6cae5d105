"""JPEG data handed to the decoder piece by piece, so that it shows when they do not come out even.

libjpeg only warns of damaged data, and Pillow does not hear it: what comes after the damage is shifted or
grey. But damaged data hold too many or too few bits. So the last bytes are held back until they are asked
for: a decoder that never asks has all its rows, and data left over. And before the end of the picture stand
some bytes that are no data: a decoder that reads past them has rows without data.

Damage that keeps the count cannot be seen, nor that between two restart markers, nor that of several scans.
"""

import io

from pipeline.images.unreadable import Unreadable
from pipeline.images.whole import JpegExtent

# More than a decoder reads ahead (8 bytes), and than the padding of the last byte.
_HELD_BACK = 24
_NO_DATA = bytes(16)
_END_OF_IMAGE = b"\xff\xd9"


def can_be_fed(extent: JpegExtent) -> bool:
    """Tell whether a JPEG comes in one scan, and has data enough to hold some back."""
    return extent.scans == 1 and extent.end - len(_END_OF_IMAGE) - _HELD_BACK > extent.data


class JpegFeed(io.BytesIO):
    """A JPEG as the file that Pillow decodes."""

    def __init__(self, content: bytes, extent: JpegExtent) -> None:
        super().__init__(content)
        self._data_end = extent.end - len(_END_OF_IMAGE)
        self._behind = [_NO_DATA, _END_OF_IMAGE]
        self._asked = False

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes of the next piece."""
        position = self.tell()
        size = self._data_end if size is None or size < 0 else size
        hold_at = self._data_end - _HELD_BACK
        if position < hold_at:
            return super().read(min(size, hold_at - position))
        self._asked = True
        if position < self._data_end:
            return super().read(min(size, self._data_end - position))
        return self._behind.pop(0) if self._behind else b""

    def check(self) -> None:
        """To be called once the picture is decoded.

        Raises:
            Unreadable: its data are damaged.
        """
        if not self._asked:
            raise Unreadable("it is damaged (data are left over at its end); get a whole copy of it")
        if not self._behind:
            raise Unreadable("it is damaged (data are missing at its end); get a whole copy of it")
