"""Random fields that textures are made of: fractal noise, cells, warps."""

import cv2
import numpy as np
import scipy.fft

Array = np.ndarray


def fractal(
    rng: np.random.Generator,
    shape: tuple[int, int],
    slope: float = 2.0,
    largest: float = 1e9,
    stretch: tuple[float, float] = (1.0, 1.0),
    wraps: bool = False,
) -> Array:
    """Draw noise whose power falls with frequency f as f ** -`slope`, as in photographs of nature.

    Args:
        rng: where the draws come from.
        shape: height and width.
        slope: 0 is white noise, 2 looks like clouds and stone, 3 is soft.
        largest: size in pixels above which there are no features; the power is flat from there on.
        stretch: how much longer features are along y and along x.
        wraps: whether the field goes on at its other side, so that it can be laid side by side.

    Returns:
        (H, W) float32, mean 0 and standard deviation 1.

    Source: spectral synthesis; natural image statistics after D. J. Field, J. Opt. Soc. Am. A 4, 1987.
    """
    height, width = shape
    padded = shape if wraps else tuple(scipy.fft.next_fast_len(side + side // 8, real=True) for side in shape)
    noise = scipy.fft.rfft2(rng.standard_normal(padded, dtype=np.float32))
    y = np.fft.fftfreq(padded[0]).astype(np.float32)[:, None] * stretch[0]
    x = np.fft.rfftfreq(padded[1]).astype(np.float32)[None, :] * stretch[1]
    power = y * y + x * x + np.float32(max(1.0 / largest, 0.5 / max(padded)) ** 2)
    field = scipy.fft.irfft2(noise * power ** np.float32(-slope / 4.0), s=padded)[:height, :width]
    field -= field.mean()
    return (field / max(float(field.std()), 1e-6)).astype(np.float32)


def outline(rng: np.random.Generator, length: int, slope: float, largest: float) -> Array:
    """Draw a fractal line such as the ridge of a hill: (length,) float32, mean 0, deviation 1."""
    frequency = np.fft.rfftfreq(2 * length).astype(np.float32)
    phase = rng.uniform(0, 2 * np.pi, frequency.size)
    spectrum = (frequency**2 + (1.0 / largest) ** 2) ** (-slope / 4.0) * np.exp(1j * phase)
    line = np.fft.irfft(spectrum)[:length]
    line -= line.mean()
    return (line / max(float(line.std()), 1e-6)).astype(np.float32)


def warp(field: Array, dy: Array, dx: Array) -> Array:
    """Take `field` at places moved by `dy` and `dx` pixels, mirrored at its borders."""
    rows, columns = coordinates(field.shape[:2])
    return cv2.remap(field, columns + dx, rows + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


Window = tuple[slice, slice]


def coordinates(shape: tuple[int, int], window: Window | None = None) -> tuple[Array, Array]:
    """Row and column of every pixel, or of those in a window of it: two (H, W) float32."""
    down, right = window or (slice(0, shape[0]), slice(0, shape[1]))
    rows, columns = np.mgrid[down, right].astype(np.float32)
    return rows, columns


def window_of(shape: tuple[int, int], top: float, left: float, bottom: float, right: float) -> Window:
    """The part of a picture between these borders, in pixels; at least 2 x 2 of it, so that it has slopes."""
    rows, columns = (
        slice(first, max(min(int(last) + 1, length), first + 2))
        for first, last, length in (
            (min(max(int(top), 0), shape[0] - 2), bottom, shape[0]),
            (min(max(int(left), 0), shape[1] - 2), right, shape[1]),
        )
    )
    return rows, columns


def placed(shape: tuple[int, int], window: Window, mask: Array) -> Array:
    """A whole mask (H, W) that is `mask` in its window and False elsewhere."""
    whole = np.zeros(shape, bool)
    whole[window] = mask
    return whole


def scatter(rng: np.random.Generator, *cells: Array) -> Array:
    """Give every cell of a grid a random number in [0, 1): the same number wherever it is looked up.

    Args:
        rng: fixes the table behind the numbers.
        cells: integer-valued coordinates of one shape.
    """
    table = rng.permutation(4096)
    place = np.zeros(cells[0].shape, np.int64)
    for cell in cells:
        place = table[(place + cell.astype(np.int64)) & 4095]
    return rng.random(4096, dtype=np.float32)[place]


def cells(rng: np.random.Generator, v: Array, u: Array, jitter: float = 0.9) -> tuple[Array, Array, Array]:
    """Cut the plane into irregular cells, one for each unit square.

    Args:
        rng: where the centres and values are drawn from.
        v: (H, W) coordinates in cells, downwards.
        u: the same, to the right.
        jitter: 0 is a regular grid, 1 lets centres lie anywhere in their squares.

    Returns:
        Distance to the nearest centre, to the second nearest, and a value in [0, 1) for each cell.

    Source: S. Worley, A cellular texture basis function, SIGGRAPH 1996.
    """
    table = rng.random((3, 64, 64), dtype=np.float32)
    table[:2] = 0.5 + jitter * (table[:2] - 0.5)
    row, column = np.floor(v).astype(np.int32), np.floor(u).astype(np.int32)
    inside_v, inside_u = v - row, u - column
    nearest = np.full(v.shape, 9.0, np.float32)
    second = np.full(v.shape, 9.0, np.float32)
    value = np.zeros(v.shape, np.float32)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            place = ((row + down) & 63) * 64 + ((column + right) & 63)
            centre_v, centre_u, drawn = (np.take(layer, place) for layer in table)
            distance = (down + centre_v - inside_v) ** 2 + (right + centre_u - inside_u) ** 2
            closer = distance < nearest
            second = np.minimum(second, np.maximum(distance, nearest))
            nearest = np.minimum(nearest, distance)
            value = np.where(closer, drawn, value)
    return np.sqrt(nearest), np.sqrt(second), value


def smoothstep(low: float | Array, high: float | Array, value: Array) -> Array:
    """Rise from 0 at `low` to 1 at `high` without a kink."""
    share = np.clip((value - low) / (high - low), 0.0, 1.0)
    return (share * share * (3.0 - 2.0 * share)).astype(np.float32)
