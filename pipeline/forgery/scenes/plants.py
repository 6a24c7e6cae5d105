"""Leaves and flowers from near: layers of leaves, the far ones dark and out of focus."""

import cv2
import numpy as np

from pipeline.forgery.fields import Array, fractal
from pipeline.forgery.scenes.materials import FLOORS, wall_plane
from pipeline.forgery.scenes.scene import Scene, blend, daylight, lambert, linear, tint

_LEAVES = ((62, 92, 40), (86, 112, 44), (48, 78, 48), (112, 118, 52), (122, 84, 46))
_FLOWERS = ((214, 74, 90), (232, 190, 70), (226, 226, 232), (150, 96, 186), (236, 130, 60), (90, 110, 200))
_SHIFT = 4  # cv2 counts in sixteenths of a pixel


def draw_plants(rng: np.random.Generator, shape: tuple[int, int]) -> Scene:
    """Draw a hedge, a shrub or a bed of flowers; the flowers are its objects."""
    height, width = shape
    canvas: Array = np.zeros((height, width, 3), np.uint8)
    base = np.array(_LEAVES[int(rng.integers(len(_LEAVES)))], np.float32)
    canvas[:] = (base * 0.25).astype(np.uint8)
    length = height * rng.uniform(0.09, 0.2)
    slim = rng.uniform(0.18, 0.45)
    leaning = rng.uniform(0, 2 * np.pi)
    layers = 5
    for layer in range(layers):
        near = (layer + 1) / layers
        size = length * (0.55 + 0.6 * near)
        count = int(1.5 * height * width / (size * size * slim * 4) / (1 + 0.7 * near)) + 4
        for _ in range(min(count, 700)):
            colour = tint(rng, base, 0.10) * (0.3 + 0.75 * near) * rng.uniform(0.8, 1.2)
            angle = leaning + rng.normal(0, 0.8)
            _leaf(
                canvas,
                rng.uniform(-0.05, 1.05, 2) * (height, width),
                size * rng.uniform(0.7, 1.3),
                slim,
                angle,
                colour,
            )
        if near < 0.7:
            canvas = cv2.GaussianBlur(canvas, (0, 0), (1 - near) * 0.012 * height + 0.3)
    objects = _flowers(rng, canvas, length)
    view = linear(canvas.astype(np.float32) / 255.0)
    fine = fractal(rng, shape, 1.0, largest=10.0)
    patch = fractal(rng, shape, 2.6, largest=width / 3)
    light = np.exp(0.10 * fine + 0.28 * patch)[..., None] * np.array([1.05, 1.0, 0.9], np.float32)
    return Scene((view * light * rng.uniform(1.1, 1.7)).astype(np.float32), objects)


def _leaf(canvas: Array, place: Array, length: float, slim: float, angle: float, colour: Array) -> None:
    """Paint one leaf of two halves that catch the light differently, with its rib."""
    along = np.linspace(0, 1, 9)
    half = 0.5 * slim * length * np.sin(np.pi * along) ** 0.8
    spine = length * (along - 0.5)
    bend = 0.12 * length * np.sin(np.pi * along)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for side, light in ((1.0, 1.12), (-1.0, 0.82)):
        edge = np.concatenate([np.stack([spine, bend + side * half], 1), np.stack([spine, bend], 1)[::-1]])
        points = edge @ turn.T + place[::-1]
        shade = tuple(float(value) for value in np.clip(colour * light, 0, 255))
        cv2.fillPoly(canvas, [np.round(points * 2**_SHIFT).astype(np.int32)], shade, cv2.LINE_AA, _SHIFT)
    if length > 14:
        rib = np.stack([spine, bend], 1) @ turn.T + place[::-1]
        pale = tuple(float(value) for value in np.clip(colour * 1.3 + 8, 0, 255))
        cv2.polylines(
            canvas, [np.round(rib * 2**_SHIFT).astype(np.int32)], False, pale, 1, cv2.LINE_AA, _SHIFT
        )


