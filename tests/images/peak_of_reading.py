"""Measures what reading a picture takes at its peak: python -m tests.images.peak_of_reading

Prints a line of JSON for each kind: bytes of a pixel at the peak, and what the limits count for it. Each is
read in a child of its own, since memory that was once taken is not always given back.
"""

import ctypes
import json
import os
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

from pipeline.images.files import _AFTERWARDS, Limits
from pipeline.images.read import read
from tests.images.pictures import encoded, linear_rgb, read_rgb, tiff, turned_by

HEIGHT, WIDTH = 2000, 3000


class Counting(Limits):
    """Limits that remember what they were asked for."""

    def check(self, width: int, height: int, bytes_each: float = 4) -> None:
        super().check(width, height, bytes_each)
        COUNTED.append(width * height * (bytes_each + _AFTERWARDS))


COUNTED: list[float] = []


def kinds(height: int, width: int) -> dict[str, Callable[[], bytes]]:
    rgb = Image.new("RGB", (width, height), (200, 30, 90))
    rgba, ink = Image.new("RGBA", rgb.size, (200, 30, 90, 120)), Image.new("CMYK", rgb.size, (9, 80, 7, 1))
    palette = rgb.quantize(9)
    deep = np.full((height, width, 4), 900, np.uint16)
    return {
        "jpeg with a profile": lambda: encoded(rgb, "JPEG", icc_profile=linear_rgb(), exif=turned_by(6)),
        "progressive jpeg": lambda: encoded(rgb, "JPEG", progressive=True),
        "jpeg of inks": lambda: encoded(ink, "JPEG"),
        "png": lambda: encoded(rgb, "PNG"),
        "png with alpha": lambda: encoded(rgba, "PNG"),
        "png of 16 bits": lambda: imagecodecs.png_encode(deep, level=1),
        "gif": lambda: encoded(palette, "GIF", transparency=0),
        "webp": lambda: encoded(rgba, "WEBP", method=0),
        "avif": lambda: encoded(rgba, "AVIF", speed=10),
        "bmp": lambda: encoded(rgb, "BMP"),
        "jpeg 2000": lambda: imagecodecs.jpeg2k_encode(deep, level=0, codecformat="jp2"),
        "jpeg xl": lambda: imagecodecs.jpegxl_encode(deep, lossless=True, effort=1),
        "tiff": lambda: encoded(rgb, "TIFF", compression="tiff_lzw"),
        "tiff of 16 bits": lambda: tiff(
            deep, compression="zlib", photometric="rgb", extrasamples=["unassalpha"]
        ),
        "tiff of floats": lambda: tiff(np.full((height, width, 3), 0.5, np.float32), compression="zlib"),
        "tiff in lab": lambda: tiff(deep[..., :3], compression="zlib", photometric="cielab"),
    }


def in_bytes(name: str) -> int:
    """Read a line of what Linux says of this process."""
    return int(Path("/proc/self/status").read_text("ascii").partition(f"{name}:")[2].split()[0]) << 10


def main() -> None:
    for make in kinds(64, 64).values():
        read_rgb(make())  # all libraries are loaded now
    for name, make in kinds(HEIGHT, WIDTH).items():
        content = make()
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            continue
        # Or reading would take memory that was freed here before, and less of its own the more there is.
        if hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
            libc.malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        before = in_bytes("VmRSS")
        found = read(content, Counting(megapixels=250, gib=4)).pixels
        peak = in_bytes("VmHWM") - before
        n_pixels = found.size // 3
        answer = {"name": name, "peak": peak / n_pixels, "counted": max(COUNTED) / n_pixels}
        print(json.dumps(answer), flush=True)
        os._exit(0)


if __name__ == "__main__":
    main()
