"""Pictures as people have them, and broken ones, made in memory: by name, with what is in them."""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyvips
import tifffile
from PIL import Image, ImageCms

from tests.images.pictures import draw_photo

PHOTO = draw_photo()
GREY = np.asarray(Image.fromarray(PHOTO).convert("L"))
ALPHA = np.tile(np.linspace(0, 255, 60).astype(np.uint8), (40, 1))


@dataclass(frozen=True)
class Odd:
    """One file.

    Attributes:
        content: of the file.
        shown: (height, width, 3) uint8 that it shows.
        tolerance: mean absolute difference that its compression may make.
    """

    content: bytes
    shown: np.ndarray
    tolerance: float = 0.0


def encoded(picture: np.ndarray | Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(samples: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, metadata=None, **{"photometric": "rgb", **options})
    return buffer.getvalue()


def rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=-1)


def spread(samples: np.ndarray) -> np.ndarray:
    """From the darkest, 0, to the brightest, 255."""
    values = samples.astype(np.float64)
    return np.rint((values - values.min()) * 255 / (values.max() - values.min())).astype(np.uint8)


def over_white(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    opacity = alpha[..., None] / 255
    return np.rint(colours * opacity + 255 * (1 - opacity)).astype(np.uint8)


def deep_tiffs() -> dict[str, Odd]:
    found = {}
    for name in ("int8", "int16", "int32", "int64", "uint32", "uint64", "float16", "float32", "float64"):
        samples = (PHOTO.astype(np.float64) - 100).astype(name) if name[0] != "u" else PHOTO.astype(name) * 7
        if name in {"int8"}:
            samples = (PHOTO.astype(np.int16) - 128).astype(np.int8)
        found[f"rgb {name}"] = Odd(tiff(samples), spread(samples))
        found[f"grey {name}"] = Odd(
            tiff(samples[..., 0], photometric="minisblack"), rgb(spread(samples[..., 0]))
        )
    for order in "<>":
        deep = PHOTO.astype(np.uint16) * 257
        found[f"rgb uint16 {order}"] = Odd(tiff(deep, byteorder=order), PHOTO)
        found[f"grey uint16 {order}"] = Odd(
            tiff(deep[..., 0], photometric="minisblack", byteorder=order), rgb(PHOTO[..., 0])
        )
        light = (PHOTO / 255).astype(np.float32)
        found[f"rgb float in 0..1 {order}"] = Odd(tiff(light, byteorder=order), PHOTO)
        found[f"bigtiff uint16 {order}"] = Odd(tiff(deep, byteorder=order, bigtiff=True), PHOTO)
        found[f"bigtiff uint8 {order}"] = Odd(tiff(PHOTO, byteorder=order, bigtiff=True), PHOTO)
        found[f"int16 {order}"] = Odd(tiff(PHOTO.astype(np.int16) - 99, byteorder=order), spread(PHOTO))
    for bits in (10, 12, 14):
        white = (1 << bits) - 1
        samples = np.rint(PHOTO[..., 0] * (white / 255)).astype(np.uint16)
        found[f"grey {bits} bits"] = Odd(
            tiff(samples, photometric="minisblack", bitspersample=bits), rgb(PHOTO[..., 0])
        )
    deep = GREY.astype(np.uint16) * 257
    found["white is zero, uint16"] = Odd(tiff(65535 - deep, photometric="miniswhite"), rgb(GREY))
    found["white is zero, float"] = Odd(
        tiff((1 - GREY / 255).astype("f4"), photometric="miniswhite"), rgb(GREY)
    )
    return found


def tiff_layouts() -> dict[str, Odd]:
    found = {}
    for name, samples in (("uint8", PHOTO), ("uint16", PHOTO.astype(np.uint16) * 257)):
        for kind in ("lzw", "deflate", "adobe_deflate", "packbits", "zstd", "lzma"):
            found[f"{name} {kind}"] = Odd(tiff(samples, compression=kind), PHOTO)
            if kind != "packbits":
                found[f"{name} {kind} predicted"] = Odd(
                    tiff(samples, compression=kind, predictor=True), PHOTO
                )
        found[f"{name} planes"] = Odd(tiff(np.moveaxis(samples, -1, 0), planarconfig="separate"), PHOTO)
        found[f"{name} tiles"] = Odd(tiff(samples, tile=(16, 32)), PHOTO)
        found[f"{name} tiled planes, lzw"] = Odd(
            tiff(np.moveaxis(samples, -1, 0), planarconfig="separate", tile=(16, 16), compression="lzw"),
            PHOTO,
        )
        found[f"{name} strips of one row"] = Odd(tiff(samples, rowsperstrip=1, compression="lzw"), PHOTO)
        found[f"{name} strips of 7 rows"] = Odd(tiff(samples, rowsperstrip=7), PHOTO)
    light = (PHOTO / 255).astype(np.float32)
    found["float predicted"] = Odd(tiff(light, compression="deflate", predictor=3), PHOTO)
    for kind in ("webp", "jpegxl", "jpeg2000", "png", "lerc"):
        options = {} if kind in {"png", "lerc"} else {"compressionargs": {"lossless": True}}
        if kind == "jpeg2000":
            options = {"compressionargs": {"reversible": True, "level": 0}}
        if kind == "lerc":
            options = {}
        found[f"compressed by {kind}"] = Odd(tiff(PHOTO, compression=kind, **options), PHOTO, 0)
    found["jpeg"] = Odd(tiff(PHOTO, compression="jpeg", compressionargs={"level": 95}), PHOTO, 5)
    scanned = pyvips.Image.new_from_array(PHOTO).tiffsave_buffer(compression="jpeg", Q=89)
    found["jpeg ycbcr 4:2:0"] = Odd(scanned, PHOTO, 6)
    found["jpeg grey"] = Odd(
        tiff(GREY, photometric="minisblack", compression="jpeg", compressionargs={"level": 95}), rgb(GREY), 3
    )
    found["ycbcr, subsampled, uncompressed"] = Odd(subsampled_ycbcr(PHOTO), PHOTO, 6)
    for kind in ("group3", "group4"):
        bilevel = Image.fromarray(GREY).convert("1")
        found[kind] = Odd(encoded(bilevel, "TIFF", compression=kind), np.asarray(bilevel.convert("RGB")))
    bits = GREY > 99
    found["bilevel"] = Odd(tiff(bits, photometric="minisblack"), rgb(bits * np.uint8(255)))
    found["bilevel, white is zero"] = Odd(tiff(bits, photometric="miniswhite"), rgb(~bits * np.uint8(255)))
    return found


def tiff_colours() -> dict[str, Odd]:
    found = {}
    colours = np.random.default_rng(0).integers(0, 256, (3, 256)).astype(np.uint16)
    shown = colours.T[GREY].astype(np.uint8)
    for name, palette in (("", colours * 257), (" of 8 bits in 16", colours)):
        found[f"palette{name}"] = Odd(tiff(GREY, photometric="palette", colormap=palette), shown)
    wide = np.random.default_rng(1).integers(0, 65536, (3, 65536)).astype(np.uint16)
    found["palette of 16 bits"] = Odd(
        tiff(GREY.astype(np.uint16) * 200, photometric="palette", colormap=wide),
        (wide // 256).T[GREY.astype(np.uint16) * 200].astype(np.uint8),
    )
    ink = np.concatenate([255 - PHOTO, np.zeros((40, 60, 1), np.uint8)], axis=-1)
    found["cmyk"] = Odd(tiff(ink, photometric="separated"), PHOTO)
    found["cmyk uint16"] = Odd(tiff(ink.astype(np.uint16) * 257, photometric="separated"), PHOTO)
    found["cmyk planes"] = Odd(
        tiff(np.moveaxis(ink, -1, 0), photometric="separated", planarconfig="separate"), PHOTO
    )
    rgba = np.concatenate([PHOTO, ALPHA[..., None]], axis=-1)
    multiplied = rgba.copy()
    multiplied[..., :3] = np.rint(PHOTO * (ALPHA[..., None] / 255))
    blended = over_white(PHOTO, ALPHA)
    for name, scale, kind in (("uint8", 1, np.uint8), ("uint16", 257, np.uint16)):
        found[f"alpha {name}"] = Odd(
            tiff(rgba.astype(kind) * kind(scale), extrasamples=["unassalpha"]), blended, 0.6
        )
        found[f"multiplied alpha {name}"] = Odd(
            tiff(multiplied.astype(kind) * kind(scale), extrasamples=["assocalpha"]), blended, 1.2
        )
        found[f"unknown fourth sample {name}"] = Odd(
            tiff(rgba.astype(kind) * kind(scale), extrasamples=["unspecified"]), PHOTO
        )
    found["alpha float"] = Odd(
        tiff((rgba / 255).astype(np.float32), extrasamples=["unassalpha"]), blended, 0.6
    )
    found["alpha plane"] = Odd(
        tiff(np.moveaxis(rgba, -1, 0), extrasamples=["unassalpha"], planarconfig="separate"), blended, 0.6
    )
    five = np.concatenate([rgba, rgba[..., :1]], axis=-1)
    found["two unknown samples"] = Odd(tiff(five, extrasamples=["unspecified"] * 2), PHOTO)
    found["grey and alpha"] = Odd(
        tiff(
            np.stack([GREY, ALPHA], -1),
            photometric="minisblack",
            planarconfig="contig",
            extrasamples=["unassalpha"],
        ),
        over_white(rgb(GREY), ALPHA),
        0.6,
    )
    bands = np.stack([GREY, ALPHA, 255 - GREY, ALPHA, GREY], -1).astype(np.uint16) * 257
    found["five bands, the first is shown"] = Odd(
        tiff(bands, photometric="minisblack", planarconfig="contig"), rgb(GREY)
    )
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    in_lab = ImageCms.profileToProfile(Image.fromarray(PHOTO), srgb, lab, outputMode="LAB")
    found["lab"] = Odd(encoded(in_lab, "TIFF"), PHOTO, 2.5)
    stored = np.frombuffer(in_lab.tobytes(), np.uint8).reshape(40, 60, 3)
    found["lab, tiles"] = Odd(
        tiff(stored, photometric="cielab", tile=(16, 16), compression="lzw"), PHOTO, 2.5
    )
    lab16 = np.empty(stored.shape, np.uint16)
    lab16[..., 0] = stored[..., 0].astype(np.uint16) * 257
    lab16[..., 1:] = (stored[..., 1:].astype(np.int8).astype(np.int16) * 256).view(np.uint16)
    found["lab uint16"] = Odd(tiff(lab16, photometric="cielab"), PHOTO, 2.5)
    icc_lab = stored.copy()
    icc_lab[..., 1:] ^= 128
    found["icclab"] = Odd(tiff(icc_lab, photometric="icclab"), PHOTO, 2.5)
    return found


def tiff_pages() -> dict[str, Odd]:
    pages = io.BytesIO()
    with tifffile.TiffWriter(pages) as writer:
        for page in (PHOTO, PHOTO[::-1], PHOTO[:, ::-1]):
            writer.write(page, photometric="rgb", metadata=None)
    small = io.BytesIO()
    with tifffile.TiffWriter(small) as writer:
        writer.write(PHOTO[::4, ::4], photometric="rgb", subfiletype=1, metadata=None)
        writer.write(PHOTO, photometric="rgb", metadata=None)
    circle = bytearray(tiff(PHOTO))
    (first,) = struct.unpack_from("<I", circle, 4)
    (entries,) = struct.unpack_from("<H", circle, first)
    struct.pack_into("<I", circle, first + 2 + 12 * entries, first)
    return {
        "three pages": Odd(pages.getvalue(), PHOTO),
        "a thumbnail first": Odd(small.getvalue(), PHOTO),
        "a page that follows itself": Odd(bytes(circle), PHOTO),
        "private tags": Odd(tiff(PHOTO, extratags=[(65000, 2, None, "hello", True)]), PHOTO),
    }


def jpegs() -> dict[str, Odd]:
    best = {"quality": 98, "subsampling": "4:4:4"}
    ink = Image.fromarray(np.concatenate([255 - PHOTO, np.zeros((40, 60, 1), np.uint8)], axis=-1), "CMYK")
    second = Image.fromarray(PHOTO[::-1].copy())
    return {
        "jpeg progressive": Odd(encoded(PHOTO, "JPEG", progressive=True, **best), PHOTO, 3),
        "jpeg optimised": Odd(encoded(PHOTO, "JPEG", optimize=True, **best), PHOTO, 3),
        "jpeg cmyk": Odd(encoded(ink, "JPEG", **best), PHOTO, 3),
        "jpeg cmyk, progressive": Odd(encoded(ink, "JPEG", progressive=True, **best), PHOTO, 3),
        "jpeg rgb": Odd(encoded(PHOTO, "JPEG", keep_rgb=True, **best), PHOTO, 3),
        "jpeg grey": Odd(encoded(GREY, "JPEG", quality=98), rgb(GREY), 3),
        "jpeg 4:2:0": Odd(encoded(PHOTO, "JPEG", quality=98, subsampling="4:2:0"), PHOTO, 5),
        "jpeg with restarts": Odd(encoded(PHOTO, "JPEG", restart_marker_blocks=3, **best), PHOTO, 3),
        "jpeg with restarts, progressive": Odd(
            encoded(PHOTO, "JPEG", restart_marker_rows=1, progressive=True, **best), PHOTO, 3
        ),
        "jpeg with restarts, 4:2:0": Odd(
            encoded(PHOTO, "JPEG", quality=98, subsampling="4:2:0", restart_marker_blocks=1), PHOTO, 5
        ),
        "jpeg with something behind it": Odd(encoded(PHOTO, "JPEG", **best) + b"<html>" * 99, PHOTO, 3),
        "jpeg with fill bytes": Odd(
            encoded(PHOTO, "JPEG", **best).replace(b"\xff\xdb", b"\xff\xff\xff\xdb"), PHOTO, 3
        ),
        "two jpegs of a phone": Odd(
            encoded(PHOTO, "MPO", save_all=True, append_images=[second], **best), PHOTO, 3
        ),
        "one pixel": Odd(
            encoded(np.full((1, 1, 3), 128, np.uint8), "JPEG"), np.full((1, 1, 3), 128, np.uint8), 2
        ),
    }


def others() -> dict[str, Odd]:
    deep = PHOTO.astype(np.uint16) * 257
    vips = pyvips.Image.new_from_array(deep, interpretation="rgb16")
    pale = Image.fromarray(PHOTO).quantize(200)
    shown = np.asarray(pale.convert("RGB"))
    frames = [Image.fromarray(PHOTO[::-1].copy())]
    rgba = np.concatenate([PHOTO, ALPHA[..., None]], axis=-1)
    blended = over_white(PHOTO, ALPHA)
    bilevel = Image.fromarray(GREY).convert("1")
    top_down = bytearray(encoded(PHOTO[::-1].copy(), "BMP"))
    struct.pack_into("<i", top_down, 22, -40)
    return {
        "png 16 bits": Odd(vips.pngsave_buffer(), PHOTO),
        "png interlaced": Odd(pyvips.Image.new_from_array(PHOTO).pngsave_buffer(interlace=True), PHOTO),
        "png 16 bits, interlaced": Odd(vips.pngsave_buffer(interlace=True), PHOTO),
        "png grey 16 bits": Odd(encoded(GREY.astype(np.uint16) * 257, "PNG"), rgb(GREY)),
        "png bilevel": Odd(encoded(bilevel, "PNG"), np.asarray(bilevel.convert("RGB"))),
        "png palette": Odd(encoded(pale, "PNG"), shown),
        "png palette of 4 bits": Odd(
            encoded(pale.quantize(9), "PNG", bits=4), np.asarray(pale.quantize(9).convert("RGB"))
        ),
        "png alpha": Odd(encoded(rgba, "PNG"), blended, 0.6),
        "png grey and alpha": Odd(
            encoded(Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(ALPHA)]), "PNG"),
            over_white(rgb(GREY), ALPHA),
            0.6,
        ),
        "png animated": Odd(encoded(PHOTO, "PNG", save_all=True, append_images=frames), PHOTO),
        "png in many chunks": Odd(many_chunks(encoded(PHOTO, "PNG")), PHOTO),
        "bmp": Odd(encoded(PHOTO, "BMP"), PHOTO),
        "bmp palette": Odd(encoded(pale, "BMP"), shown),
        "bmp bilevel": Odd(encoded(bilevel, "BMP"), np.asarray(bilevel.convert("RGB"))),
        "bmp from the top": Odd(bytes(top_down), PHOTO),
        "webp": Odd(encoded(PHOTO, "WEBP", quality=95), PHOTO, 6),
        "webp lossless": Odd(encoded(PHOTO, "WEBP", lossless=True), PHOTO),
        "webp alpha": Odd(encoded(rgba, "WEBP", lossless=True, exact=True), blended, 0.6),
        "webp animated": Odd(
            encoded(PHOTO, "WEBP", lossless=True, save_all=True, append_images=frames), PHOTO
        ),
        "gif": Odd(encoded(pale, "GIF"), shown),
        "gif not interlaced": Odd(encoded(pale, "GIF", interlace=False), shown),
        "gif animated": Odd(encoded(pale, "GIF", save_all=True, append_images=frames), shown),
        "avif": Odd(encoded(PHOTO, "AVIF", quality=95), PHOTO, 6),
        "avif alpha": Odd(encoded(rgba, "AVIF", quality=100), blended, 6),
        "jpeg 2000": Odd(encoded(PHOTO, "JPEG2000"), PHOTO),
        "jpeg 2000 grey, 16 bits": Odd(encoded(GREY.astype(np.uint16) * 257, "JPEG2000"), rgb(GREY)),
    }


