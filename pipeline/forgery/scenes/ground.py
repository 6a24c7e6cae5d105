"""The ground from above: stones, planks, tiles, cloth or soil that fill the picture."""

import numpy as np

from pipeline.forgery.fields import fractal
from pipeline.forgery.scenes.materials import FLOORS, wall_plane
from pipeline.forgery.scenes.plants import leaves_on_ground
from pipeline.forgery.scenes.scene import Scene, daylight, lambert


def draw_ground(rng: np.random.Generator, shape: tuple[int, int]) -> Scene:
    """Draw a floor seen from above; fallen leaves, where there are any, are its objects."""
    light = daylight(rng)
    unit = shape[1] / rng.uniform(3.5, 8.0)
    surface = FLOORS[int(rng.integers(len(FLOORS)))](rng, wall_plane(rng, shape, unit, tilt=0.7))
    dapple = fractal(rng, shape, 2.8, largest=shape[1] / 2)
    view = surface.albedo * lambert(surface.relief * unit * 1.2, light) * np.exp(0.12 * dapple)[..., None]
    view, objects = leaves_on_ground(rng, view, light.ambient + 0.7 * light.colour)
    return Scene(view.astype(np.float32), objects)
