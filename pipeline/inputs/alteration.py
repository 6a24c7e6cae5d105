"""Scaling, blur and another save: what happens to pictures on their way, genuine and fake alike."""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.config import Augment
from pipeline.inputs.load import Loaded, on_grid
from pipeline.inputs.saves import Save, draw_jpeg, saved

_SCALED, _BLURRED = 0.4, 0.3  # shares of the altered pictures
_LEAST_BLUR = 0.3  # pixels; less changes no 8-bit value


@dataclass(frozen=True)
class Alteration:
    """What is done to a picture; drawn once for two twins.

    Attributes:
        scale: factor on height and width.
        blur: standard deviation of a Gaussian, in pixels; 0 is none.
        save: last of all.
    """

    scale: float = 1.0
    blur: float = 0.0
    save: Save = None

    def source_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Give the height and width, multiples of 8, from which a picture of at least `size` comes."""
        height, width = (int(np.ceil(side / self.scale / 8)) * 8 for side in size)
        return height, width

    def apply(self, pixels: np.ndarray) -> Loaded:
        """Alter (h, w, 3) uint8; the answer lies on its own grid."""
        if self.scale != 1.0:
            way = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_CUBIC
            pixels = on_grid(cv2.resize(pixels, None, fx=self.scale, fy=self.scale, interpolation=way))
        if self.blur:
            pixels = cv2.GaussianBlur(pixels, (0, 0), self.blur)
        return saved(np.ascontiguousarray(pixels), self.save)

    def follow(self, mask: np.ndarray) -> np.ndarray:
        """Scale a mask (h, w) with its picture."""
        if self.scale == 1.0:
            return mask
        scaled = cv2.resize(
            mask.astype(np.uint8), None, fx=self.scale, fy=self.scale, interpolation=cv2.INTER_NEAREST
        )
        # As `on_grid` does with the pixels: what lies beyond the grid goes, a cell at least is there.
        height, width = (max(side // 8, 1) * 8 for side in scaled.shape)
        cut = scaled[:height, :width]
        return np.pad(cut, ((0, height - cut.shape[0]), (0, width - cut.shape[1])), mode="edge") > 0


def draw_alteration(rng: np.random.Generator, augment: Augment) -> Alteration:
    """Draw from what the configuration allows."""
    scale, blur = 1.0, 0.0
    if rng.random() < _SCALED:
        scale = float(np.exp(rng.uniform(*np.log(augment.scale))))
    if rng.random() < _BLURRED and augment.blur > _LEAST_BLUR:
        blur = float(rng.uniform(_LEAST_BLUR, augment.blur))
    save = None if rng.random() < augment.lossless else draw_jpeg(rng, augment.quality)
    return Alteration(scale, blur, save)
