"""Towns: one wall seen close by, with windows, and rows of houses under a sky."""

import numpy as np

from pipeline.forgery.fields import Array, coordinates, fractal, placed, scatter, smoothstep, window_of
from pipeline.forgery.scenes.landscape import draw_sky, draw_tree, ground_plane
from pipeline.forgery.scenes.materials import WALLS, Plane, tiles, wall_plane
from pipeline.forgery.scenes.scene import Light, Scene, blend, daylight, lambert, soft_edge, srgb, tint


def draw_wall(rng: np.random.Generator, shape: tuple[int, int]) -> Scene:
    """Draw a wall in slanting light with windows and posters on it, which are its objects."""
    light = daylight(rng)
    unit = shape[1] / rng.uniform(5.0, 11.0)
    plane = wall_plane(rng, shape, unit)
    surface = WALLS[int(rng.integers(len(WALLS)))](rng, plane)
    stain = fractal(rng, shape, 2.4, largest=shape[1] / 2)
    view = surface.albedo * lambert(surface.relief * unit * 1.4, light) * np.exp(0.08 * stain)[..., None]
    objects: list[Array] = []
    count = int(rng.integers(1, 4))
    starts = (np.arange(count) + rng.uniform(0.1, 0.35, count)) * shape[1] / count
    for start in starts:
        wide, tall = rng.uniform(0.3, 0.55) * shape[1] / count, rng.uniform(0.3, 0.6) * shape[0]
        box = (rng.uniform(0.05, 0.35) * shape[0], float(start), tall, wide)
        view, mask = (_window if rng.random() < 0.7 else _poster)(rng, view, plane, box, unit)
        objects.append(mask)
    return Scene(_shadow(rng, view, light).astype(np.float32), tuple(objects))


def _on_plane(
    plane: Plane, box: tuple[float, float, float, float], unit: float
) -> tuple[Array, Array, Array]:
    """Coordinates 0 to 1 within a box (top, left, tall, wide in pixels) on a plane, and pixels inside."""
    top, left, tall, wide = box
    row, column = int(min(top, plane.v.shape[0] - 1)), int(min(left, plane.v.shape[1] - 1))
    y = (plane.v - plane.v[row, column]) * unit / tall
    x = (plane.u - plane.u[row, column]) * unit / wide
    inside = np.minimum((0.5 - np.abs(y - 0.5)) * tall, (0.5 - np.abs(x - 0.5)) * wide)
    return y, x, inside


def _window(
    rng: np.random.Generator, view: Array, plane: Plane, box: tuple[float, float, float, float], unit: float
) -> tuple[Array, Array]:
    """A framed window that mirrors a sky, with its sill and its shadow."""
    y, x, inside = _on_plane(plane, box, unit)
    frame = 0.06 * box[3] + 2
    below = (
        smoothstep(0.0, 0.1 * box[2], (y - 1.0) * box[2])
        * smoothstep(0.3, 0.0, y - 1)
        * (x > -0.03)
        * (x < 1.1)
    )
    view = view * (1 - 0.45 * below * (y > 1))[..., None]
    colour = tint(rng, srgb(rng.choice(["#e8e4da", "#5a4030", "#3f5a4a", "#7a2f2a"])), 0.1)
    light = (0.75 + 0.25 * (1 - y) + 0.1 * (x < 0.5))[..., None]
    panes = int(rng.integers(2, 4))
    bars = np.minimum(np.abs((x * 2) % 1.0 - 0.5) * -2 + 1, np.abs((y * panes) % 1.0 - 0.5) * -2 + 1) * 0.25
    glass_inside = np.minimum(inside - frame, bars * box[3] - frame * 0.35)
    mirror = draw_sky(rng, view.shape[:2], 0.8 * view.shape[0])
    dark = tint(rng, srgb("#1c232b"), 0.2)
    curtain = (
        0.10 * (1 + np.sin(40 * x + 3 * np.sin(9 * y)))[..., None] * (x < rng.uniform(0.1, 0.5))[..., None]
    )
    glass = dark + (0.15 + 0.45 * smoothstep(0.2, 0.9, 1.2 - y + 0.2 * x))[..., None] * mirror + curtain
    view = blend(view, colour * light, soft_edge(inside, 1.3))
    return blend(view, glass, soft_edge(glass_inside, 1.3)), inside > 0


def _poster(
    rng: np.random.Generator, view: Array, plane: Plane, box: tuple[float, float, float, float], unit: float
) -> tuple[Array, Array]:
    """A sign with lines of something like writing and a picture of two colours."""
    y, x, inside = _on_plane(plane, box, unit)
    paper, ink, patch = (
        tint(rng, srgb(code), 0.15)
        for code in rng.choice(
            ["#efe6cf", "#d9b23c", "#b23a36", "#2f5a86", "#26302b", "#f4f2ee"], 3, replace=False
        )
    )
    lines = int(rng.integers(6, 12))
    written = scatter(rng, np.floor(y * lines), np.floor(x * lines * 2.4)) > 0.35
    text = (
        written & (np.abs((y * lines) % 1.0 - 0.5) < 0.22) & (np.abs(x - 0.5) < 0.4) & (y > 0.45) & (y < 0.93)
    )
    blob = np.hypot((x - rng.uniform(0.3, 0.7)) * 1.2, (y - 0.24) * 1.8) < rng.uniform(0.15, 0.32)
    sheet = np.where(text[..., None], ink, np.where((blob & (y < 0.45))[..., None], patch, paper))
    wear = np.exp(0.06 * fractal(rng, view.shape[:2], 1.6, largest=view.shape[1] / 8))
    return blend(view, (sheet * wear[..., None] * 0.9).astype(np.float32), soft_edge(inside, 1.3)), inside > 0


