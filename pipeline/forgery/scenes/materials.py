"""What surfaces are made of: colour and relief of bricks, wood, stones, tiles, plaster, cloth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from pipeline.forgery.fields import Array, cells, coordinates, fractal, scatter, smoothstep
from pipeline.forgery.scenes.scene import srgb, tint

_TILE = 256


class Surface(NamedTuple):
    """Colour (H, W, 3), the share of light sent back, and relief (H, W) in units of the plane."""

    albedo: Array
    relief: Array


@dataclass(frozen=True)
class Plane:
    """A flat thing seen by the camera: its own coordinates at every pixel.

    Attributes:
        v: (H, W) along the plane, downwards; one unit is a brick's length.
        u: (H, W) along the plane, to the right.
        footprint: (H, W) units that one pixel covers; finer detail must fade.
    """

    v: Array
    u: Array
    footprint: Array


def wall_plane(rng: np.random.Generator, shape: tuple[int, int], unit: float, tilt: float = 0.35) -> Plane:
    """A wall seen nearly from the front: turned a little, and running away to one side."""
    rows, columns = coordinates(shape)
    x, y = (columns - shape[1] / 2) / shape[1], (rows - shape[0] / 2) / shape[1]
    away = 1.0 + rng.uniform(-tilt, tilt) * x + rng.uniform(-tilt, tilt) * 0.5 * y
    angle = rng.normal(0.0, 0.03)
    across = (np.cos(angle) * x - np.sin(angle) * y) * shape[1] / unit / away
    along = (np.sin(angle) * x + np.cos(angle) * y) * shape[1] / unit / away
    start_v, start_u = rng.uniform(0, 40, 2)
    footprint = (1.0 / (unit * away * away)).astype(np.float32)
    return Plane((along + start_v).astype(np.float32), (across + start_u).astype(np.float32), footprint)


def grain(rng: np.random.Generator, plane: Plane, slope: float, size: float, along: float = 1.0) -> Array:
    """Fractal noise that lies on the plane: (H, W), deviation about 1, faded where pixels are too coarse.

    Args:
        rng: where it is drawn from.
        plane: where it lies.
        slope: see `fields.fractal`.
        size: size of the largest features, in units of the plane.
        along: how much longer features are along u, as in wood.
    """
    noise = fractal(rng, (_TILE, _TILE), slope, largest=_TILE / 6, wraps=True)
    scale = _TILE / 6 / size
    down, right = plane.v * scale % _TILE, plane.u * (scale / along) % _TILE
    sampled = cv2.remap(noise, right, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)
    return sampled / (1.0 + 0.7 * np.maximum(plane.footprint * scale - 0.5, 0.0))


def bricks(rng: np.random.Generator, plane: Plane) -> Surface:
    """Courses of bricks in mortar, each brick with its own shade."""
    tall = rng.uniform(0.28, 0.42)
    course = np.floor(plane.v / tall)
    shifted = plane.u + 0.5 * (course % 2) + 0.06 * grain(rng, plane, 3.0, 6.0) * 0.15
    number = np.floor(shifted)
    to_side = 0.5 - np.abs(shifted - number - 0.5)
    to_bed = (0.5 - np.abs(plane.v / tall - course - 0.5)) * tall
    rough = grain(rng, plane, 1.6, 0.8)
    gap = rng.uniform(0.02, 0.045)
    inside = smoothstep(gap, gap + 0.03 + plane.footprint, np.minimum(to_side, to_bed) + 0.006 * rough)
    shade = scatter(rng, course, number)
    colours = np.stack(
        [tint(rng, srgb(rng.choice(["#9c4a34", "#a8583a", "#7d4a3c", "#b98d6a", "#8b8178"])), 0.1)] * 4
    )
    colours *= np.exp(rng.normal(0, 0.22, (4, 1))) * np.exp(rng.normal(0, 0.06, (4, 3)))
    brick = colours[(shade * 4).astype(int)] * (0.8 + 0.4 * ((shade * 97) % 1.0) + 0.10 * rough)[..., None]
    mortar = (
        tint(rng, srgb(rng.choice(["#b9b2a4", "#8d877d", "#d5cfc2"])), 0.05) * (1 + 0.12 * rough)[..., None]
    )
    albedo = mortar + (brick - mortar) * inside[..., None]
    return Surface(_bounded(albedo), 0.045 * inside + 0.008 * rough)


def plaster(rng: np.random.Generator, plane: Plane) -> Surface:
    """Painted plaster with stains and a fine relief."""
    base = tint(
        rng,
        srgb(rng.choice(["#d8c7a3", "#c9d2cf", "#d9b8a0", "#e4ddcc", "#a9b7a4", "#c98f6d", "#8fa3b5"])),
        0.1,
    )
    stain, fine = grain(rng, plane, 2.6, 8.0), grain(rng, plane, 1.0, 0.7)
    albedo = base * np.exp(0.10 * stain + 0.05 * fine)[..., None]
    worn = smoothstep(1.1, 1.5, stain + 0.25 * fine)[..., None]
    albedo = albedo * (1 - worn) + worn * tint(rng, srgb("#8a7f74"), 0.1) * (1 + 0.15 * fine)[..., None]
    return Surface(_bounded(albedo), 0.012 * fine - 0.03 * worn[..., 0])


def wood(rng: np.random.Generator, plane: Plane) -> Surface:
    """Planks side by side with rings, fibres and dark joints."""
    wide = rng.uniform(0.6, 1.1)
    plank = np.floor(plane.v / wide)
    across = plane.v / wide - plank
    shade = scatter(rng, plank)
    bend = grain(rng, plane, 2.6, 2.5, along=4.0)
    fibre = grain(rng, plane, 0.9, 0.5, along=14.0)
    rings = np.sin(2 * np.pi * (rng.uniform(3, 6) * across + 1.1 * bend + 9.0 * shade))
    rings = rings / (1.0 + 12.0 * np.maximum(plane.footprint - 0.01, 0))
    base = tint(rng, srgb(rng.choice(["#a9713f", "#7b4f2c", "#c79a63", "#93806a", "#5b3d28"])), 0.1)
    tone = np.exp(0.10 * rings + 0.13 * fibre + 0.5 * (shade - 0.5))
    joint = smoothstep(0.012, 0.03 + plane.footprint, (0.5 - np.abs(across - 0.5)) * wide)
    albedo = base * (tone * (0.25 + 0.75 * joint))[..., None]
    return Surface(_bounded(albedo), 0.03 * joint + 0.004 * fibre)


def stones(rng: np.random.Generator, plane: Plane) -> Surface:
    """Rounded stones side by side, as on a river bank or an old road."""
    size = rng.uniform(0.45, 0.9)
    rough = grain(rng, plane, 1.8, 0.9)
    near, second, value = cells(rng, plane.v / size, plane.u / size)
    edge = second - near
    dome = np.sqrt(np.clip(edge, 0, 1))
    gap = smoothstep(0.03, 0.16 + 2 * plane.footprint / size, edge + 0.015 * rough)
    palette = np.stack(
        [tint(rng, srgb(code), 0.12) for code in ("#8a8680", "#a59a8c", "#6f6a66", "#9c8470", "#c2bbb0")]
    )
    stone = palette[(value * 5).astype(int)] * (0.75 + 0.5 * ((value * 53) % 1.0) + 0.16 * rough)[..., None]
    soil = tint(rng, srgb("#4a4036"), 0.15) * (1 + 0.3 * rough)[..., None]
    return Surface(_bounded(soil + (stone - soil) * gap[..., None]), size * 0.35 * dome * gap + 0.012 * rough)


def tiles(rng: np.random.Generator, plane: Plane) -> Surface:
    """Square tiles of two shades with light joints."""
    row, column = np.floor(plane.v), np.floor(plane.u)
    to_joint = 0.5 - np.maximum(np.abs(plane.v - row - 0.5), np.abs(plane.u - column - 0.5))
    inside = smoothstep(0.012, 0.03 + plane.footprint, to_joint)
    pair = np.stack(
        [
            tint(rng, srgb(code), 0.15)
            for code in rng.choice(["#d9d2c3", "#7a8790", "#a5543c", "#3f4a52", "#b9a37c"], 2)
        ]
    )
    fade = 1.0 / (1.0 + 6.0 * np.maximum(plane.footprint - 0.15, 0))
    odd = ((row + column) % 2) * fade + 0.5 * (1 - fade)
    cloud = grain(rng, plane, 2.2, 1.2)
    own = np.exp(0.18 * (scatter(rng, row, column) - 0.5) + 0.07 * cloud)
    albedo = (pair[0] + (pair[1] - pair[0]) * odd[..., None]) * own[..., None]
    joint = tint(rng, srgb("#9a958c"), 0.1)
    return Surface(_bounded(joint + (albedo - joint) * inside[..., None]), 0.02 * inside)


def cloth(rng: np.random.Generator, plane: Plane) -> Surface:
    """Striped or plain weave with soft folds."""
    folds = fractal(rng, (plane.v.shape[0], plane.v.shape[1]), 6.0, largest=plane.v.shape[1] / 4)
    v, u = plane.v + 0.12 * folds, plane.u + 0.12 * folds
    thread = (
        0.5
        * (np.sin(2 * np.pi * 9 * v) + np.sin(2 * np.pi * 9 * u))
        / (1 + 60 * np.maximum(plane.footprint - 0.03, 0))
    )
    pair = [
        tint(rng, srgb(code), 0.2)
        for code in rng.choice(["#a83b3b", "#33527a", "#d9cfb8", "#4f6b4a", "#c79b3b", "#6d5a7a"], 2)
    ]
    stripe = smoothstep(0.25, 0.32 + plane.footprint, np.abs(u / rng.uniform(0.7, 2.0) % 1.0 - 0.5))
    check = smoothstep(0.25, 0.32 + plane.footprint, np.abs(v / rng.uniform(0.7, 2.0) % 1.0 - 0.5))
    share = stripe if rng.random() < 0.5 else 0.5 * (stripe + check)
    fine = grain(rng, plane, 0.6, 0.4)
    albedo = (pair[0] + (pair[1] - pair[0]) * share[..., None]) * np.exp(0.12 * thread + 0.08 * fine)[
        ..., None
    ]
    return Surface(_bounded(albedo), 0.16 * folds + 0.008 * thread)


def earth(rng: np.random.Generator, plane: Plane) -> Surface:
    """Grass, sand or soil: colour that changes over metres, blades and grains that are fine."""
    green, dry = (
        tint(rng, srgb(code), 0.12)
        for code in [("#4f6b2f", "#8a8146"), ("#c2a878", "#a58a62"), ("#6b5a45", "#857258")][
            int(rng.integers(3))
        ]
    )
    patches = smoothstep(-1.2, 1.2, grain(rng, plane, 2.4, 9.0))
    fine = grain(rng, plane, 1.2, 0.7, along=0.6)
    albedo = (green + (dry - green) * patches[..., None]) * np.exp(0.35 * fine)[..., None]
    return Surface(_bounded(albedo), 0.05 * fine)


def _bounded(albedo: Array) -> Array:
    """Keep colours to what paint can do."""
    return np.clip(albedo, 0.012, 0.92).astype(np.float32)


WALLS: tuple[Callable[[np.random.Generator, Plane], Surface], ...] = (bricks, plaster, wood, stones)
FLOORS: tuple[Callable[[np.random.Generator, Plane], Surface], ...] = (wood, tiles, cloth, stones, earth)