def readable() -> dict[str, Odd]:
    """Every file that is to be read, by a name that says what is odd about it."""
    makers: list[Callable[[], dict[str, Odd]]] = [
        deep_tiffs, tiff_layouts, tiff_colours, tiff_pages, jpegs, others
    ]  # fmt: skip
    found: dict[str, Odd] = {}
    for make in makers:
        prefix = "tiff " if "tiff" in make.__name__ else ""
        found |= {prefix + name: odd for name, odd in make().items()}
    return found


def broken() -> dict[str, tuple[bytes, str]]:
    """Every file that is to be refused, with a pattern for the reason."""
    jpeg, png = encoded(draw_photo(300, 400), "JPEG", quality=90), encoded(PHOTO, "PNG")
    restarts = encoded(PHOTO, "JPEG", restart_marker_blocks=2)
    gif, webp, avif = (encoded(PHOTO, kind) for kind in ("GIF", "WEBP", "AVIF"))
    strips = tiff(PHOTO, rowsperstrip=4, compression="lzw")
    third = restarts.index(b"\xff\xd2")
    scan = jpeg.index(b"\xff\xda")
    flipped = bytearray(png)
    flipped[png.index(b"IDAT") + 50] ^= 1
    return {
        "nothing": (b"", "the file is empty"),
        "a web page": (b"<!DOCTYPE html><html>" * 9, "no picture of a supported format"),
        "a heic": (b"\0\0\0\x18ftypheic" + bytes(99), "no picture of a supported format"),
        "a psd": (b"8BPS\0\1" + bytes(99), "no picture of a supported format"),
        "a sound": (b"RIFF\x24\0\0\0WAVEfmt " + bytes(99), "no picture of a supported format"),
        "png bomb": (png_of(60_000, 60_000), "larger than the limit of 250 megapixels"),
        "gif bomb": (b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + gif[10:], "larger than the limit"),
        "webp bomb": (
            b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\xff\0" * 2 + bytes(8),
            "larger than the limit",
        ),
        "bmp bomb": (with_numbers(encoded(PHOTO, "BMP"), 18, "<ii", 40_000, 40_000), "larger than the limit"),
        "jpeg bomb": (with_numbers(jpeg, jpeg.index(b"\xff\xc0") + 5, ">HH", 65_000, 65_000), "larger than"),
        "tiff bomb": (with_tags(tiff(PHOTO), {256: 100_000, 257: 100_000}), "larger than the limit"),
        "deep tiff bomb": (
            with_tags(tiff(PHOTO.astype("f8")), {256: 15_000, 257: 15_000}),
            "than the limit of 4 GiB",
        ),
        "tiff tile bomb": (
            with_tags(tiff(PHOTO, tile=(16, 16)), {322: 65_520, 323: 65_520}),
            "larger than the limit",
        ),
        "tiff of no rows": (with_tags(tiff(PHOTO), {257: 0}), "60x0 pixels"),
        "png text bomb": (
            png_with(png, b"zTXt", b"a\0\0" + zlib.compress(bytes(50 << 20))),
            "unpacks to more than 1 MiB",
        ),
        "png profile bomb": (
            png_with(png, b"iCCP", b"a\0\0" + zlib.compress(bytes(50 << 20))),
            "unpacks to more than 1 MiB",
        ),
        "png damaged": (bytes(flipped), "checksum of a chunk IDAT is wrong"),
        "png without its end": (png[:-12], "truncated"),
        "gif without its last byte": (gif[:-1], "truncated"),
        "gif without its last two bytes": (gif[:-2], "truncated"),
        "webp cut": (webp[:-9], "truncated"),
        "avif cut": (avif[:-9], "truncated"),
        "jpeg without its end": (jpeg[:-2], "truncated"),
        "jpeg header": (jpeg[:scan], "truncated"),
        "jpeg with a hole": (
            damaged(jpeg, lambda data: data[:5000] + data[9000:]),
            "data are missing at its end",
        ),
        "jpeg with zeros in it": (
            damaged(jpeg, lambda data: data[:5000] + bytes(999) + data[5999:]),
            "damaged",
        ),
        "jpeg with data twice": (damaged(jpeg, lambda data: data[:5000] + data[3000:]), "data are left over"),
        "jpeg without a restart": (restarts[:third] + restarts[third + 2 :], "restart marker is missing"),
        "jpeg without some rows": (
            restarts[:third] + restarts[restarts.index(b"\xff\xd3") :],
            "restart marker",
        ),
        "jpeg with a stray restart": (
            jpeg[: scan + 99] + b"\xff\xd0" + jpeg[scan + 99 :],
            "restart marker where none",
        ),
        "jpeg of many scans": (many_scans(), "more than 200 scans"),
        "tiff without some strips": (with_tags(strips, counts={273: 4, 279: 4}), "only 4 of its 10 strips"),
        "tiff with empty strips": (with_first(strips, 279, 0), "are empty"),
        "tiff cut": (tiff(PHOTO)[:-99], "truncated"),
        "tiff of complex numbers": (
            tiff(PHOTO[..., 0].astype(np.complex64), photometric="minisblack"),
            "stored in a way that is not read",
        ),
        "tiff of a sensor": (
            tiff(GREY.astype(np.uint16), photometric="cfa"),
            "PhotometricInterpretation 32803",
        ),
        "tiff of five inks": (
            tiff(np.zeros((4, 6, 5), np.uint8), photometric="separated", extratags=[(332, 3, 1, 2, True)]),
            "inks are not cyan",
        ),
        "tiff of no finite number": (
            tiff(np.full((4, 6), np.nan, "f4"), photometric="minisblack"),
            "no pixel holds a finite number",
        ),
        "tiff of a volume": (
            tiff(
                np.zeros((16, 16, 16), np.uint8), photometric="minisblack", tile=(16, 16, 16), volumetric=True
            ),
            "volume of 16 layers",
        ),
        "tiff whose list of strips is gone": (with_value(strips, 273, 1 << 30), "behind the end of the file"),
        "tiff without directory": (b"II*\0" + struct.pack("<I", 1 << 20), "the list of its pages breaks off"),
    }


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
    content = encoded(PHOTO, "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * 300 + b"\xff\xd9"


def with_numbers(content: bytes, position: int, kind: str, *values: int) -> bytes:
    changed = bytearray(content)
    struct.pack_into(kind, changed, position, *values)
    return bytes(changed)


def entry_of(content: bytes, tag: int) -> int:
    """Find the entry of a tag in the first directory of a little-endian TIFF."""
    (first,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, first)
    places = [first + 2 + 12 * i for i in range(entries)]
    return next(place for place in places if struct.unpack_from("<H", content, place)[0] == tag)


def with_tags(
    content: bytes, values: dict[int, int] | None = None, counts: dict[int, int] | None = None
) -> bytes:
    changed = bytearray(content)
    for tag, value in (values or {}).items():
        struct.pack_into("<HII", changed, entry_of(content, tag) + 2, 4, 1, value)
    for tag, count in (counts or {}).items():
        struct.pack_into("<I", changed, entry_of(content, tag) + 4, count)
    return bytes(changed)


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
