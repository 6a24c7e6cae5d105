"""Open country: sky, hills in haze, a meadow, a beach or a lake, and trees."""

import cv2
import numpy as np

from pipeline.forgery.fields import Array, coordinates, fractal, outline, placed, smoothstep, window_of
from pipeline.forgery.scenes.materials import Plane, earth
from pipeline.forgery.scenes.scene import Light, Scene, blend, daylight, lambert, soft_edge, srgb, tint

# Skies: from a clear noon to dusk, with clouds that lie flatter towards the horizon.
#

_TONES = (  # above, at the horizon, sunlit cloud, cloud from below
    ("#3f74b8", "#b9d3e8", "#ffffff", "#9fb0c4"),
    ("#5a86b4", "#dfe3e2", "#fffaf0", "#aab3bb"),
    ("#8f9aa6", "#cfd3d4", "#e9eaea", "#8d949b"),
    ("#3d4f7d", "#f0b47a", "#ffd9a8", "#75688a"),
    ("#27355c", "#d97c55", "#ffb27d", "#544b66"),
)


def draw_sky(rng: np.random.Generator, shape: tuple[int, int], horizon: float) -> Array:
    """Draw the sky down to row `horizon` (and what would be its colour below): (H, W, 3) linear."""
    height, width = shape
    rows, columns = coordinates(shape)
    above, low, bright, dark = (
        tint(rng, srgb(code), 0.05) for code in _TONES[int(rng.integers(len(_TONES)))]
    )
    elevation = np.clip((horizon - rows) / height, 0.0, 1.0)
    sky = low + (above - low) * smoothstep(0.0, 0.75, elevation)[..., None]
    sun = np.array([rng.uniform(-0.2, 1.2) * width, rng.uniform(-0.1, 0.8) * horizon])
    distance = np.hypot(columns - sun[0], rows - sun[1]) / height
    sky = sky + bright * (0.25 * np.exp(-3.0 * distance))[..., None]
    cloud = fractal(rng, (256, 256), 3.0, largest=90, wraps=True)
    cloud += 0.22 * fractal(rng, (256, 256), 1.8, largest=24, wraps=True)
    away = 1.0 / (elevation + 0.16)  # a flat layer: clouds lie closer together towards the horizon
    down, right = (70 * away) % 256, (128 + (columns / width - 0.5) * 55 * away) % 256
    puffs = cv2.remap(cloud, right.astype(np.float32), down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)
    cover = rng.uniform(-0.6, 1.3)
    alpha = smoothstep(cover, cover + rng.uniform(0.6, 1.5), puffs) * smoothstep(0.0, 0.12, elevation + 0.05)
    thick = smoothstep(cover + 0.4, cover + 2.4, puffs)
    return blend(sky, bright + (dark - bright) * (0.85 * thick)[..., None], 0.92 * alpha).astype(np.float32)


def draw_landscape(rng: np.random.Generator, shape: tuple[int, int]) -> Scene:
    """Draw land or water under a sky; single trees and bushes are its objects."""
    height = shape[0]
    horizon = rng.uniform(0.38, 0.66) * height
    light = daylight(rng)
    sky = draw_sky(rng, shape, horizon)
    view = _hills(rng, sky, horizon, light)
    if rng.random() < 0.35:
        view = _lake(rng, view, horizon)
        ground = np.zeros(shape, bool)
    else:
        view, ground = _meadow(rng, view, horizon, light)
    objects: list[Array] = []
    for depth in np.sort(rng.uniform(0.06, 1.0, int(rng.integers(2, 7)))):
        standing = (
            horizon + depth**1.5 * 0.8 * (height - horizon) if ground.any() else horizon + 0.02 * height
        )
        size = height * (0.1 + 0.45 * depth) * rng.uniform(0.7, 1.2)
        tree = draw_tree(rng, view, standing, rng.uniform(0.05, 0.95) * shape[1], size, light)
        objects = [mask & ~tree for mask in objects]
        objects.append(tree)
    return Scene(view.astype(np.float32), tuple(objects))


def _hills(rng: np.random.Generator, view: Array, horizon: float, light: Light) -> Array:
    """Stand two to four ridges before the sky, the far ones paler."""
    height, width = view.shape[:2]
    rows, _ = coordinates((height, width))
    haze = view[max(int(horizon) - 2, 0)].mean(axis=0)
    count = int(rng.integers(2, 5))
    for number in range(count):
        near = (number + 1) / count
        rise = rng.uniform(0.05, 0.22) * height * (1.15 - near)
        line = horizon - rise + 0.45 * rise * outline(rng, width, 2.2, rng.uniform(0.3, 0.8) * width)
        rough = 0.012 * height * near * outline(rng, width, 1.2, 0.05 * width)  # tops of trees
        relief = fractal(rng, (height, width), 2.0, largest=width / 6, stretch=(0.7, 1.0))
        cover = fractal(rng, (height, width), 1.1, largest=width / 25)
        shade = lambert(2.2 * relief, light) * (1.0 + 0.28 * cover * near)[..., None]
        colour = tint(rng, srgb(rng.choice(["#3f5a35", "#5c6b42", "#6f6a58", "#4a5a4c", "#7c7358"])), 0.12)
        hill = colour * np.maximum(shade, 0.05)
        hill = hill + (haze - hill) * (0.85 * (1 - near) ** 0.7 + 0.05)
        view = blend(view, hill, soft_edge(rows - (line + rough)[None, :], 1.2))
    return view


