"""Reads mutated pictures in a process of its own: python -m tests.images.fuzz_reading FIRST COUNT

Prints a line of JSON: how many were read and refused, what is wrong, and the peak of the memory. A file that
crashes the process, hangs it or takes more memory than it has ends it otherwise.
"""

import faulthandler
import io
import json
import os
import random
import resource
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.images.files import Limits, Unreadable
from pipeline.images.read import read
from pipeline.images.tiff import DeepTiff
from pipeline.images.tiff_directories import count_pages, find_page
from tests.images import odd_files
from tests.images.pictures import read_rgb

LIMITS = Limits(megapixels=40, gib=0.25)
SECONDS_EACH = 20
MEMORY_BEYOND_START = 3 << 29  # 1.5 GiB: three times what the limits allow a decoded picture, and its file
KINDS = ("tiff", "jpeg", "png", "webp")


def seeds() -> list[tuple[str, bytes]]:
    """Small pictures of the four formats in all their kinds."""
    return [(name, odd.content) for name, odd in odd_files.readable().items() if name.startswith(KINDS)]


def mutated(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    """Damage a file as disks, networks and ill will do."""
    changed = bytearray(content)
    # Headers are a small part of the bytes and decide the most.
    end = len(content) if chance.random() < 0.5 else min(len(content), 400)
    place = chance.randrange(end)
    kind = chance.choice(["cut", "flips", "number", "zeros", "noise", "without", "twice", "swapped"])
    if kind == "cut":
        return kind, content[:place]
    if kind == "flips":
        for _ in range(chance.choice([1, 1, 3, 20])):
            changed[chance.randrange(end)] ^= 1 << chance.randrange(8)
    elif kind == "number":
        value = chance.choice([0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF])
        size, order = chance.choice([1, 2, 4]), chance.choice(["little", "big"])
        changed[place : place + size] = (value & (256**size - 1)).to_bytes(size, order)
    elif kind == "zeros":
        changed[place : place + 64] = bytes(64)
    elif kind == "noise":
        changed[place : place + 64] = chance.randbytes(64)
    elif kind == "without":
        del changed[place : place + chance.choice([1, 2, 16, 300])]
    elif kind == "twice":
        changed[place:place] = changed[max(place - 50, 0) : place]
    else:
        other = chance.randrange(end)
        changed[place : place + 4], changed[other : other + 4] = (
            changed[other : other + 4],
            changed[place : place + 4],
        )
    return kind, bytes(changed)


def is_called_truncated(content: bytes, frame: int) -> bool:
    """Ask Pillow alone."""
    try:
        image = Image.open(io.BytesIO(content))
        image.seek(frame)
        image.load()
    except Exception as error:
        return "truncated" in str(error)
    return False


def main() -> None:
    first, count = int(sys.argv[1]), int(sys.argv[2])
    pictures, outcomes, wrong = seeds(), Counter[str](), list[str]()
    for _, content in pictures:
        read_rgb(content)  # all libraries are loaded now
    at_start = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (at_start + MEMORY_BEYOND_START,) * 2)
    warnings.simplefilter("error")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what libtiff says while Pillow is asked
    for number in range(first, first + count):
        chance = random.Random(number)
        name, whole = pictures[number % len(pictures)]
        kind, content = mutated(whole, chance)
        faulthandler.dump_traceback_later(SECONDS_EACH, exit=True, file=sys.stdout)
        where = f"{number}: {name}, {kind}"
        try:
            found = read_rgb(content, limits=LIMITS)
            count_pages(content)
            outcomes["read"] += 1
            if found.dtype != np.uint8 or found.ndim != 3 or found.shape[2] != 3:
                wrong.append(f"{where} gives {found.dtype} {found.shape}")
            image = read(content)._opened
            # Of a TIFF what other pages and metadata lack is not asked for.
            page = find_page(content, 0)[0] if image.format == "TIFF" else content
            if not isinstance(image, DeepTiff) and is_called_truncated(page, image.tell()):
                wrong.append(f"{where} was accepted, and Pillow calls it truncated")
            if kind == "cut" and not np.array_equal(found, read_rgb(whole)):
                wrong.append(f"{where} was accepted with other pixels")
        except Unreadable as error:
            outcomes["refused"] += 1
            if not error.reason or "\n" in error.reason or len(error.reason) > 400:
                wrong.append(f"{where} has the reason {error.reason!r}")
        except Exception as error:
            wrong.append(f"{where} raises {type(error).__name__}: {error}")
    faulthandler.cancel_dump_traceback_later()
    # ru_maxrss would begin at the size of the process that started this one.
    status = Path("/proc/self/status").read_text("ascii")
    peak = int(status.partition("VmHWM:")[2].split()[0]) >> 10
    print(json.dumps({**outcomes, "wrong": wrong, "peak_mib": peak}))


if __name__ == "__main__":
    main()
