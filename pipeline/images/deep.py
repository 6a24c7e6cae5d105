"""Samples of any depth and sign as 8 bits, scaled by their range: never clipped, never wrapped around."""

from collections.abc import Iterator

import numpy as np

from pipeline.images.unreadable import Unreadable

_BAND_SAMPLES = 1 << 21  # scaled at a time: the floats of a large picture are never there all at once


def eight_bit(samples: np.ndarray, bits: int | None = None) -> np.ndarray:
    """Scale samples to 0..255.

    Unsigned integers of up to 16 bits are scaled by what their bits can hold. Signed ones, those of more
    bits and floats have no agreed white: the darkest becomes 0 and the brightest 255, all channels together,
    except floats within 0..1, whose white is 1. What is not a number becomes black, infinity white.

    Args:
        samples: any shape of at least one axis; booleans, integers or floats.
        bits: that hold a sample, where these are fewer than those of its type.

    Returns:
        uint8 of the same shape.

    Raises:
        Unreadable: no sample holds a finite number.
    """
    if samples.dtype.kind == "b":
        return samples.astype(np.uint8) * np.uint8(255)
    bits = bits or 8 * samples.dtype.itemsize
    if samples.dtype.kind == "u" and bits <= 16:
        if bits == 8:
            return samples.astype(np.uint8, copy=False)
        white = (1 << bits) - 1
        table = np.rint(np.arange(white + 1) * (255 / white)).astype(np.uint8)
        return table[np.minimum(samples, white)]
    low, high = _range(samples)
    if samples.dtype.kind == "f" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    # Halved first: the span of the largest doubles is no double.
    span = (high / 2 - low / 2) or 1.0
    scaled = np.empty(samples.shape, np.uint8)
    for band in _bands(samples):
        values = np.nan_to_num(samples[band].astype(np.float64), nan=low, posinf=high, neginf=low)
        scaled[band] = np.rint(np.clip((values / 2 - low / 2) / span, 0, 1) * 255)
    return scaled


def _range(samples: np.ndarray) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for band in _bands(samples):
        finite = samples[band]
        if samples.dtype.kind == "f":
            finite = finite[np.isfinite(finite)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        raise Unreadable("no pixel holds a finite number")
    return low, high


def _bands(samples: np.ndarray) -> Iterator[slice]:
    rows = max(_BAND_SAMPLES // max(samples[:1].size, 1), 1)
    for top in range(0, len(samples), rows):
        yield slice(top, top + rows)
