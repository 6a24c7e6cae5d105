"""Pictures of which Pillow reads other pixels than are meant, or none: decoded here by others, or put right.

JPEG 2000 of any depth and colours, PNG of 16 bits or with a transparent colour, BMP in runs, GIF that leave a
part of their canvas free, AVIF that are to be cropped. References: ISO/IEC 15444-1, annexes A.5.1 and I.5.3
(JPEG 2000); ISO/IEC 15948, 11.3.2.1 and 13.12 (PNG); ISO/IEC 14496-12, 12.1.4 (clean aperture); GIF89a, 18.
"""

import math
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from PIL import Image, ImageFile

from pipeline.images.boxes import boxes, code_stream
from pipeline.images.colour import eight_bit, opacity, over_white
from pipeline.images.files import Limits, Unreadable
from pipeline.images.jpeg import damaged, truncated

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # by channels
_CMYK, _GREY = 12, 17  # EnumCS of a JPEG 2000; of the others imagecodecs makes RGB
_BY_NUMBER, _PROFILES = 1, (2, 3)  # methods of its colour box
_OPACITY, _MULTIPLIED = 1, 2  # types of its channels
_OPENJPEG = 8  # bytes that a sample of any depth takes: 4 in the decoder, 4 behind it
_PNG_GREY = 0  # its type of colours
_DEEP_PNG = 16  # bytes of a pixel, in 16 bits and in 8
_RLE = {1: 8, 2: 4}  # bits of a pixel, by the compression of a BMP
_BIT_FIELDS, _WITH_ALPHA = (3, 6), 6  # other compressions of a BMP, which say where its colours lie
_DEEP_BMP = 12  # bytes of a pixel: 4 in the file, 4 channels of 16 bits at a time, 4 in the picture


class Redecoded(Image.Image):
    """A picture of which size and metadata are known, and whose pixels come when it is loaded."""

    n_frames = 1

    def __init__(
        self, kind: str, size: tuple[int, int], info: dict[str, bytes], decode: Callable[[], Image.Image]
    ) -> None:
        super().__init__()
        self.format, self._size, self._mode, self._decode = kind, size, "RGB", decode
        self.info.update(info)

    def load(self) -> "Image.core.PixelAccess | None":
        """Decode it, unless that was done."""
        if self._im is None:
            decoded = self._decode()
            if decoded.size != self.size:
                raise damaged(f"its header says {self.width}x{self.height} pixels, it has {decoded.size}")
            self._mode, self.palette, self.im = decoded.mode, decoded.palette, decoded.im
        return super().load()


def redecoded(image: ImageFile.ImageFile, content: bytes, limits: Limits) -> Image.Image:
    """Return an opened picture as it is, or one of the same file whose pixels will be the right ones.

    Raises:
        Unreadable: these need more memory than `limits` allow.
    """
    kind, size = str(image.format), image.size
    info = {name: image.info[name] for name in ("exif", "icc_profile") if image.info.get(name)}
    if kind == "PNG" and _is_beyond_pillow(content):
        limits.check(*size, bytes_each=_DEEP_PNG)
        return Redecoded(kind, size, info, lambda: _png(content))
    if kind == "BMP" and (bits := _RLE.get(int.from_bytes(content[30:34], "little"))):
        return Redecoded(kind, size, info, lambda: _run_lengths(content, size, bits))
    if kind == "GIF" and (drawn := image.tile[0][1] or (0, 0, *size)) != (0, 0, *size):
        return Redecoded(kind, size, info, lambda: _on_free_canvas(image, drawn))
    if kind == "AVIF" and (clean := _clean_aperture(content, size)):
        return Redecoded(kind, (clean[2] - clean[0], clean[3] - clean[1]), info, lambda: image.crop(clean))
    return image


def _is_beyond_pillow(png: bytes) -> bool:
    bits, colours = png[24], png[25]
    transparent = b"tRNS" in png[: png.index(b"IDAT")]
    if bits == 16:
        return colours != _PNG_GREY or transparent
    return colours == _PNG_GREY and bits < 8 and transparent


