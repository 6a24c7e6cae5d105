"""Indoors: balls, fruit and tins on a table before a wall."""

from typing import NamedTuple

import numpy as np

from pipeline.forgery.fields import (
    Array,
    Window,
    coordinates,
    fractal,
    placed,
    scatter,
    smoothstep,
    window_of,
)
from pipeline.forgery.scenes.landscape import ground_plane
from pipeline.forgery.scenes.materials import FLOORS, WALLS, wall_plane
from pipeline.forgery.scenes.scene import Light, Scene, blend, daylight, lambert, soft_edge, srgb, tint

_PAINTS = ("#b23a30", "#d98a2b", "#c9b23c", "#5a8a3c", "#3c6f8a", "#6a4a7d", "#d9d2c3", "#7a3b2a", "#2f3a40")


class _Thing(NamedTuple):
    """One thing on the table, in pixels: its middle, where it stands, its half width and its height."""

    middle: float
    foot: float
    half: float
    tall: float
    round: bool


def draw_still_life(rng: np.random.Generator, shape: tuple[int, int]) -> Scene:
    """Draw things on a table, the near ones before the far ones; the things are its objects."""
    height = shape[0]
    light = daylight(rng)
    horizon = rng.uniform(0.3, 0.5) * height
    view = _room(rng, shape, horizon, light)
    things = _set_table(rng, shape, horizon)
    for thing in things:
        _cast_shadow(view, thing, light)
    objects: list[Array] = []
    for thing in things:
        mask = (_ball if thing.round else _tin)(rng, view, thing, light)
        objects = [*(old & ~mask for old in objects), mask]
    return Scene(view.astype(np.float32), tuple(objects))


def _room(rng: np.random.Generator, shape: tuple[int, int], horizon: float, light: Light) -> Array:
    """The wall behind and the table top."""
    rows, columns = coordinates(shape)
    unit = shape[1] / rng.uniform(4.0, 9.0)
    back = WALLS[int(rng.integers(3))](rng, wall_plane(rng, shape, unit, tilt=0.1))
    lamp = rng.uniform(0.0, 1.0) * shape[1]
    falloff = 0.35 + 0.65 * np.exp(-(((columns - lamp) / shape[1]) ** 2 + (rows / shape[0]) ** 2) / 0.4)
    wall = 0.7 * back.albedo * lambert(back.relief * unit, light) * falloff[..., None]
    table_unit = shape[1] / rng.uniform(2.5, 5.0)
    top = FLOORS[int(rng.integers(3))](rng, ground_plane(shape, horizon - 0.5 * shape[0], table_unit))
    table = top.albedo * lambert(0.6 * top.relief * table_unit, light)
    table = table * (0.75 + 0.35 * smoothstep(horizon, shape[0], rows))[..., None]
    wall = wall * (0.55 + 0.45 * smoothstep(0.0, 0.09 * shape[0], horizon - rows))[..., None]
    return blend(wall, table, soft_edge(rows - horizon - 0.02 * (columns - lamp), 1.4))


def _set_table(rng: np.random.Generator, shape: tuple[int, int], horizon: float) -> list[_Thing]:
    """Choose places from the back to the front, so that few hide one another."""
    height, width = shape
    count = int(rng.integers(3, 8))
    depths = np.sort(rng.uniform(0.12, 0.85, count))
    places = rng.permutation(count) + rng.uniform(0.2, 0.8, count)
    things = []
    for depth, place in zip(depths, places, strict=True):
        half = height * (0.07 + 0.10 * depth) * rng.uniform(0.65, 1.25)
        ball = bool(rng.random() < 0.62)
        tall = 2 * half if ball else half * rng.uniform(1.8, 3.4)
        foot = horizon + (0.1 + 0.85 * depth) * (height - horizon)
        things.append(_Thing(width * place / count, foot, half, tall, ball))
    return things


def _around(view: Array, thing: _Thing) -> Window:
    """The part of the picture that a thing and its shadow lie in."""
    reach = 3.4 * thing.half
    top, bottom = thing.foot - thing.tall - 3, thing.foot + thing.half
    return window_of(view.shape[:2], top, thing.middle - reach, bottom, thing.middle + reach)


def _cast_shadow(view: Array, thing: _Thing, light: Light) -> None:
    """Darken the table under a thing, and away from the lamp."""
    window = _around(view, thing)
    rows, columns = coordinates(view.shape[:2], window)
    for reach, depth, soft in ((0.15, 0.75, 0.5), (0.95, 0.45, 0.9)):
        x = (columns - thing.middle + reach * np.sign(light.direction[0]) * thing.half) / (
            thing.half * (1 + 0.8 * reach)
        )
        y = (rows - thing.foot + 0.12 * thing.half) / (0.36 * thing.half)
        dark = depth * smoothstep(1.0 + soft / 2, 1.0 - soft, np.hypot(x, y))
        view[window] *= (1 - dark)[..., None]


