"""Pages of TIFFs: counted, chosen, turned; and the limits, looked at before anything is decoded."""

import io
import struct
import time

import numpy as np
import pytest
import tifffile

from pipeline.images.files import Limits, Unreadable
from pipeline.images.read import read
from pipeline.images.tiff import DeepTiff
from pipeline.images.tiff_directories import count_pages
from tests.images.odd_files import entry_of, with_next_page, with_numbers, with_tags, with_value
from tests.images.pictures import GREY, PHOTO, encoded, read_rgb, rgb, tiff
from tests.images.test_read import STORED, UPRIGHT


def pages(*pictures: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, **options) as writer:
        for picture in pictures:
            photometric = "rgb" if picture.ndim == 3 else "minisblack"
            writer.write(picture, photometric=photometric, metadata=None, contiguous=False)
    return buffer.getvalue()


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}])
def test_every_page_is_read_as_a_picture_of_its_own(options):
    deep = GREY.astype(np.uint16) * 257
    content = pages(PHOTO, deep, PHOTO[::-1], **options)
    assert count_pages(content) == 3
    for page, shown in enumerate([PHOTO, rgb(GREY), PHOTO[::-1]]):
        assert np.array_equal(read_rgb(content, page=page), shown)
    with pytest.raises(Unreadable, match="it has 3 pages, page 4 was asked for"):
        read_rgb(content, page=3)


def test_thumbnails_and_masks_of_pages_are_no_pages():
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for kind, picture in ((1, PHOTO[::4, ::4]), (0, PHOTO), (4, PHOTO[..., 0] > 9), (2, PHOTO[::-1])):
            writer.write(picture, subfiletype=kind, metadata=None, contiguous=False)
    content = buffer.getvalue()
    assert count_pages(content) == 2
    assert np.array_equal(read_rgb(content), PHOTO)
    assert np.array_equal(read_rgb(content, page=1), PHOTO[::-1])


def test_other_formats_have_one_page():
    for kind in ("PNG", "JPEG", "GIF"):
        content = encoded(PHOTO, kind)
        assert count_pages(content) == 1
        with pytest.raises(Unreadable, match="it has one page, page 2 was asked for"):
            read_rgb(content, page=1)


def test_a_chain_of_pages_that_breaks_off_is_said_when_pages_are_counted():
    content = with_next_page(tiff(PHOTO), 1 << 30)
    assert np.array_equal(read_rgb(content), PHOTO)
    with pytest.raises(Unreadable, match="the list of its pages breaks off"):
        count_pages(content)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("deep", [False, True])
def test_a_tiff_comes_upright_whoever_decodes_it(orientation, deep):
    stored = STORED.astype(np.uint16) * 257 if deep else STORED
    content = tiff(stored, extratags=[(274, 3, 1, orientation, True)])
    picture = read(content)
    assert isinstance(picture._opened, DeepTiff) == deep
    assert (picture.format, picture.orientation, picture.stored_size) == ("TIFF", orientation, (6, 4))
    assert picture.upright_size == UPRIGHT[orientation].shape[1::-1]
    assert np.array_equal(read_rgb(content), UPRIGHT[orientation])


def test_plain_tiffs_are_decoded_by_pillow():
    for samples in (PHOTO, GREY, GREY.astype(np.uint16)):
        assert not isinstance(read(tiff(samples))._opened, DeepTiff)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP", "AVIF", "JPEG2000"])
def test_limits_hold_for_every_format(kind):
    content = encoded(PHOTO, kind)
    with pytest.raises(Unreadable, match=r"60x40 pixels, larger than the limit of 0\.002 megapixels"):
        read_rgb(content, limits=Limits(megapixels=0.002, gib=4))
    with pytest.raises(Unreadable, match=r"raise convert\.max_gib"):
        read_rgb(content, limits=Limits(megapixels=1, gib=1e-6))


def test_limits_count_the_bytes_of_deep_samples():
    limits = Limits(megapixels=1, gib=PHOTO.size * 5 / 2**30)
    assert read_rgb(tiff(PHOTO), limits=limits).shape == PHOTO.shape
    with pytest.raises(Unreadable, match="GiB decoded"):
        read_rgb(tiff(PHOTO.astype(np.float64)), limits=limits)


