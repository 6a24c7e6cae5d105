"""The entropy coding of a baseline JPEG written anew with the tables that fit it best, its numbers untouched.

Programs bring Huffman tables of their own: Photoshop the same ones for every picture. Whoever keeps such data
as they are keeps a sign of the program, in the header and in the size of the file. libjpeg, told to optimise,
writes the tables that are best for a picture; here the symbols of a scan are read, those tables made by
libjpeg's rule, and the same symbols written with them.

Reference: ITU-T T.81 (JPEG), annex F.1.2 (coding), K.2 (optimal tables); jpeg_gen_optimal_table of libjpeg.
"""

import re
from collections.abc import Mapping

import numpy as np

_LONGEST_CODE = 16
_RESTART = re.compile(rb"\xff+[\xd0-\xd7]")
_AT_ONCE = 1 << 17  # symbols whose bits are there one by one


def optimised(
    tables: Mapping[int, bytes], pattern: tuple[int, ...], n_units: int, interval: int, data: bytes
) -> tuple[dict[int, bytes], bytes]:
    """Return the best Huffman tables for the data of one baseline scan, and the same data coded with them.

    Args:
        tables: codes (16 counts, then the values) by class and number, 0 and 1 of each class.
        pattern: number of the tables of each block of a unit (an MCU), in order.
        n_units: units in the scan.
        interval: units between restart markers; 0: none.
        data: between the header of the scan and the next marker.

    Raises:
        ValueError: the data are not those of such a scan.
    """
    lookups = {key: _lookup(codes) for key, codes in tables.items()}
    parts = _RESTART.split(data) if interval else [data]
    each = interval or n_units
    if len(parts) != -(-n_units // each):
        raise ValueError("restart markers are missing")
    read = [
        _symbols(part.replace(b"\xff\x00", b"\xff"), lookups, pattern, min(each, n_units - each * index))
        for index, part in enumerate(parts)
    ]
    kinds, symbols = (np.concatenate([part[each] for part in read]) for each in (0, 1))
    best = {key: _best_codes(np.bincount(symbols[kinds == key], minlength=256)) for key in tables}
    written = [_write(*part, best) for part in read]
    pieces = [written[0]]
    for number, part in enumerate(written[1:]):
        pieces += [bytes([0xFF, 0xD0 + number % 8]), part]
    return best, b"".join(pieces)


def _codes(table: bytes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the values of a table in order, and of each its code and how many bits it has (annex C)."""
    lengths = np.repeat(np.arange(1, 17), list(table[:16]))
    codes, code, last = np.zeros(len(lengths), np.int64), 0, 0
    for index, length in enumerate(lengths.tolist()):
        code <<= length - last if index else 0
        last = length
        codes[index] = code
        code += 1
    return np.frombuffer(table[16:], np.uint8), codes, lengths


def _lookup(table: bytes) -> list[int]:
    """Return for any 16 bits that follow: bits of the code and its number together, bits of the code, value.

    They are in one number, by 16, 8 and 8 bits; 0 where no code begins so.
    """
    found = np.zeros(1 << _LONGEST_CODE, np.int64)
    for value, code, length in zip(*map(np.ndarray.tolist, _codes(table)), strict=True):
        start = code << (_LONGEST_CODE - length)
        found[start : start + (1 << (_LONGEST_CODE - length))] = (
            (length + (value & 15)) << 16 | length << 8 | value
        )
    return found.tolist()


_Symbols = tuple[np.ndarray, np.ndarray, np.ndarray]  # class and number of the table, symbol, the bits behind


def _symbols(
    data: bytes, lookups: Mapping[int, list[int]], pattern: tuple[int, ...], n_units: int
) -> _Symbols:
    """Read the symbols of some units from data without stuffed bytes."""
    padded = np.frombuffer(data + b"\xff" * 8, np.uint8).astype(np.uint32)
    ahead = padded[:-2] << 16 | padded[1:-1] << 8 | padded[2:]
    windows = np.empty((len(ahead), 8), np.uint16)
    for bit in range(8):
        windows[:, bit] = ahead >> (8 - bit) & 0xFFFF
    window, end = windows.ravel().data, 8 * len(data)
    position, kinds, entries, positions = 0, bytearray(), list[int](), list[int]()
    per_block = [(number, lookups[number], lookups[0x10 | number]) for number in pattern]
    for _ in range(n_units):
        for number, averages, details in per_block:
            entry = averages[window[position]]
            first = len(entries)
            entries.append(entry)
            positions.append(position)
            position += entry >> 16
            at = 1
            while at < 64:
                entry = details[window[position]]
                entries.append(entry)
                positions.append(position)
                position += entry >> 16
                symbol = entry & 0xFF
                if not symbol:
                    break
                at += (symbol >> 4) + 1
            kinds += bytes([number]) + bytes([0x10 | number]) * (len(entries) - first - 1)
            if at > 64 or position > end:
                raise ValueError("the data break off, or a block has too many numbers")
    found, places = np.array(entries, np.int64), np.array(positions, np.int64)
    if not found.all():
        raise ValueError("no code begins so")
    symbols, size = found & 0xFF, found & 15
    behind = places + (found >> 8 & 0xFF)
    bits = ahead[behind >> 3] >> (24 - (behind & 7) - size).astype(np.uint32) & ((1 << size) - 1).astype(
        np.uint32
    )
    return np.frombuffer(kinds, np.uint8), symbols.astype(np.uint8), bits


def _best_codes(counts: np.ndarray) -> bytes:
    """Return the table for symbols that come up so often (256 counts), by libjpeg's rule."""
    frequency = [*counts.tolist(), 1]  # one more, so that no code is all ones
    size, inside = [0] * 257, [[symbol] for symbol in range(257)]
    alive = [symbol for symbol in range(257) if frequency[symbol]]
    while len(alive) > 1:
        # Of equals the larger symbol.
        one, other = sorted(alive, key=lambda symbol: (frequency[symbol], -symbol))[:2]
        alive.remove(other)
        frequency[one] += frequency[other]
        inside[one] += inside[other]
        for symbol in inside[one]:
            size[symbol] += 1
    bits = np.bincount(size, minlength=258).tolist()
    bits[0] = 0
    for length in range(257, _LONGEST_CODE, -1):
        while bits[length] > 0:  # a pair goes one up, and takes a shorter code apart
            shorter = length - 2
            while bits[shorter] == 0:
                shorter -= 1
            bits[length] -= 2
            bits[length - 1] += 1
            bits[shorter + 1] += 2
            bits[shorter] -= 1
    longest = max((length for length in range(1, 17) if bits[length]), default=0)
    bits[longest] -= longest > 0
    values = sorted(
        (symbol for symbol in range(256) if size[symbol]), key=lambda symbol: (size[symbol], symbol)
    )
    return bytes(bits[1:17]) + bytes(values)


def _write(kinds: np.ndarray, symbols: np.ndarray, bits: np.ndarray, tables: Mapping[int, bytes]) -> bytes:
    """Write symbols and the bits behind each; the last byte is filled up with ones."""
    code, length = np.zeros((32, 256), np.int64), np.zeros((32, 256), np.int64)
    for key, table in tables.items():
        values, codes, lengths = _codes(table)
        code[key, values], length[key, values] = codes, lengths
    size = (symbols & 15).astype(np.int64)
    words, widths = code[kinds, symbols] << size | bits, length[kinds, symbols] + size
    pieces = []
    for start in range(0, len(words), _AT_ONCE):
        word, width = words[start : start + _AT_ONCE], widths[start : start + _AT_ONCE]
        ends = np.cumsum(width)
        to_come = np.repeat(ends, width) - np.arange(ends[-1]) - 1
        pieces.append((np.repeat(word, width) >> to_come & 1).astype(np.uint8))
    every = np.concatenate(pieces)
    filled = np.concatenate([every, np.ones(-len(every) % 8, np.uint8)])
    return np.packbits(filled).tobytes().replace(b"\xff", b"\xff\x00")