def _painted(rng: np.random.Generator, v: Array, u: Array) -> Array:
    """Paint for a round thing with coordinates v and u, about -1 to 1: plain, striped, dotted or speckled."""
    first, second = (tint(rng, srgb(code), 0.12) for code in rng.choice(_PAINTS, 2, replace=False))
    kind = rng.choice(["plain", "stripes", "dots", "speckled", "band"])
    noise = fractal(rng, v.shape, 1.7, largest=max(v.shape[1] / 8, 8.0))
    share = {
        "plain": 0.12 * noise,
        "stripes": smoothstep(-0.1, 0.1, np.sin(rng.uniform(5, 11) * (u + 0.3 * v))),
        "dots": smoothstep(0.36, 0.30, np.hypot((4 * v) % 1.0 - 0.5, (4 * u) % 1.0 - 0.5)),
        "speckled": smoothstep(0.4, 1.0, noise),
        "band": smoothstep(0.45, 0.42, np.abs(v))
        * (0.5 + 0.5 * (scatter(rng, np.floor(9 * v), np.floor(14 * u)) > 0.3)),
    }[str(kind)]
    paint = first + (second - first) * np.clip(share, 0, 1)[..., None]
    return np.clip(paint * np.exp(0.07 * noise)[..., None], 0.01, 0.9).astype(np.float32)


def _shaded(paint: Array, normal: tuple[Array, Array, Array], light: Light, gloss: float) -> Array:
    """Light, shade, light thrown back by the table, and a highlight."""
    right, up, front = normal
    facing = np.maximum(
        right * light.direction[0] + up * light.direction[1] + front * light.direction[2], 0.0
    )
    half = light.direction + np.array([0, 0, 1], np.float32)
    half = half / np.linalg.norm(half)
    shine = gloss * np.maximum(right * half[0] + up * half[1] + front * half[2], 0.0) ** 50
    around = light.ambient * (0.75 + 0.25 * up)[..., None] + 0.12 * np.maximum(-up, 0)[..., None]
    return paint * (around + facing[..., None] * light.colour) + shine[..., None] * light.colour


def _ball(rng: np.random.Generator, view: Array, thing: _Thing, light: Light) -> Array:
    """Put a ball or a fruit into `view`; tells where it is."""
    window = _around(view, thing)
    rows, columns = coordinates(view.shape[:2], window)
    x, y = (columns - thing.middle) / thing.half, (thing.foot - thing.half - rows) / thing.half
    square = x * x + y * y
    front = np.sqrt(np.maximum(1 - square, 0.0))
    turn = rng.uniform(0, 6.3)
    v = np.cos(turn) * y + np.sin(turn) * x
    u = np.arctan2(np.cos(turn) * x - np.sin(turn) * y, np.maximum(front, 0.05))
    ball = _shaded(_painted(rng, v, u), (x, y, front), light, rng.uniform(0.0, 0.9))
    inside = (1 - np.sqrt(square)) * thing.half
    view[window] = blend(view[window], ball, soft_edge(inside, 1.3))
    return placed(view.shape[:2], window, inside > 0)


def _tin(rng: np.random.Generator, view: Array, thing: _Thing, light: Light) -> Array:
    """Put a tin or a vase into `view`, its mouth seen a little from above; tells where it is."""
    window = _around(view, thing)
    rows, columns = coordinates(view.shape[:2], window)
    y = (thing.foot - rows) / thing.tall
    belly = 1.0 + rng.choice([0.0, 0.22]) * np.sin(np.clip(y, 0, 1) * 5.5)
    half = thing.half * belly * 0.8
    x = (columns - thing.middle) / half
    bend = 0.16 * thing.half * np.sqrt(np.maximum(1 - x * x, 0.0))
    front = np.sqrt(np.maximum(1 - x * x, 0.0))
    low, high = thing.foot + bend - rows, rows - (thing.foot - thing.tall) - bend
    inside = np.minimum(half - np.abs(columns - thing.middle), np.minimum(low, high + 2 * bend))
    paint = _painted(rng, 2 * y - 1, np.arcsin(np.clip(x, -1, 1)))
    body = _shaded(paint, (x, np.zeros_like(x), front), light, rng.uniform(0.0, 0.5))
    mouth = srgb("#8d8a84") * (0.25 + 0.9 * (0.5 + 0.5 * x * np.sign(light.direction[0])))[..., None]
    body = blend(body, np.clip(mouth, 0.02, 1).astype(np.float32), soft_edge(-high, 1.3))
    view[window] = blend(view[window], body, soft_edge(inside, 1.3))
    return placed(view.shape[:2], window, inside > 0)
