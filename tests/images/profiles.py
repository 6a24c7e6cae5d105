"""Small ICC profiles (ICC.1:2001-04), written by hand."""

import struct

D50 = (0.9642, 1.0, 0.8249)
# Primaries of sRGB adapted to D50 (IEC 61966-2-1, annex; ICC.1, annex E).
PRIMARIES = {"r": (0.4361, 0.2225, 0.0139), "g": (0.3851, 0.7169, 0.0971), "b": (0.1431, 0.0606, 0.7141)}


def linear_rgb() -> bytes:
    """The colours of sRGB with a straight curve: pictures look darker without it than they are."""
    tags = {f"{colour}XYZ": _xyz(value) for colour, value in PRIMARIES.items()}
    tags |= {f"{colour}TRC": _straight() for colour in PRIMARIES}
    return _profile("mntr", "RGB ", "XYZ ", {**tags, "wtpt": _xyz(D50)})


def linear_grey() -> bytes:
    """Grey with a straight curve."""
    return _profile("mntr", "GRAY", "XYZ ", {"kTRC": _straight(), "wtpt": _xyz(D50)})


def cmyk_profile() -> bytes:
    """A press whose inks are light: no mixture is darker than half of the paper's lightness."""
    grid, table = 2, b""
    for corner in range(grid**4):
        inks = [corner >> shift & 1 for shift in (3, 2, 1, 0)]
        lightness = 255 * (1 - 0.5 * min(sum(inks), 2) / 2)
        table += bytes([round(lightness), 128, 128])
    line = bytes(range(256))
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    lut = b"mft1" + bytes(4) + bytes([4, 3, grid, 0]) + identity + line * 4 + table + line * 3
    return _profile("prtr", "CMYK", "Lab ", {"A2B0": lut, "A2B1": lut, "wtpt": _xyz(D50)})


def _straight() -> bytes:
    return b"curv" + bytes(8)


def _xyz(value: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(each * 65536) for each in value))


def _text(text: str) -> bytes:
    data = text.encode("ascii") + b"\0"
    return b"desc" + bytes(4) + struct.pack(">I", len(data)) + data + bytes(78)


def _profile(kind: str, space: str, connection: str, tags: dict[str, bytes]) -> bytes:
    tags = {"desc": _text("made for a test"), "cprt": b"text" + bytes(4) + b"none\0", **tags}
    offset = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += name.encode() + struct.pack(">II", offset + len(data), len(content))
        data += padded
    size = offset + len(data)
    head = struct.pack(
        ">I4sI4s4s4s", size, bytes(4), 0x02400000, kind.encode(), space.encode(), connection.encode()
    )
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += struct.pack(">3i", *(round(each * 65536) for each in D50))
    return head + bytes(128 - len(head)) + table + data