def _png(content: bytes) -> Image.Image:
    import imagecodecs

    samples = np.atleast_3d(imagecodecs.png_decode(content))
    return _with_channels(eight_bit(samples))


def _with_channels(samples: np.ndarray) -> Image.Image:
    height, width, channels = samples.shape
    mode = _MODES[channels]
    return Image.frombuffer(mode, (width, height), np.ascontiguousarray(samples), "raw", mode, 0, 1).copy()


def _on_free_canvas(image: Image.Image, drawn: tuple[int, int, int, int]) -> Image.Image:
    """Leave transparent what a GIF draws nothing on, as browsers do."""
    canvas = Image.new("RGBA", image.size)
    canvas.paste(image.convert("RGBA").crop(drawn), drawn[:2])
    return canvas


def _run_lengths(bmp: bytes, size: tuple[int, int], bits: int) -> Image.Image:
    """Decode a BMP of 4 or 8 bits in runs, which may be longer than a row, or end before it does."""
    (start,), (header,) = struct.unpack_from("<I", bmp, 10), struct.unpack_from("<I", bmp, 14)
    width, height = size
    indices, x, y, position = np.zeros((height, width), np.uint8), 0, 0, start
    while y < height:
        if position + 2 > len(bmp):
            if y == height - 1 and x >= width:  # all is there but for its end
                break
            raise truncated("BMP")
        count, value = bmp[position], bmp[position + 1]
        position += 2
        if count:
            run = np.full(count, value, np.uint8)
            if bits == 4:
                run[::2], run[1::2] = value >> 4, value & 15
        elif value == 0:
            x, y = 0, y + 1
            continue
        elif value == 1:
            break
        elif value == 2:
            x, y, position = x + bmp[position], y + bmp[position + 1], position + 2
            continue
        else:
            n_bytes = -(-value * bits // 8)
            packed = np.frombuffer(bmp[position : position + n_bytes], np.uint8)
            run = packed if bits == 8 else np.stack([packed >> 4, packed & 15], axis=-1).ravel()
            run = run[:value]
            position += n_bytes + n_bytes % 2
        indices[y, x : x + len(run)] = run[: max(width - x, 0)]
        x += len(run)
    entries = np.frombuffer(bmp[14 + header : min(start, 14 + header + 4 * 256)], np.uint8)
    image = Image.fromarray(indices[::-1])
    image.putpalette(entries[: len(entries) // 4 * 4].reshape(-1, 4)[:, 2::-1].tobytes())
    return image


def has_bit_fields(bmp: bytes) -> bool:
    """Whether the colours of a BMP lie in bits that its masks say."""
    return int.from_bytes(bmp[30:34], "little") in _BIT_FIELDS and bmp[28:30] in (b"\x10\0", b"\x20\0")


def open_bit_fields(bmp: bytes, limits: Limits) -> Image.Image:
    """Return a BMP with masks, of which Pillow knows but some, to be decoded when it is loaded.

    Raises:
        Unreadable: it is larger than `limits`, or not all there.
    """
    if len(bmp) < 70:
        raise truncated("BMP")
    start, header, width, height = struct.unpack_from("<IIii", bmp, 10)
    bits, size = int.from_bytes(bmp[28:30], "little"), (width, abs(height))
    limits.check(*size, bytes_each=_DEEP_BMP)
    stride = -(-width * bits // 32) * 4
    if start + stride * size[1] > len(bmp):
        raise truncated("BMP")
    masks = struct.unpack_from("<4I", bmp, 54)
    if header < 56 and bmp[30] != _WITH_ALPHA:
        masks = masks[:3]

    def decode() -> Image.Image:
        rows = np.frombuffer(bmp, np.uint8, stride * size[1], start).reshape(size[1], stride)
        words = np.ascontiguousarray(rows[:, : width * bits // 8]).view(f"<u{bits // 8}")
        channels = [_in_mask(words, mask) for mask in masks if mask or len(masks) == 3]
        samples = np.stack(channels, axis=-1)
        return _with_channels(samples if height < 0 else samples[::-1])

    return Redecoded("BMP", size, {}, decode)


def _in_mask(words: np.ndarray, mask: int) -> np.ndarray:
    """Bring the bits of a mask to 8."""
    bits = mask.bit_count()
    if not bits:
        return np.zeros(words.shape, np.uint8)
    values = (words & mask) >> ((mask & -mask).bit_length() - 1)
    if bits > 16:
        values, bits = values >> (bits - 16), 16
    return eight_bit(values.astype(np.uint16), bits)


def _clean_aperture(avif: bytes, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Return what of the main picture of an AVIF is to be shown; None where that is all of it."""
    try:
        found = next((data for name, data in _properties(avif) if name == b"clap"), b"")
    except (KeyError, IndexError, Unreadable):  # the decoder knows what to do
        return None
    if len(found) < 32:
        return None
    numbers = struct.unpack(">4I", found[:16]) + struct.unpack(">iIiI", found[16:32])
    if not all(numbers[1::2]):
        return None
    width, height, across, down = (Fraction(numbers[i], numbers[i + 1]) for i in (0, 2, 4, 6))
    left = math.floor(across + Fraction(size[0] - 1, 2) - (width - 1) / 2)
    top = math.floor(down + Fraction(size[1] - 1, 2) - (height - 1) / 2)
    box = (left, top, left + math.floor(width), top + math.floor(height))
    inside = 0 <= left < box[2] <= size[0] and 0 <= top < box[3] <= size[1]
    return box if inside and box != (0, 0, *size) else None


def lenient_avif(content: bytes) -> Image.Image | None:
    """Return an AVIF that Pillow refuses, whose alpha does not tell its own size; None for any other."""
    try:
        found = dict(_properties(content))
    except (KeyError, IndexError, Unreadable):
        return None
    if b"ispe" not in found or not {b"irot", b"imir", b"clap"}.isdisjoint(found) or b"auxC" not in content:
        return None
    size = (int.from_bytes(found[b"ispe"][4:8], "big"), int.from_bytes(found[b"ispe"][8:12], "big"))
    colour = found.get(b"colr", b"")
    info = {"icc_profile": colour[4:]} if colour[:4] in (b"prof", b"rICC") else {}
    return Redecoded("AVIF", size, info, lambda: _avif(content))


def _avif(content: bytes) -> Image.Image:
    import imagecodecs

    samples = imagecodecs.avif_decode(content, numthreads=1)
    return _with_channels(eight_bit(np.atleast_3d(samples)))


def _properties(avif: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and data of the properties of the main picture."""
    meta = next((avif[box.start + 4 : box.end] for box in boxes(avif) if box.name == b"meta"), b"")
    parts = {box.name: meta[box.start : box.end] for box in boxes(meta)}
    wide = parts[b"pitm"][0] > 0
    main = int.from_bytes(parts[b"pitm"][4 : 8 if wide else 6], "big")
    inner = parts[b"iprp"]
    named = {box.name: inner[box.start : box.end] for box in boxes(inner)}
    listed = [(box.name, named[b"ipco"][box.start : box.end]) for box in boxes(named[b"ipco"])]
    links = named[b"ipma"]
    item_bytes, link_bytes = 4 if links[0] else 2, 2 if links[3] & 1 else 1
    position = 8
    for _ in range(int.from_bytes(links[4:8], "big")):
        item = int.from_bytes(links[position : position + item_bytes], "big")
        n_links, position = links[position + item_bytes], position + item_bytes + 1
        for _ in range(n_links):
            index = int.from_bytes(links[position : position + link_bytes], "big")
            index &= 0x7FFF if link_bytes == 2 else 0x7F
            position += link_bytes
            if item == main and 0 < index <= len(listed):
                yield listed[index - 1]


@dataclass
class _Jpeg2000:
    """What the header of a JPEG 2000 says of its colours."""

    content: bytes  # for the decoder, which would apply a profile in its own way
    bits: int
    size: tuple[int, int]
    n_components: int
    number: int = 0  # EnumCS
    profile: bytes = b""
    channels: list[tuple[int, int, int]] = field(default_factory=list)  # number, type, colour

    @property
    def n_colours(self) -> int:
        by_profile = {b"GRAY": 1, b"CMYK": 4}.get(self.profile[16:20])
        by_number = {_GREY: 1, _CMYK: 4}.get(self.number)
        return by_profile or by_number or (3 if self.n_components > 2 else 1)


def open_jpeg_2000(content: bytes, limits: Limits) -> Image.Image:
    """Return a JPEG 2000 whose pixels are decoded when it is loaded.

    Raises:
        Unreadable: it is larger than `limits`, or says nothing of its size.
    """
    header = _header_of(content)
    limits.check(*header.size, bytes_each=_OPENJPEG * header.n_components)
    info = {"icc_profile": header.profile} if header.profile else {}
    return Redecoded("JPEG2000", header.size, info, lambda: _jpeg_2000(header))


def _header_of(content: bytes) -> _Jpeg2000:
    start = code_stream(content).start
    if len(content) < start + 45:
        raise truncated("JPEG2000")
    right, lower, left, upper = struct.unpack_from(">4I", content, start + 8)
    (n_components,) = struct.unpack_from(">H", content, start + 40)
    bits = (content[start + 42] & 0x7F) + 1
    header = _Jpeg2000(content, bits, (right - left, lower - upper), n_components)
    if start == 0:
        return header
    described = next((box for box in boxes(content) if box.name == b"jp2h"), None)
    if described is None:
        return header
    for box in boxes(content[: described.end], described.start):
        data = content[box.start : box.end]
        if box.name == b"colr" and not header.number and not header.profile:
            if data[0] == _BY_NUMBER:
                header.number = int.from_bytes(data[3:7], "big")
            elif data[0] in _PROFILES:
                header.profile = data[3:]
                header.content = content[: box.start - 4] + b"free" + content[box.start :]
        elif box.name == b"pclr":
            header.bits, header.n_components = (data[3] & 0x7F) + 1, data[2]
        elif box.name == b"cdef":
            count = int.from_bytes(data[:2], "big")
            header.channels = list(struct.iter_unpack(">3H", data[2 : 2 + 6 * count]))
    return header


def _jpeg_2000(header: _Jpeg2000) -> Image.Image:
    import imagecodecs

    samples = np.atleast_3d(imagecodecs.jpeg2k_decode(header.content))
    bits, n_colours = header.bits, header.n_colours
    if samples.shape[-1] < n_colours:
        raise Unreadable(f"its pixels have {samples.shape[-1]} samples, {n_colours} are needed")
    if samples.dtype.kind == "i":  # around the middle of the range
        samples = samples.astype(np.int64) + (1 << bits - 1)
    if bits > 16:
        samples, bits = samples >> (bits - 16), 16
    samples = samples.clip(0, (1 << bits) - 1).astype(np.uint8 if bits <= 8 else np.uint16)
    colours = eight_bit(samples[..., :n_colours], bits)
    for number, kind, _ in header.channels:
        if kind not in (_OPACITY, _MULTIPLIED) or samples.shape[-1] == n_colours:
            continue
        # The decoder brings colours to the front.
        place = number if number >= n_colours and samples.shape[-1] > n_colours + 1 else n_colours
        alpha = opacity(samples[..., place : place + 1], bits)
        colours = over_white(colours, alpha, kind == _MULTIPLIED, white=0 if n_colours == 4 else 255)
        break
    if n_colours == 4:
        return Image.fromarray(colours, "CMYK")
    return _with_channels(colours)
