"""What every family of scenes gives back, and the light in it."""

from dataclasses import dataclass

import numpy as np

from pipeline.forgery.fields import Array, smoothstep


@dataclass(frozen=True)
class Scene:
    """A view in linear light.

    Attributes:
        radiance: (H, W, 3) float32, linear RGB, 0 is black; a white sheet in full light is about 1,
            the sun and lamps lie above.
        objects: (H, W) bool masks of single things, such as a tree or a ball, none of them hidden by
            another; may be empty.
    """

    radiance: Array
    objects: tuple[Array, ...]


@dataclass(frozen=True)
class Light:
    """One far lamp and the light from all around.

    Attributes:
        direction: unit vector towards the lamp: to the right, up, towards the viewer.
        colour: (3,) of the lamp.
        ambient: (3,) from all around.
    """

    direction: Array
    colour: Array
    ambient: Array


def daylight(rng: np.random.Generator) -> Light:
    """Draw a lamp between a low warm sun and a veiled white sky."""
    warmth, veil = rng.uniform(0.0, 1.0), rng.uniform(0.0, 1.0)
    side = rng.choice([-1.0, 1.0]) * rng.uniform(0.25, 0.9)
    direction = np.array([side, rng.uniform(0.35, 0.8), rng.uniform(0.4, 0.8)], np.float32)
    colour = np.array([1.0, 0.93 - 0.12 * warmth, 0.86 - 0.32 * warmth], np.float32)
    ambient = np.array([0.78, 0.88, 1.0], np.float32) * (0.22 + 0.4 * veil)
    return Light(direction / np.linalg.norm(direction), colour * (1.25 - 0.75 * veil), ambient)


def srgb(code: str) -> Array:
    """Linear RGB of a colour as painters write it: `"#88aacc"`; (3,) float32."""
    value = np.array([int(code[start : start + 2], 16) for start in (1, 3, 5)], np.float32) / 255.0
    return linear(value)


def linear(value: Array) -> Array:
    """Undo the sRGB curve of IEC 61966-2-1; values in 0 to 1."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def blend(back: Array, front: Array, alpha: Array) -> Array:
    """Lay `front` over `back` where `alpha` (H, W) says, 0 to 1."""
    return back + (front - back) * alpha[..., None]


def tint(rng: np.random.Generator, colour: Array, amount: float = 0.15) -> Array:
    """Change a colour a little, as two leaves or two bricks differ."""
    return (colour * np.exp(rng.normal(0.0, amount, 3)) * np.exp(rng.normal(0.0, amount))).astype(np.float32)


def lambert(relief: Array, light: Light) -> Array:
    """Light on a wall whose relief is `relief` pixels high, at every pixel: (H, W, 3)."""
    down, right = np.gradient(relief)
    length = np.sqrt(right * right + down * down + 1.0)
    facing = (-right * light.direction[0] + down * light.direction[1] + light.direction[2]) / length
    return light.ambient + np.maximum(facing, 0.0)[..., None] * light.colour


def soft_edge(distance: Array, width: float = 1.0) -> Array:
    """Coverage of a pixel whose centre lies `distance` pixels inside an edge: 0 outside, 1 inside."""
    return smoothstep(-width / 2, width / 2, distance)