def _flowers(rng: np.random.Generator, canvas: Array, length: float) -> tuple[Array, ...]:
    """Paint a few flowers with petals; gives their masks."""
    height, width = canvas.shape[:2]
    colour = np.array(_FLOWERS[int(rng.integers(len(_FLOWERS)))], np.float32)
    petals = int(rng.integers(5, 12))
    masks: list[Array] = []
    for _ in range(int(rng.integers(1, 8))):
        before = canvas.copy()
        place = rng.uniform(0.12, 0.88, 2) * (height, width)
        size = length * rng.uniform(0.45, 1.0)
        start, squash = rng.uniform(0, 6.3), rng.uniform(0.7, 1.0)
        own = tint(rng, colour, 0.06)
        for number in range(petals):
            angle = start + 2 * np.pi * number / petals
            middle = place + 0.55 * size * np.array([np.sin(angle) * squash, np.cos(angle)])
            _leaf(canvas, middle, size * 1.1, min(4.2 / petals, 0.8), angle, own * rng.uniform(0.85, 1.05))
        centre = tuple(int(value) for value in np.round(place[::-1] * 2**_SHIFT))
        heart = tuple(
            float(value) for value in tint(rng, np.array((190, 140, 40), np.float32), 0.1).clip(0, 255)
        )
        cv2.circle(canvas, centre, int(0.25 * size * 2**_SHIFT), heart, -1, cv2.LINE_AA, _SHIFT)
        mask = (np.abs(canvas.astype(np.int16) - before) > 3).any(axis=2)
        mask = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) > 0
        masks = [*(old & ~mask for old in masks), mask]
    return tuple(masks)


def leaves_on_ground(rng: np.random.Generator, view: Array, light: Array) -> tuple[Array, tuple[Array, ...]]:
    """Let a few fallen leaves lie on what `view` (H, W, 3) shows; gives the view and their masks."""
    height, width = view.shape[:2]
    masks: list[Array] = []
    for _ in range(int(rng.integers(0, 6))):
        canvas = np.zeros((height, width, 3), np.uint8)
        cover = np.zeros((height, width, 3), np.uint8)
        place, size = rng.uniform(0.1, 0.9, 2) * (height, width), height * rng.uniform(0.16, 0.34)
        slim, angle = rng.uniform(0.3, 0.6), rng.uniform(0, 6.3)
        colour = tint(
            rng, np.array([(176, 110, 48), (150, 62, 38), (196, 160, 70)][int(rng.integers(3))]), 0.12
        )
        _leaf(canvas, place, size, slim, angle, colour)
        _leaf(cover, place, size, slim, angle, np.full(3, 400.0))
        alpha = cover[..., 0].astype(np.float32) / 255.0
        shadow = cv2.GaussianBlur(np.roll(alpha, (3, 3), (0, 1)), (0, 0), 0.012 * height)
        view = view * (1 - 0.5 * shadow)[..., None]
        view = blend(view, linear(canvas.astype(np.float32) / 255.0) * light, alpha)
        masks = [*(old & (alpha < 0.5) for old in masks), alpha > 0.5]
    return view, tuple(masks)


# The ground from above: stones, planks, tiles, cloth or soil that fill the picture.
#


def draw_ground(rng: np.random.Generator, shape: tuple[int, int]) -> Scene:
    """Draw a floor seen from above; fallen leaves, where there are any, are its objects."""
    light = daylight(rng)
    unit = shape[1] / rng.uniform(3.5, 8.0)
    surface = FLOORS[int(rng.integers(len(FLOORS)))](rng, wall_plane(rng, shape, unit, tilt=0.7))
    dapple = fractal(rng, shape, 2.8, largest=shape[1] / 2)
    view = surface.albedo * lambert(surface.relief * unit * 1.2, light) * np.exp(0.12 * dapple)[..., None]
    view, objects = leaves_on_ground(rng, view, light.ambient + 0.7 * light.colour)
    return Scene(view.astype(np.float32), objects)
