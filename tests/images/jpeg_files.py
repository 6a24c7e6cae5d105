"""JPEGs as other programs write them."""

import io

import numpy as np
from PIL import Image


def saved(picture: np.ndarray | Image.Image, **options: object) -> bytes:
    """Encode with Pillow."""
    if not isinstance(picture, Image.Image):
        picture = Image.fromarray(picture)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def with_segment(content: bytes, marker: int, payload: bytes) -> bytes:
    """Put one more segment at the beginning."""
    segment = bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload
    return content[:2] + segment + content[2:]


def as_photoshop_writes(pixels: np.ndarray) -> bytes:
    """All that tells an editor: blocks of its own, tables in one segment, restarts, pictures behind."""
    tables = [[2 + n // 8 for n in range(64)], [3 + n // 8 for n in range(64)]]
    content = saved(pixels, qtables=tables, subsampling=0, optimize=True, restart_marker_rows=1)
    together, position, restart = {0xDB: b"", 0xC4: b""}, 2, b""
    rest = b""
    while content[position + 1] != 0xDA:
        marker, end = content[position + 1], position + 2 + int.from_bytes(content[position + 2 :][:2], "big")
        if marker in together:
            together[marker] += content[position + 4 : end]
        elif marker == 0xDD:
            restart = content[position:end]
        elif marker == 0xC0:
            frame = content[position:end]
        else:
            rest += content[position:end]
        position = end
    header = b"\xff\xd8" + rest + _segment(0xDB, together[0xDB]) + frame + restart
    header += _segment(0xC4, together[0xC4])
    thumbnail = saved(pixels[:8, :8])
    content = header + content[position:]
    for marker, payload in [
        (0xFE, b"made with care"),
        (0xEE, b"Adobe\0\x64\0\0\0\0\x01"),
        (0xED, b"Photoshop 3.0\x008BIM" + thumbnail),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
    ]:
        content = with_segment(content, marker, payload)
    return content + b"MPF behind" + thumbnail


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload
