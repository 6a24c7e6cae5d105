"""Pictures as people have them, and broken ones, made in memory: by name, with what is in them."""

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pyvips
import tifffile
from PIL import Image

from tests.images.pictures import GREY, PHOTO, draw_photo, encoded, in_lab, over_white, rgb, saved, tiff

DEEP, DEEP_GREY = PHOTO.astype(np.uint16) * 257, GREY.astype(np.uint16) * 257
LIGHT = (PHOTO / 255).astype(np.float32)
ALPHA = np.tile(np.linspace(0, 255, 60).astype(np.uint8), (40, 1))
RGBA = np.concatenate([PHOTO, ALPHA[..., None]], axis=-1)
INK = np.concatenate([255 - PHOTO, np.zeros((40, 60, 1), np.uint8)], axis=-1)
BOMB = b"a\0\0" + zlib.compress(bytes(50 << 20))
BILEVEL = Image.fromarray(GREY).convert("1")
BLACK_AND_WHITE = np.asarray(BILEVEL.convert("RGB"))
BLENDED, BLENDED_GREY = (over_white(each, ALPHA[..., None]) for each in (PHOTO, rgb(GREY)))


class Odd(NamedTuple):
    """A file, the (height, width, 3) that it shows, and the mean difference that compression makes."""

    content: bytes
    shown: np.ndarray
    tolerance: float = 0.0


def spread(samples: np.ndarray) -> np.ndarray:
    """From the darkest, 0, to the brightest, 255."""
    values = samples.astype(np.float64)
    return np.rint((values - values.min()) * 255 / (values.max() - values.min())).astype(np.uint8)


def in_planes(samples: np.ndarray, **options: object) -> bytes:
    return tiff(np.moveaxis(samples, -1, 0), planarconfig="separate", **options)


def deep_tiffs() -> dict[str, Odd]:
    found = {}
    for name in ("int8", "int16", "int32", "int64", "uint32", "uint64", "float16", "float32", "float64"):
        samples = (PHOTO.astype(np.float64) - 100).astype(name) if name[0] != "u" else PHOTO.astype(name) * 7
        if name == "int8":
            samples = (PHOTO.astype(np.int16) - 128).astype(np.int8)
        found[f"rgb {name}"] = Odd(tiff(samples), spread(samples))
        found[f"grey {name}"] = Odd(tiff(samples[..., 0]), rgb(spread(samples[..., 0])))
    for order in "<>":
        found[f"rgb uint16 {order}"] = Odd(tiff(DEEP, byteorder=order), PHOTO)
        found[f"grey uint16 {order}"] = Odd(tiff(DEEP[..., 0], byteorder=order), rgb(PHOTO[..., 0]))
        found[f"rgb float in 0..1 {order}"] = Odd(tiff(LIGHT, byteorder=order), PHOTO)
        found[f"bigtiff uint16 {order}"] = Odd(tiff(DEEP, byteorder=order, bigtiff=True), PHOTO)
        found[f"bigtiff uint8 {order}"] = Odd(tiff(PHOTO, byteorder=order, bigtiff=True), PHOTO)
        found[f"int16 {order}"] = Odd(tiff(PHOTO.astype(np.int16) - 99, byteorder=order), spread(PHOTO))
    for bits in (10, 12, 14):
        samples = np.rint(PHOTO[..., 0] * (((1 << bits) - 1) / 255)).astype(np.uint16)
        found[f"grey {bits} bits"] = Odd(tiff(samples, bitspersample=bits), rgb(PHOTO[..., 0]))
    inverted = (1 - GREY / 255).astype("f4")
    found["white is zero, uint16"] = Odd(tiff(65535 - DEEP_GREY, photometric="miniswhite"), rgb(GREY))
    found["white is zero, float"] = Odd(tiff(inverted, photometric="miniswhite"), rgb(GREY))
    return found