def ground_plane(shape: tuple[int, int], horizon: float, unit: float) -> Plane:
    """Flat land below `horizon`; `unit` sets how many pixels one unit takes at the lower border."""
    rows, columns = coordinates(shape)
    below = np.maximum(rows - horizon, 0.35) / (shape[0] - horizon)
    u = (columns - shape[1] / 2) / (unit * below)
    v = shape[0] / unit / below
    return Plane(v.astype(np.float32), u.astype(np.float32), (1 / (unit * below**1.6)).astype(np.float32))


def _meadow(rng: np.random.Generator, view: Array, horizon: float, light: Light) -> tuple[Array, Array]:
    """Lay land from the foot of the hills to the viewer; also says where it is."""
    shape = view.shape[:2]
    rows, _ = coordinates(shape)
    surface = earth(rng, ground_plane(shape, horizon, shape[0] / rng.uniform(3.0, 7.0)))
    relief = fractal(rng, shape, 2.4, largest=shape[1] / 3, stretch=(0.4, 1.0))
    blades = fractal(rng, shape, 0.7, largest=8.0, stretch=(1.8, 0.8))
    below = np.clip((rows - horizon) / (shape[0] - horizon), 0, 1)
    land = surface.albedo * lambert(1.5 * relief, light) * np.exp(0.22 * blades * below)[..., None]
    haze = view[max(int(horizon) - 2, 0)].mean(axis=0)
    land = blend(land, np.broadcast_to(haze, land.shape), 0.5 * np.exp(-7.0 * below))
    line = horizon + 0.01 * shape[0] * outline(rng, shape[1], 2.0, shape[1] / 3)
    alpha = soft_edge(rows - line[None, :], 1.5)
    return blend(view, land, alpha), alpha > 0.5


def _lake(rng: np.random.Generator, view: Array, horizon: float) -> Array:
    """Mirror what stands above the horizon in rippled water."""
    height, width = view.shape[:2]
    rows, columns = coordinates((height, width))
    below = np.maximum(rows - horizon, 0.0)
    near = below / (height - horizon)
    waves = fractal(rng, (height, width), 1.6, largest=width / 20, stretch=(0.25, 1.6))
    swell = fractal(rng, (height, width), 2.6, largest=width / 4, stretch=(0.3, 1.5))
    choppy = rng.uniform(0.4, 1.6)
    up = 2 * horizon - rows + (0.02 * height * choppy * (0.3 + near)) * (waves + swell)
    aside = columns + 2.0 * choppy * waves
    mirrored = cv2.remap(view, aside, up.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    deep = tint(rng, srgb(rng.choice(["#2f4f5f", "#33584f", "#4a5a66"])), 0.15)
    clear = 0.35 + 0.45 * (1 - near)
    water = deep * 0.6 + mirrored * (clear * (1 + 0.18 * choppy * waves))[..., None]
    return blend(view, np.maximum(water, 0.004), soft_edge(rows - horizon, 1.2))


def draw_tree(
    rng: np.random.Generator, view: Array, foot: float, middle: float, size: float, light: Light
) -> Array:
    """Plant a tree, a fir or a bush of `size` pixels into `view`; tells where it is: (H, W) bool."""
    shape = view.shape[:2]
    kind = rng.choice(["round", "fir", "bush"])
    wide = size * {"round": 0.42, "fir": 0.26, "bush": 0.5}[kind]
    window = window_of(shape, foot - 1.25 * size, middle - 1.4 * wide, foot, middle + 1.4 * wide)
    rows, columns = coordinates(shape, window)
    part = view[window]
    y, x = (foot - rows) / size, (columns - middle) / wide
    clumps = fractal(rng, rows.shape, 1.7, largest=max(size / 4, 6.0))
    leaves = fractal(rng, rows.shape, 0.8, largest=max(size / 12, 3.0))
    if kind == "fir":
        body = (
            0.95 * (1 - y) * (0.75 + 0.25 * np.abs((y * 7) % 1.0 - 0.5) * 2)
            - np.abs(x)
            - 4 * np.maximum(0.06 - y, 0)
        )
    else:
        centre, radius = (0.62, 0.4) if kind == "round" else (0.3, 0.34)
        body = 1.0 - np.sqrt(((y - centre) / radius) ** 2 + x * x)
    crown = smoothstep(0.0, 0.12, body + 0.17 * clumps + 0.10 * leaves)
    trunk_wide = 0.035 * size * (1.3 - y)
    trunk = soft_edge(trunk_wide - np.abs(columns - middle + 0.03 * size * np.sin(5 * y)), 1.5)
    trunk = trunk * (y > 0) * (y < 0.6) * (kind != "bush")
    colour = tint(rng, srgb(rng.choice(["#3d5a26", "#55702f", "#2f4a2c", "#7a7a35", "#a3722f"])), 0.15)
    side = 0.5 + 0.5 * np.clip(light.direction[0] * x + 1.2 * (y - 0.5), -1, 1)
    bright = np.clip(0.25 + 0.7 * side + 0.22 * clumps + 0.28 * leaves, 0.04, 1.6)
    green = colour * (light.ambient * 0.5 + light.colour * 0.8) * bright[..., None]
    bark = tint(rng, srgb("#5d4a3a"), 0.15) * light.ambient * (1.2 + 0.4 * leaves)[..., None]
    view[window] = blend(blend(part, bark, trunk), np.maximum(green, 0.003), crown)
    return placed(shape, window, (crown > 0.5) | (trunk > 0.5))