def _shadow(rng: np.random.Generator, view: Array, light: Light) -> Array:
    """Throw the shadow of a roof or of leaves across the wall, in half of the pictures."""
    if rng.random() < 0.5:
        return view
    rows, columns = coordinates(view.shape[:2])
    slope, start = rng.uniform(-1.2, 1.2), rng.uniform(0.1, 0.7) * view.shape[0]
    line = start + slope * (columns - view.shape[1] / 2)
    leaves = fractal(rng, view.shape[:2], 2.2, largest=view.shape[1] / 10)
    dark = smoothstep(6.0, -6.0, rows - line + rng.choice([0.0, 28.0]) * leaves)
    depth = light.ambient / (light.ambient + 0.7 * light.colour)
    return view * (1 - dark[..., None] * (1 - depth))


def draw_street(rng: np.random.Generator, shape: tuple[int, int]) -> Scene:
    """Draw houses side by side under a sky, a pavement, sometimes trees; the houses are its objects."""
    height, width = shape
    horizon = rng.uniform(0.68, 0.85) * height
    light = daylight(rng)
    view = draw_sky(rng, shape, horizon)
    objects: list[Array] = []
    for row, far in enumerate((0.45, 0.0)):
        left = -rng.uniform(0.0, 0.2) * width
        while left < width:
            wide = rng.uniform(0.16, 0.34) * width * (1 - 0.4 * far)
            tall = rng.uniform(0.3, 0.85 if row else 0.95) * horizon * (1 - 0.15 * far)
            mask = _house(rng, view, (horizon - tall, left, tall, wide), light, far)
            objects = [*(old & ~mask for old in objects), mask] if row else objects
            left += wide * (rng.uniform(1.0, 1.5) if row else rng.uniform(0.95, 1.15))
    rows, _ = coordinates(shape)
    road = tiles(rng, ground_plane(shape, horizon, height / rng.uniform(1.0, 3.0))).albedo
    grit = fractal(rng, shape, 0.8, largest=12.0)
    road = (
        (0.35 * road + 0.65 * srgb("#77746f"))
        * (light.ambient + 0.7 * light.colour)
        * np.exp(0.10 * grit)[..., None]
    )
    on_road = soft_edge(rows - horizon, 1.2)
    view = blend(view, road, on_road)
    if rng.random() < 0.6:
        place = rng.uniform(0.1, 0.9) * width
        tree = draw_tree(rng, view, horizon + 0.05 * height, place, rng.uniform(0.3, 0.6) * height, light)
        objects = [*(old & ~tree for old in objects), tree]
    return Scene(view.astype(np.float32), tuple(objects))


def _house(
    rng: np.random.Generator, view: Array, box: tuple[float, float, float, float], light: Light, far: float
) -> Array:
    """Put a front with storeys of windows into `view`, paler where it is far; tells where it is."""
    top, left, tall, wide = box
    window = window_of(view.shape[:2], top - 1, left - 1, top + tall + 1, left + wide + 1)
    rows, columns = coordinates(view.shape[:2], window)
    y, x = (rows - top) / tall, (columns - left) / wide
    inside = np.minimum(np.minimum(columns - left, left + wide - columns), rows - top)
    pixel = 1.0 / max(view.shape[1] / 12, 1.0)
    plane = Plane(rows * pixel, columns * pixel, np.full(rows.shape, pixel, np.float32))
    surface = WALLS[int(rng.integers(2))](rng, plane)
    front = surface.albedo * lambert(surface.relief / pixel * 0.6, light)
    storeys = max(int(tall / rng.uniform(24, 44) * 256 / view.shape[0]), 2)
    across = max(int(wide / rng.uniform(20, 36) * 256 / view.shape[0]), 2)
    cell_y, cell_x = (y * storeys) % 1.0, (x * across) % 1.0
    to_edge = np.minimum(
        (0.30 - np.abs(cell_y - 0.52)) * tall / storeys, (0.26 - np.abs(cell_x - 0.5)) * wide / across
    )
    number = scatter(rng, np.floor(y * storeys), np.floor(x * across))
    lit = (number > rng.uniform(0.75, 1.0))[..., None]
    mirror = (0.05 + 0.5 * number * (1.1 - cell_y))[..., None] * srgb("#9fb4c8")
    glass = np.where(lit, srgb("#ffd58a") * (0.9 + 0.4 * cell_y)[..., None], mirror)
    front = blend(front, np.broadcast_to(srgb("#d8d4cb"), front.shape), soft_edge(to_edge + 2.0) * (y > 0.03))
    front = (
        blend(front, glass, soft_edge(to_edge) * (y > 0.03))
        * (0.82 + 0.18 * smoothstep(0.0, 0.2, x))[..., None]
    )
    front = front * np.where(y < 0.035, 0.55, 1.0)[..., None]  # the eaves
    haze = view[: max(int(top + tall) - 2, 1)].mean(axis=(0, 1))
    front = front + (haze - front) * far
    view[window] = blend(view[window], front, soft_edge(inside, 1.2))
    return placed(view.shape[:2], window, (inside > 0) & (y < 1))