def tiff_layouts() -> dict[str, Odd]:
    found = {}
    for name, samples in (("uint8", PHOTO), ("uint16", DEEP)):
        for kind in ("lzw", "deflate", "adobe_deflate", "packbits", "zstd", "lzma"):
            found[f"{name} {kind}"] = Odd(tiff(samples, compression=kind), PHOTO)
            if kind != "packbits":
                predicted = tiff(samples, compression=kind, predictor=True)
                found[f"{name} {kind} predicted"] = Odd(predicted, PHOTO)
        tiled_planes = in_planes(samples, tile=(16, 16), compression="lzw")
        found[f"{name} planes"] = Odd(in_planes(samples), PHOTO)
        found[f"{name} tiles"] = Odd(tiff(samples, tile=(16, 32)), PHOTO)
        found[f"{name} tiled planes, lzw"] = Odd(tiled_planes, PHOTO)
        found[f"{name} strips of one row"] = Odd(tiff(samples, rowsperstrip=1, compression="lzw"), PHOTO)
        found[f"{name} strips of 7 rows"] = Odd(tiff(samples, rowsperstrip=7), PHOTO)
    found["float predicted"] = Odd(tiff(LIGHT, compression="deflate", predictor=3), PHOTO)
    for kind, options in {
        "webp": {"lossless": True}, "jpegxl": {"lossless": True}, "png": {}, "lerc": {},
        "jpeg2000": {"reversible": True, "level": 0},
    }.items():  # fmt: skip
        found[f"compressed by {kind}"] = Odd(tiff(PHOTO, compression=kind, compressionargs=options), PHOTO)
    found["jpeg"] = Odd(tiff(PHOTO, compression="jpeg", compressionargs={"level": 95}), PHOTO, 5)
    scanned = pyvips.Image.new_from_array(PHOTO).tiffsave_buffer(compression="jpeg", Q=89)
    found["jpeg ycbcr 4:2:0"] = Odd(scanned, PHOTO, 6)
    found["jpeg grey"] = Odd(tiff(GREY, compression="jpeg", compressionargs={"level": 95}), rgb(GREY), 3)
    found["ycbcr, subsampled, uncompressed"] = Odd(subsampled_ycbcr(PHOTO), PHOTO, 6)
    for kind in ("group3", "group4"):
        found[kind] = Odd(encoded(BILEVEL, "TIFF", compression=kind), BLACK_AND_WHITE)
    bits = GREY > 99
    found["bilevel"] = Odd(tiff(bits), rgb(bits * np.uint8(255)))
    found["bilevel, white is zero"] = Odd(tiff(bits, photometric="miniswhite"), rgb(~bits * np.uint8(255)))
    return found


