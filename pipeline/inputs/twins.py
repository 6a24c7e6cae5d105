"""A fake and its untouched twin, made of a genuine photograph while training runs.

Both go through the same saves, so that neither the last one nor an earlier one of the whole picture tells
them apart: only what was tampered with has another history. The idea of training on composites of one's own
material with exact masks is that of CAT-Net (Kwon et al., IJCV 2022, doi:10.1007/s11263-022-01617-5).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.forgery.tamper import tamper
from pipeline.inputs.alteration import Alteration
from pipeline.inputs.decoded import DecodedPictures
from pipeline.inputs.load import on_grid
from pipeline.inputs.saves import draw_jpeg, saved
from pipeline.inputs.windows import draw_window

_RESAVED, _SHRUNK = 0.15, 0.25  # shares of the hosts; the others are taken as they were handed in
_SMALLEST = 0.45  # factor by which a host is shrunk, which wipes out what earlier saves have left
_DONOR_RESAVED = 0.25
_DONOR_SIDE = 1.25  # of a crop's: room to cut from
_HOST_QUALITIES, _DONOR_QUALITIES = (50, 99), (40, 99)


@dataclass(frozen=True)
class Scene:
    """What the two twins have in common.

    Attributes:
        pixels: (h, w, 3) uint8, on the grid, before tampering and the last save.
        seed: of the tampering.
    """

    pixels: np.ndarray
    seed: int


def draw_scene(
    rng: np.random.Generator,
    sources: DecodedPictures,
    row: int,
    size: tuple[int, int],
    alteration: Alteration,
) -> Scene:
    """Take a window of a genuine picture, with a history of its own.

    Args:
        rng: where everything is drawn from.
        sources: genuine pictures as handed in.
        row: number of the one.
        size: height and width of the crop that is wanted in the end.
        alteration: what is done to both twins after the tampering.
    """
    picture = sources[row].pixels
    height, width = alteration.source_size(size)
    kind, factor = rng.random(), 1.0
    if _RESAVED <= kind < _RESAVED + _SHRUNK:
        least = max(_SMALLEST, min(1.0, height / picture.shape[0], width / picture.shape[1]))
        factor = float(rng.uniform(least, 0.95)) if least < 0.95 else 1.0
    wanted = (int(np.ceil(height / factor / 8)) * 8, int(np.ceil(width / factor / 8)) * 8)
    pixels = picture[draw_window(rng, picture.shape[:2], wanted)]
    if factor < 1:
        shrunk = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        pixels = on_grid(shrunk)[:height, :width]
    elif kind < _RESAVED:
        pixels = saved(np.ascontiguousarray(pixels), draw_jpeg(rng, _HOST_QUALITIES)).pixels
    return Scene(np.ascontiguousarray(pixels), int(rng.integers(2**31)))


def tampered(scene: Scene, sources: DecodedPictures, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Tamper with a scene; what is spliced in comes from any of `sources`.

    Returns:
        (h, w, 3) uint8, and (h, w) bool of what was tampered with.
    """
    rng = np.random.default_rng([scene.seed])
    donor = sources[int(rng.integers(len(sources)))].pixels
    forged = tamper(rng, scene.pixels, _cut_off_the_grid(rng, donor, size))
    return forged.pixels, forged.mask


def _cut_off_the_grid(rng: np.random.Generator, donor: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Take a part of a donor that begins anywhere: where something is pasted, its old grid rarely fits."""
    wanted = [min(int(_DONOR_SIDE * side), there) for side, there in zip(size, donor.shape, strict=False)]
    top, left = (
        int(rng.integers(there - side + 1)) for side, there in zip(wanted, donor.shape, strict=False)
    )
    part = donor[top : top + wanted[0], left : left + wanted[1]]
    if rng.random() < _DONOR_RESAVED:
        part = saved(np.ascontiguousarray(part), draw_jpeg(rng, _DONOR_QUALITIES)).pixels
    return part
