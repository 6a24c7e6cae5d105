"""Scenes to photograph: shapes that hide one another, each with its own colour, texture and shade.

Such pictures of "dead leaves" have what photographs share: power that falls with frequency as 1 / f², edges
of all sizes, smooth parts beside textured ones, things before other things. What each covers is known.

Sources: A. B. Lee, D. Mumford and J. Huang, Occlusion models for natural images, Int. J. Comput. Vis. 41,
2001; M. Baradad, J. Wulff, T. Wang, P. Isola and A. Torralba, Learning to see by looking at noise, NeurIPS
2021.
"""

from dataclasses import dataclass
from math import cos, sin

import cv2
import numpy as np
import scipy.fft

Array = np.ndarray


@dataclass(frozen=True)
class Scene:
    """A view in linear light.

    Attributes:
        radiance: (H, W, 3) float32, linear RGB, above 0; of any scale.
        objects: (H, W) bool masks of things of which nothing else hides more than a fifth.
    """

    radiance: Array
    objects: tuple[Array, ...]


@dataclass(frozen=True)
class Style:
    """A kind of scene.

    Attributes:
        category: what CASIA would call it: nat (nature), ind (indoors), arc (architecture), pla (plants),
            txt (textures).
        shapes: what is drawn, see `_outline`.
        count: how many shapes, least and most.
        radius: of the smallest and the largest, share of the picture's height.
        horizon: where the ground begins that shapes stand on, share of the height, least and most; None: seen
            from above, with shapes everywhere.
    """

    category: str
    shapes: tuple[str, ...]
    count: tuple[int, int]
    radius: tuple[float, float]
    horizon: tuple[float, float] | None = None


STYLES = (
    Style("nat", ("blob", "ellipse"), (60, 160), (0.03, 0.22), (0.3, 0.6)),
    Style("ind", ("ellipse", "box"), (8, 18), (0.09, 0.24), (0.3, 0.5)),
    Style("arc", ("box", "polygon"), (60, 140), (0.04, 0.5)),
    Style("pla", ("leaf", "leaf", "star"), (150, 300), (0.04, 0.25)),
    Style("arc", ("box",), (25, 60), (0.08, 0.4), (0.5, 0.75)),
    Style("txt", ("blob", "polygon", "star"), (4, 12), (0.08, 0.25)),
)