def tiff_colours() -> dict[str, Odd]:
    found = {}
    colours = np.random.default_rng(0).integers(0, 256, (3, 256)).astype(np.uint16)
    shown = colours.T[GREY].astype(np.uint8)
    for name, palette in (("", colours * 257), (" of 8 bits in 16", colours)):
        found[f"palette{name}"] = Odd(tiff(GREY, photometric="palette", colormap=palette), shown)
    wide = np.random.default_rng(1).integers(0, 65536, (3, 65536)).astype(np.uint16)
    places = GREY.astype(np.uint16) * 200
    found["palette of 16 bits"] = Odd(
        tiff(places, photometric="palette", colormap=wide), (wide // 256).T[places].astype(np.uint8)
    )
    found["cmyk"] = Odd(tiff(INK, photometric="separated"), PHOTO)
    found["cmyk uint16"] = Odd(tiff(INK.astype(np.uint16) * 257, photometric="separated"), PHOTO)
    found["cmyk planes"] = Odd(in_planes(INK, photometric="separated"), PHOTO)
    multiplied = RGBA.copy()
    multiplied[..., :3] = np.rint(PHOTO * (ALPHA[..., None] / 255))
    for name, scale in (("uint8", np.uint8(1)), ("uint16", np.uint16(257))):
        rgba, alpha_in = RGBA.astype(name) * scale, multiplied.astype(name) * scale
        found[f"alpha {name}"] = Odd(tiff(rgba, extrasamples=["unassalpha"]), BLENDED, 0.6)
        found[f"multiplied alpha {name}"] = Odd(tiff(alpha_in, extrasamples=["assocalpha"]), BLENDED, 1.2)
        found[f"unknown fourth sample {name}"] = Odd(tiff(rgba, extrasamples=["unspecified"]), PHOTO)
    light = (RGBA / 255).astype(np.float32)
    found["alpha float"] = Odd(tiff(light, extrasamples=["unassalpha"]), BLENDED, 0.6)
    found["alpha plane"] = Odd(in_planes(RGBA, extrasamples=["unassalpha"]), BLENDED, 0.6)
    five = np.concatenate([RGBA, RGBA[..., :1]], axis=-1)
    found["two unknown samples"] = Odd(tiff(five, extrasamples=["unspecified"] * 2), PHOTO)
    grey = {"photometric": "minisblack", "planarconfig": "contig"}
    with_alpha = tiff(np.stack([GREY, ALPHA], -1), extrasamples=["unassalpha"], **grey)
    found["grey and alpha"] = Odd(with_alpha, BLENDED_GREY, 0.6)
    bands = np.stack([GREY, ALPHA, 255 - GREY, ALPHA, GREY], -1).astype(np.uint16) * 257
    found["five bands, the first is shown"] = Odd(tiff(bands, **grey), rgb(GREY))
    lab = in_lab(Image.fromarray(PHOTO))
    stored = np.frombuffer(lab.tobytes(), np.uint8).reshape(40, 60, 3)
    tiles = tiff(stored, photometric="cielab", tile=(16, 16), compression="lzw")
    found["lab"] = Odd(encoded(lab, "TIFF"), PHOTO, 2.5)
    found["lab, tiles"] = Odd(tiles, PHOTO, 2.5)
    lab16 = np.empty(stored.shape, np.uint16)
    lab16[..., 0] = stored[..., 0].astype(np.uint16) * 257
    lab16[..., 1:] = (stored[..., 1:].astype(np.int8).astype(np.int16) * 256).view(np.uint16)
    found["lab uint16"] = Odd(tiff(lab16, photometric="cielab"), PHOTO, 2.5)
    icc_lab = stored.copy()
    icc_lab[..., 1:] ^= 128
    found["icclab"] = Odd(tiff(icc_lab, photometric="icclab"), PHOTO, 2.5)
    return found


def tiff_pages() -> dict[str, Odd]:
    pages, small = io.BytesIO(), io.BytesIO()
    with tifffile.TiffWriter(pages) as writer:
        for page in (PHOTO, PHOTO[::-1], PHOTO[:, ::-1]):
            writer.write(page, photometric="rgb", metadata=None)
    with tifffile.TiffWriter(small) as writer:
        writer.write(PHOTO[::4, ::4], photometric="rgb", subfiletype=1, metadata=None)
        writer.write(PHOTO, photometric="rgb", metadata=None)
    circle = tiff(PHOTO)
    (first,) = struct.unpack_from("<I", circle, 4)
    return {
        "three pages": Odd(pages.getvalue(), PHOTO),
        "a thumbnail first": Odd(small.getvalue(), PHOTO),
        "a page that follows itself": Odd(with_next_page(circle, first), PHOTO),
        "private tags": Odd(tiff(PHOTO, extratags=[(65000, 2, None, "hello", True)]), PHOTO),
    }


def jpegs() -> dict[str, Odd]:
    best, coarse = {"quality": 98, "subsampling": "4:4:4"}, {"quality": 98, "subsampling": "4:2:0"}
    ink, second = Image.fromarray(INK, "CMYK"), Image.fromarray(PHOTO[::-1].copy())
    progressive_restarts = saved(PHOTO, restart_marker_rows=1, progressive=True, **best)
    pixel = np.full((1, 1, 3), 128, np.uint8)
    phone = encoded(PHOTO, "MPO", save_all=True, append_images=[second], **best)
    return {
        "jpeg progressive": Odd(saved(PHOTO, progressive=True, **best), PHOTO, 3),
        "jpeg optimised": Odd(saved(PHOTO, optimize=True, **best), PHOTO, 3),
        "jpeg cmyk": Odd(saved(ink, **best), PHOTO, 3),
        "jpeg cmyk, progressive": Odd(saved(ink, progressive=True, **best), PHOTO, 3),
        "jpeg rgb": Odd(saved(PHOTO, keep_rgb=True, **best), PHOTO, 3),
        "jpeg grey": Odd(saved(GREY, quality=98), rgb(GREY), 3),
        "jpeg 4:2:0": Odd(saved(PHOTO, **coarse), PHOTO, 5),
        "jpeg with restarts": Odd(saved(PHOTO, restart_marker_blocks=3, **best), PHOTO, 3),
        "jpeg with restarts, progressive": Odd(progressive_restarts, PHOTO, 3),
        "jpeg with restarts, 4:2:0": Odd(saved(PHOTO, restart_marker_blocks=1, **coarse), PHOTO, 5),
        "jpeg with something behind it": Odd(saved(PHOTO, **best) + b"<html>" * 99, PHOTO, 3),
        "jpeg with fill bytes": Odd(saved(PHOTO, **best).replace(b"\xff\xdb", b"\xff\xff\xff\xdb"), PHOTO, 3),
        "two jpegs of a phone": Odd(phone, PHOTO, 3),
        "one pixel": Odd(saved(pixel), pixel, 2),
    }


def others() -> dict[str, Odd]:
    vips = pyvips.Image.new_from_array(DEEP, interpretation="rgb16")
    pale = Image.fromarray(PHOTO).quantize(200)
    shown, few = np.asarray(pale.convert("RGB")), pale.quantize(9)
    animated = {"save_all": True, "append_images": [Image.fromarray(PHOTO[::-1].copy())]}
    grey_and_alpha = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(ALPHA)])
    top_down = with_numbers(encoded(PHOTO[::-1].copy(), "BMP"), 22, "<i", -40)
    return {
        "png 16 bits": Odd(vips.pngsave_buffer(), PHOTO),
        "png interlaced": Odd(pyvips.Image.new_from_array(PHOTO).pngsave_buffer(interlace=True), PHOTO),
        "png 16 bits, interlaced": Odd(vips.pngsave_buffer(interlace=True), PHOTO),
        "png grey 16 bits": Odd(encoded(DEEP_GREY, "PNG"), rgb(GREY)),
        "png bilevel": Odd(encoded(BILEVEL, "PNG"), BLACK_AND_WHITE),
        "png palette": Odd(encoded(pale, "PNG"), shown),
        "png palette of 4 bits": Odd(encoded(few, "PNG", bits=4), np.asarray(few.convert("RGB"))),
        "png alpha": Odd(encoded(RGBA, "PNG"), BLENDED, 0.6),
        "png grey and alpha": Odd(encoded(grey_and_alpha, "PNG"), BLENDED_GREY, 0.6),
        "png animated": Odd(encoded(PHOTO, "PNG", **animated), PHOTO),
        "png text bomb": Odd(png_with(encoded(PHOTO, "PNG"), b"zTXt", BOMB), PHOTO),
        "png in many chunks": Odd(many_chunks(encoded(PHOTO, "PNG")), PHOTO),
        "bmp": Odd(encoded(PHOTO, "BMP"), PHOTO),
        "bmp palette": Odd(encoded(pale, "BMP"), shown),
        "bmp bilevel": Odd(encoded(BILEVEL, "BMP"), BLACK_AND_WHITE),
        "bmp from the top": Odd(top_down, PHOTO),
        "webp": Odd(encoded(PHOTO, "WEBP", quality=95), PHOTO, 6),
        "webp lossless": Odd(encoded(PHOTO, "WEBP", lossless=True), PHOTO),
        "webp alpha": Odd(encoded(RGBA, "WEBP", lossless=True, exact=True), BLENDED, 0.6),
        "webp animated": Odd(encoded(PHOTO, "WEBP", lossless=True, **animated), PHOTO),
        "gif": Odd(encoded(pale, "GIF"), shown),
        "gif not interlaced": Odd(encoded(pale, "GIF", interlace=False), shown),
        "gif without its last byte": Odd(encoded(pale, "GIF")[:-1], shown),
        "gif animated": Odd(encoded(pale, "GIF", **animated), shown),
        "avif": Odd(encoded(PHOTO, "AVIF", quality=95), PHOTO, 6),
        "avif alpha": Odd(encoded(RGBA, "AVIF", quality=100), BLENDED, 6),
        "jpeg 2000": Odd(encoded(PHOTO, "JPEG2000"), PHOTO),
        "jpeg 2000 grey, 16 bits": Odd(encoded(DEEP_GREY, "JPEG2000"), rgb(GREY)),
    }