def test_a_picture_that_the_memory_does_not_hold_is_refused_and_no_more(monkeypatch):
    def no_memory(*_, **__):
        raise MemoryError

    monkeypatch.setattr(tifffile.TiffPage, "asarray", no_memory)
    with pytest.raises(Unreadable, match="more memory than there is"):
        read_rgb(tiff(PHOTO.astype(np.float32)))


def test_a_chain_of_many_pages_with_long_lists_is_counted_at_once():
    """Sixty thousand directories that share one list of a million numbers, in a file of 6 MB."""
    n_pages, n_values = 60_000, 1 << 19
    directory = 8 + 4 * n_values
    following = [directory + 18 * page for page in range(1, n_pages)] + [0]
    entries = [struct.pack("<HHHIII", 1, 273, 4, n_values, 8, place) for place in following]
    content = b"II*\0" + struct.pack("<I", directory) + bytes(4 * n_values) + b"".join(entries)
    started = time.process_time()
    assert count_pages(content) == n_pages
    assert time.process_time() - started < 5
    with pytest.raises(Unreadable, match="tag 257 is missing"):
        read_rgb(content, page=n_pages - 1)


def test_a_progressive_jpeg_counts_its_coefficients_too():
    limits = Limits(megapixels=1, gib=40 * 60 * 16 / 2**30)  # of which 10 are for what is made of the decoded
    assert read_rgb(encoded(PHOTO, "JPEG"), limits=limits).shape == PHOTO.shape
    with pytest.raises(Unreadable, match="GiB decoded"):
        read_rgb(encoded(PHOTO, "JPEG", progressive=True), limits=limits)


def test_directories_that_lie_one_over_another_are_not_walked():
    """Five thousand directories of 65,000 entries each, in a file of 0.9 MB: 4 GB to walk through."""
    n_pages, n_entries = 5000, 65_000
    content = bytearray(b"II*\0" + struct.pack("<I", 8) + bytes(12 * (n_pages + n_entries) + 8))
    for page in range(n_pages):  # each begins an entry behind the one before
        struct.pack_into("<H", content, 8 + 12 * page, n_entries)
        struct.pack_into("<I", content, 10 + 12 * (page + n_entries), 8 + 12 * (page + 1))
    visited = []

    class Counted(bytes):
        def __getitem__(self, key):
            found = super().__getitem__(key)
            visited.append(len(found) if isinstance(key, slice) else 1)
            return found

    with pytest.raises(Unreadable, match="one over another"):
        count_pages(Counted(content))
    assert sum(visited) < 3 * len(content)


@pytest.mark.parametrize("compression", [None, "lzw"])
def test_strips_that_are_one_and_the_same_are_not_read_a_thousand_times(compression):
    content = tiff(PHOTO, rowsperstrip=1, compression=compression)
    begins, sizes = (entry_of(content, tag) for tag in (273, 279))
    (first,), (list_of_sizes,) = (struct.unpack_from("<I", content, place + 8) for place in (begins, sizes))
    kind = "<I" if struct.unpack_from("<H", content, sizes + 2) == (4,) else "<H"
    for strip in range(40):
        content = with_numbers(content, first + 4 * strip, "<I", 8)
        content = with_numbers(content, list_of_sizes + struct.calcsize(kind) * strip, kind, len(content) - 8)
    if compression is None:  # of which no more is read than the rows need
        assert read_rgb(content).shape == PHOTO.shape
    else:
        with pytest.raises(Unreadable, match="strips or tiles lie one over another"):
            read_rgb(content)


def test_a_strip_without_its_number_of_bytes_and_an_old_jpeg_of_grey():
    content = tiff(PHOTO)
    assert np.array_equal(read_rgb(with_value(content, 279, 0)), PHOTO)
    jpeg = encoded(GREY, "JPEG", quality=95)
    with_room = tiff(np.zeros((1, len(jpeg)), np.uint8))
    start = struct.unpack_from("<I", with_room, entry_of(with_room, 273) + 8)[0]
    old = with_room[:start] + jpeg + with_room[start + len(jpeg) :]
    old = with_tags(old, {256: 60, 257: 40, 259: 6, 278: 40})
    assert np.array_equal(read_rgb(old), read_rgb(jpeg))