def draw_scene(rng: np.random.Generator, shape: tuple[int, int], style: Style) -> Scene:
    """Draw a scene from the back to the front; the far part may be out of focus.

    Args:
        rng: every choice is drawn from it.
        shape: height and width, at least 32.
        style: one of `STYLES`.

    >>> draw_scene(np.random.default_rng(1), (32, 48), STYLES[0]).radiance.shape
    (32, 48, 3)
    """
    height, width = shape
    horizon = None if style.horizon is None else rng.uniform(*style.horizon) * height
    canvas = _Canvas(rng, shape, horizon)
    count = int(rng.integers(style.count[0], style.count[1] + 1))
    smallest, largest = (radius * height for radius in style.radius)
    radii = rng.uniform(largest**-2, smallest**-2, count) ** -0.5  # the power law of Lee, Mumford and Huang
    radii = np.where(rng.random(count) < 0.3, rng.uniform(smallest, largest, count), radii)
    rows, columns = rng.uniform(0, height, count), rng.uniform(-0.02, 1.02, count) * width
    if horizon is not None:  # what stands low is near, and large
        near = np.sort(rng.random(count))
        rows, radii = horizon + near**1.5 * (height - horizon), radii * (0.35 + 0.9 * near)
    blur = rng.uniform(0.4, 1.8) * height / 256 if rng.random() < 0.4 else 0.0
    areas = np.zeros(count)
    for number, middle in enumerate(np.stack([columns, rows], axis=1)):
        if blur and number in (count // 3, 2 * count // 3):
            canvas.view = cv2.GaussianBlur(canvas.view, (0, 0), blur if number < count / 2 else blur / 2)
        outline = _outline(rng, str(rng.choice(style.shapes)), radii[number], upright=horizon is not None)
        foot = 0 if horizon is None else outline[:, 1].max()
        canvas.paint(number, outline + middle - (0, foot))
        areas[number] = cv2.contourArea(outline.astype(np.float32))
    seen = np.bincount(canvas.owner[canvas.owner >= 0], minlength=count)
    share = areas / (height * width)
    single = np.flatnonzero((seen > 0.8 * areas) & (share > 0.01) & (share < 0.4))
    uneven = np.exp(rng.uniform(0.1, 0.35) * fractal(rng, shape, 3.2))  # light
    return Scene(canvas.view * uneven[..., None], tuple(canvas.owner == number for number in single))


class _Canvas:
    """A view that shapes are laid over, and which of them is seen at each pixel (-1: none)."""

    def __init__(self, rng: np.random.Generator, shape: tuple[int, int], horizon: float | None) -> None:
        self.rng = rng
        self.palette = _colours(rng, 7)
        textures = [
            fractal(rng, (256, 256), rng.uniform(1.2, 3.0), rng.uniform(8, 120), rng.uniform(0.4, 1, 2))
            for _ in range(4)
        ]
        # They go on at their other side: so far that any part of the picture's size is a slice.
        self.textures = [np.pad(field, [(0, side) for side in shape], "wrap") for field in textures]
        self.light = float(rng.choice([-1, 1])) * rng.uniform(0.3, 0.9), -rng.uniform(0.3, 0.8)  # x, y
        self.owner = np.full(shape, -1, np.int32)
        strength = rng.uniform(0.05, 0.4)
        self.view = self.palette[0] * np.exp(strength * self._texture(shape))[..., None]
        if horizon is not None:
            self._stand_up(horizon)

    def _stand_up(self, horizon: float) -> None:
        """Lay the ground flat, and draw above it a sky or wall with something like clouds."""
        rng, (height, width) = self.rng, self.owner.shape
        rows, columns = np.mgrid[:height, :width].astype(np.float32)
        near = np.clip((rows - horizon) / (height - horizon), 0.02, 1)
        down, right = 90 / near, (columns - width / 2) / near * 0.6
        flat = cv2.remap(
            self.textures[0], right % 256, down % 256, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )
        ground = (
            self.palette[0] * (np.exp(0.25 * flat * np.clip(3 * near, 0, 1)) * (0.8 + 0.4 * near))[..., None]
        )
        top, low = _colours(rng, 2, 0.5) * np.array([[1.6, 2.1, 3.2], [2.8, 2.9, 2.9]], np.float32)
        cloud = fractal(rng, (height, width), 2.8, 0.3 * width, (0.6, 1.6))
        sky = low + (top - low) * np.clip(1 - rows / horizon, 0, 1)[..., None]
        sky = sky * np.exp(rng.uniform(0, 0.35) * np.clip(cloud, -0.5, 3))[..., None]
        above = np.clip(horizon - rows + 0.5, 0, 1)[..., None]
        self.view = (ground + (sky - ground) * above).astype(np.float32)

    def paint(self, number: int, outline: Array) -> None:
        """Lay a shape (n, 2 of x, y in pixels) over the view, with its shadow."""
        low, high = outline.min(axis=0), outline.max(axis=0)
        size = high - low
        margin = 0.25 * size.max() + 3
        left, top = (max(int(start), 0) for start in low - margin)
        right, bottom = (
            min(int(end) + 1, side) for end, side in zip(high + margin, self.owner.shape[::-1], strict=True)
        )
        if right - left < 2 or bottom - top < 2:
            return
        window = (slice(top, bottom), slice(left, right))
        view = self.view[window]
        cover = np.zeros(view.shape[:2], np.uint8)
        cv2.fillPoly(
            cover, [np.round((outline - (left, top)) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4
        )  # in sixteenths of a pixel
        alpha = cover.astype(np.float32) / 255
        right_by, down_by = (-0.12 * size.min() * part for part in self.light)
        shadow = cv2.warpAffine(alpha, np.array([[1, 0, right_by], [0, 1, down_by]]), alpha.shape[::-1])
        view *= _in_rgb(1 - np.float32(0.55) * cv2.GaussianBlur(shadow, (0, 0), 0.06 * size.min() + 0.5))
        rows, columns = np.ogrid[window]
        x, y = 2 * (columns - low[0]) / size[0] - 1, 2 * (rows - low[1]) / size[1] - 1
        painted = self._paint_of(x.astype(np.float32), y.astype(np.float32))
        view += (painted - view) * _in_rgb(alpha)
        self.owner[window][alpha > 0.5] = number

    def _paint_of(self, x: Array, y: Array) -> Array:
        """Draw the colours of a shape that reaches from -1 to 1: shaded, with a texture.

        `x`, (1, w), and `y`, (h, 1), are float32: in float64 it takes twice as long.
        """
        rng = self.rng
        bulge = rng.uniform(0.0, 0.9)
        front = np.sqrt(np.maximum(1 - bulge * (x * x + y * y), 0.02))
        facing = bulge * (x * self.light[0] + y * self.light[1]) + 0.6 * front
        texture = rng.uniform(0.03, 0.4) * self._texture(facing.shape)
        if rng.random() < 0.25:  # stripes, half of them crossed: windows, tiles, cloth
            turn = float(rng.choice([0.0, rng.uniform(0, np.pi)]))
            along, across = x * cos(turn) + y * sin(turn), y * cos(turn) - x * sin(turn)
            line = np.sin(rng.uniform(4, 16) * along + texture)
            if rng.random() < 0.5:
                line = np.minimum(line, np.sin(rng.uniform(4, 16) * across + texture))
            texture = texture + rng.uniform(0.1, 0.6) * np.tanh(3 * line)
        colour = self.palette[int(rng.integers(1, len(self.palette)))] * _colours(rng, 1, 0.25)[0] / 0.18
        shade = (0.35 + 0.8 * np.maximum(facing, 0)) * np.exp(texture)
        return cv2.merge([shade * each for each in colour])

    def _texture(self, shape: tuple[int, ...]) -> Array:
        """Take a part of one of the textures that begins anywhere, so that no two shapes have the same."""
        field = self.textures[int(self.rng.integers(len(self.textures)))]
        top, left = (int(self.rng.integers(256)) for _ in shape)
        return field[top : top + shape[0], left : left + shape[1]]


def _in_rgb(plane: Array) -> Array:
    """Repeat (H, W) for three colours: NumPy multiplies it so several times as fast as by `[..., None]`."""
    return cv2.merge([plane] * 3)


def _colours(rng: np.random.Generator, count: int, amount: float = 1.0) -> Array:
    """Draw (count, 3) linear colours as in nature: mostly brighter or darker, some bluer, few redder.

    Source: D. L. Ruderman, T. W. Cronin and C.-C. Chiao, J. Opt. Soc. Am. A 15, 1998 (widened a little).
    """
    bright, blue, red = (rng.normal(0, spread * amount, (count, 1)) for spread in (0.75, 0.32, 0.2))
    logarithm = bright + blue * np.array([-0.6, -0.1, 0.7]) + red * np.array([0.7, -0.5, -0.2])
    return np.clip(0.18 * np.exp(logarithm), 0.012, 0.9).astype(np.float32)


def _outline(rng: np.random.Generator, kind: str, radius: float, upright: bool) -> Array:
    """Draw a closed line of some kind about (0, 0): (n, 2) float64 of x and y in pixels."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    ratio = np.exp(rng.uniform(-0.4, 0.4))
    reach: Array | float = 1.0
    if kind == "blob":
        waves = [rng.normal(0, 0.2 / k**1.3) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in range(2, 9)]
        reach = np.exp(sum(waves))
    elif kind == "star":
        reach = 1 - rng.uniform(0.15, 0.35) * np.cos(int(rng.integers(4, 9)) * angle)
    elif kind == "polygon":
        angle = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 8))))
    points = np.stack([reach * np.cos(angle), reach * np.sin(angle)], axis=1)
    if kind == "box":
        points, ratio = (
            np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]]) * 0.85,
            np.exp(rng.uniform(-0.7, 0.7)),
        )
    elif kind == "leaf":
        points[:, 1] *= np.abs(np.sin(angle)) ** 0.6
        ratio = rng.uniform(0.35, 0.75)
    turn = rng.uniform(-0.25, 0.25) if upright else rng.uniform(0, 2 * np.pi)
    if upright and kind == "box":
        turn = 0.0
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return (points * radius * np.array([ratio**-0.5, ratio**0.5])) @ turned


def fractal(
    rng: np.random.Generator,
    shape: tuple[int, int],
    slope: float,
    largest: float = 1e9,
    stretch: tuple[float, float] | Array = (1.0, 1.0),
) -> Array:
    """Draw noise whose power falls with frequency f as f ** -`slope`, as in photographs of nature.

    Args:
        rng: where the draws come from.
        shape: height and width.
        slope: 0 is white noise, 2 looks like clouds and stone, 3 is soft.
        largest: size in pixels above which there are no features; the power is flat from there on.
        stretch: how much longer features are along y and along x.

    Returns:
        (H, W) float32, mean 0 and standard deviation 1; it goes on at its other side.

    Source: spectral synthesis; natural image statistics after D. J. Field, J. Opt. Soc. Am. A 4, 1987.
    """
    noise = scipy.fft.rfft2(rng.standard_normal(shape, dtype=np.float32))
    y = scipy.fft.fftfreq(shape[0]).astype(np.float32)[:, None] * stretch[0]
    x = scipy.fft.rfftfreq(shape[1]).astype(np.float32)[None, :] * stretch[1]
    power = y * y + x * x + np.float32(max(1.0 / largest, 0.5 / max(shape)) ** 2)
    field = scipy.fft.irfft2(noise * power ** np.float32(-slope / 4.0), s=shape)
    field -= field.mean()
    return (field / max(float(field.std()), 1e-6)).astype(np.float32)