def readable() -> dict[str, Odd]:
    """Every file that is to be read, by a name that says what is odd about it."""
    tiffs = deep_tiffs() | tiff_layouts() | tiff_colours() | tiff_pages()
    return {f"tiff {name}": odd for name, odd in tiffs.items()} | jpegs() | others()


def broken() -> dict[str, tuple[bytes, str]]:
    """Every file that is to be refused, with a pattern for the reason."""
    jpeg, png = saved(draw_photo(300, 400), quality=90), encoded(PHOTO, "PNG")
    restarts = saved(PHOTO, restart_marker_blocks=2)
    gif, webp, avif = (encoded(PHOTO, kind) for kind in ("GIF", "WEBP", "AVIF"))
    strips, tiles = tiff(PHOTO, rowsperstrip=4, compression="lzw"), tiff(PHOTO, tile=(16, 16))
    third, fourth = restarts.index(b"\xff\xd2"), restarts.index(b"\xff\xd3")
    scan, huge = jpeg.index(b"\xff\xda"), "larger than the limit"
    webp_header = b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0"
    five_inks = {"photometric": "separated", "extratags": [(332, 3, 1, 2, True)]}
    volume = {"photometric": "minisblack", "tile": (16, 16, 16), "volumetric": True}
    flipped = bytearray(png)
    flipped[png.index(b"IDAT") + 50] ^= 1
    seen = encoded(PHOTO, "PNG", transparency=(1, 2, 3))
    zeros, hole = bytes(999), "data are missing at its end"
    return {
        "nothing": (b"", "the file is empty"),
        "a web page": (b"<!DOCTYPE html><html>" * 9, "it is a web page"),
        "a heic without data": (b"\0\0\0\x18ftypheic" + bytes(99), "its HEIF has no end"),
        "a psd": (b"8BPS\0\1" + bytes(99), "a file of Photoshop"),
        "a sound": (b"RIFF\x24\0\0\0WAVEfmt " + bytes(99), "no picture of a supported format"),
        "png bomb": (png_of(60_000, 60_000), "larger than the limit of 250 megapixels"),
        "gif bomb": (b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + gif[10:], huge),
        "webp bomb": (webp_header + b"\xff\xff\0" * 2 + bytes(8), huge),
        "bmp bomb": (with_numbers(encoded(PHOTO, "BMP"), 18, "<ii", 40_000, 40_000), huge),
        "jpeg bomb": (with_numbers(jpeg, jpeg.index(b"\xff\xc0") + 5, ">HH", 65_000, 65_000), "larger than"),
        "tiff bomb": (with_tags(tiff(PHOTO), {256: 100_000, 257: 100_000}), huge),
        "deep tiff bomb": (
            with_tags(tiff(PHOTO.astype("f8")), {256: 15_000, 257: 15_000}), "than the limit of 4 GiB"
        ),
        "tiff tile bomb": (with_tags(tiles, {322: 65_520, 323: 65_520}), huge),
        "tiff of no rows": (with_tags(tiff(PHOTO), {257: 0}), "60x0 pixels"),
        "png profile bomb": (png_with(png, b"iCCP", BOMB), "unpacks to more than 1 MiB"),
        "png damaged": (bytes(flipped), "checksum of a chunk IDAT is wrong"),
        "png without its end and some data": (png[:-17], "truncated"),
        "jpeg behind stray bytes": (b"\r\n" + jpeg, "2 bytes that do not belong to it stand before the JPEG"),
        "png with damaged transparency": (seen.replace(b"\0\1\0\2", b"\0\1\0\3"), "chunk tRNS is wrong"),
        "gif without its last two bytes": (gif[:-2], "truncated"),
        "webp cut": (webp[:-9], "truncated"),
        "avif cut": (avif[:-9], "truncated"),
        "jpeg without its end": (jpeg[:-2], "truncated"),
        "jpeg header": (jpeg[:scan], "truncated"),
        "jpeg with a hole": (damaged(jpeg, lambda data: data[:5000] + data[9000:]), hole),
        "jpeg with zeros in it": (damaged(jpeg, lambda data: data[:5000] + zeros + data[5999:]), "damaged"),
        "jpeg with data twice": (damaged(jpeg, lambda data: data[:5000] + data[3000:]), "data are left over"),
        "jpeg without a restart": (restarts[:third] + restarts[third + 2 :], "restart marker is missing"),
        "jpeg without some rows": (restarts[:third] + restarts[fourth:], "restart marker"),
        "jpeg with a stray restart": (
            jpeg[: scan + 99] + b"\xff\xd0" + jpeg[scan + 99 :], "restart marker where none"
        ),
        "jpeg of many scans": (many_scans(), "more than 200 scans"),
        "tiff without some strips": (with_tags(strips, counts={273: 4, 279: 4}), "only 4 of its 10 strips"),
        "tiff with empty strips": (with_first(strips, 279, 0), "are empty"),
        "tiff cut": (tiff(PHOTO)[:-99], "truncated"),
        "tiff of complex numbers": (tiff(GREY.astype(np.complex64)), "stored in a way that is not read"),
        "tiff of a sensor": (
            tiff(GREY.astype(np.uint16), photometric="cfa"), "PhotometricInterpretation 32803"
        ),
        "tiff of five inks": (tiff(np.zeros((4, 6, 5), np.uint8), **five_inks), "inks are not cyan"),
        "tiff of no finite number": (tiff(np.full((4, 6), np.nan, "f4")), "no pixel holds a finite number"),
        "tiff of a volume": (tiff(np.zeros((16, 16, 16), np.uint8), **volume), "volume of 16 layers"),
        "tiff whose list of strips is gone": (with_value(strips, 273, 1 << 30), "behind the end of the file"),
        "tiff without directory": (b"II*\0" + struct.pack("<I", 1 << 20), "the list of its pages breaks off"),
    }  # fmt: skip


