"""One scene of any family."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pipeline.forgery.scenes.buildings import draw_street, draw_wall
from pipeline.forgery.scenes.landscape import draw_landscape
from pipeline.forgery.scenes.plants import draw_ground, draw_plants
from pipeline.forgery.scenes.scene import Scene
from pipeline.forgery.scenes.still_life import draw_still_life


class Family(NamedTuple):
    """A kind of scene.

    Attributes:
        category: what CASIA would call it: nat (nature), ind (indoors), arc (architecture), pla (plants),
            txt (textures).
        draw: from a generator and a shape (height, width), both at least 32, to a scene.
    """

    category: str
    draw: Callable[[np.random.Generator, tuple[int, int]], Scene]


FAMILIES = (
    Family("nat", draw_landscape),
    Family("ind", draw_still_life),
    Family("arc", draw_wall),
    Family("pla", draw_plants),
    Family("arc", draw_street),
    Family("txt", draw_ground),
)