def damaged(jpeg: bytes, damage: Callable[[bytes], bytes]) -> bytes:
    """Damage the coded data, and leave them without a marker that is none."""
    start = jpeg.index(b"\xff\xda") + 14
    data = damage(jpeg[start:-2].replace(b"\xff\0", b"\xff")).replace(b"\xff", b"\xff\0")
    return jpeg[:start] + data + b"\xff\xd9"


def many_chunks(png: bytes) -> bytes:
    start = png.index(b"IDAT") - 4
    length = int.from_bytes(png[start : start + 4], "big")
    data, rest = png[start + 8 : start + 8 + length], png[start + 12 + length :]
    return png[:start] + b"".join(chunk(b"IDAT", data[i : i + 100]) for i in range(0, length, 100)) + rest


def chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")


def png_of(width: int, height: int) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(1 << 20)))
    return b"\x89PNG\r\n\x1a\n" + head + data + chunk(b"IEND", b"")


def png_with(png: bytes, name: bytes, data: bytes) -> bytes:
    return png[:33] + chunk(name, data) + png[33:]


def many_scans() -> bytes:
    content = saved(PHOTO, progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * 300 + b"\xff\xd9"


def with_numbers(content: bytes, position: int, kind: str, *values: int) -> bytes:
    changed = bytearray(content)
    struct.pack_into(kind, changed, position, *values)
    return bytes(changed)


def with_next_page(content: bytes, place: int) -> bytes:
    """Change where the second directory of a little-endian TIFF stands."""
    (first,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, first)
    return with_numbers(content, first + 2 + 12 * entries, "<I", place)


def entry_of(content: bytes, tag: int) -> int:
    """Find the entry of a tag in the first directory of a little-endian TIFF."""
    (first,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, first)
    places = [first + 2 + 12 * i for i in range(entries)]
    return next(place for place in places if struct.unpack_from("<H", content, place)[0] == tag)


def with_tags(content: bytes, values: Mapping[int, int] = {}, counts: Mapping[int, int] = {}) -> bytes:
    for tag, value in values.items():
        content = with_numbers(content, entry_of(content, tag) + 2, "<HII", 4, 1, value)
    for tag, count in counts.items():
        content = with_numbers(content, entry_of(content, tag) + 4, "<I", count)
    return content


def with_value(content: bytes, tag: int, value: int) -> bytes:
    return with_numbers(content, entry_of(content, tag) + 8, "<I", value)


def with_first(content: bytes, tag: int, value: int) -> bytes:
    """Change the first number of a list that stands elsewhere."""
    (kind,) = struct.unpack_from("<H", content, entry_of(content, tag) + 2)
    (place,) = struct.unpack_from("<I", content, entry_of(content, tag) + 8)
    return with_numbers(content, place, "<H" if kind == 3 else "<I", value)


def subsampled_ycbcr(pixels: np.ndarray) -> bytes:
    """Write an uncompressed YCbCr TIFF with one Cb and one Cr for four Y."""
    ycc = np.asarray(Image.fromarray(pixels).convert("YCbCr")).astype(np.float64)
    height, width = ycc.shape[:2]
    data = bytearray()
    for y in range(0, height, 2):
        for x in range(0, width, 2):
            block = ycc[y : y + 2, x : x + 2]
            data += block[..., 0].astype(np.uint8).tobytes()
            data += bytes(np.rint(block[..., 1:].mean(axis=(0, 1))).astype(np.uint8))
    entries = [
        (256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, 8), (259, 3, 1, 1), (262, 3, 1, 6),
        (273, 4, 1, 0), (277, 3, 1, 3), (278, 3, 1, height), (279, 4, 1, len(data)), (530, 3, 2, 2 | 2 << 16),
    ]  # fmt: skip
    start = 8 + 2 + 12 * len(entries) + 4
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    for tag, kind, count, value in entries:
        found = {258: start, 273: start + 6}.get(tag, value)
        head += struct.pack("<HHII", tag, kind, count, found)
    return head + bytes(4) + struct.pack("<HHH", 8, 8, 8) + bytes(data)
