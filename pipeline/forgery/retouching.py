"""Retouching in place: what an editor's brushes do to a part of a picture without anything laid in.

Each takes a generator, a picture (H, W, 3) uint8 and what is selected, (H, W) bool with at least one pixel,
and changes no pixel outside of that.
"""

from collections.abc import Callable, Mapping

import cv2
import numpy as np

from pipeline.forgery.patches import Array, Forgery, Patch, paste

_SOFT = 1.0  # deviation of the feather of an edge, pixels


def local_blur(rng: np.random.Generator, picture: Array, outline: Array) -> Forgery:
    """Soften what lies in `outline` (H, W) bool, with a soft edge."""
    return _in_place(picture, cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.6, 2.5))), outline)


def local_resampling(rng: np.random.Generator, picture: Array, outline: Array) -> Forgery:
    """Turn or scale what lies in `outline` (H, W) bool a little about its middle: what warping tools do."""
    rows, columns = np.nonzero(outline)
    middle = (float(columns.mean()), float(rows.mean()))
    move = cv2.getRotationMatrix2D(middle, float(rng.uniform(-12, 12)), float(rng.uniform(0.8, 1.3)))
    moved = cv2.warpAffine(
        picture, move, picture.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return _in_place(picture, moved, outline)


def recolouring(rng: np.random.Generator, picture: Array, outline: Array) -> Forgery:
    """Give another brightness, contrast, colour temperature and strength of colours, as sliders do.

    The least change is one that is seen: brightness by a tenth, or a colour by as much.
    """
    values = picture.astype(np.float32)
    gamma = float(np.exp(rng.choice([-1, 1]) * rng.uniform(0.12, 0.5)))
    values = np.float32(255) * (values / np.float32(255)) ** np.float32(gamma)
    warmth = float(rng.uniform(-0.12, 0.12))
    values *= np.array([1 + warmth, 1, 1 - warmth], np.float32)
    grey = values.mean(axis=2, keepdims=True)
    values = grey + float(rng.uniform(0.5, 1.5)) * (values - grey)
    forged = _in_place(picture, np.clip(values, 0, 255), outline)
    return Forgery(forged.pixels, forged.mask, recoloured=True, feathered=True)


def local_noise(rng: np.random.Generator, picture: Array, outline: Array) -> Forgery:
    """Strew grain over it, of one brightness for all colours or of each: what covers up a paste."""
    spread, channels = float(rng.uniform(2.0, 10.0)), int(rng.choice([1, 3]))
    grain = rng.normal(0, spread, (*picture.shape[:2], channels)).astype(np.float32)
    return _in_place(picture, np.clip(picture + grain, 0, 255), outline)


def fill(rng: np.random.Generator, picture: Array, outline: Array) -> Forgery:
    """Let what is around flow in, as tools that fill by themselves do; at times with grain on it.

    Sources: A. Telea, An image inpainting technique based on the fast marching method, J. Graphics Tools
    2004; M. Bertalmio, A. Bertozzi and G. Sapiro, Navier-Stokes, fluid dynamics, and image and video
    inpainting, CVPR 2001; both as OpenCV has them.
    """
    how = int(rng.choice([cv2.INPAINT_TELEA, cv2.INPAINT_NS]))
    filled = cv2.inpaint(picture, outline.astype(np.uint8), float(rng.integers(2, 6)), how)
    if rng.random() < 0.5:
        filled = np.clip(filled + rng.normal(0, rng.uniform(1, 5), (*outline.shape, 1)), 0, 255)
    pixels = np.where(outline[..., None], np.round(filled).astype(np.uint8), picture)
    return Forgery(pixels, outline.copy())


def _in_place(picture: Array, changed: Array, outline: Array) -> Forgery:
    alpha = cv2.GaussianBlur(outline.astype(np.float32), (0, 0), _SOFT) * outline
    return paste(picture, Patch(changed.astype(np.float32), alpha), 0, 0)


RETOUCHING: Mapping[str, Callable[[np.random.Generator, Array, Array], Forgery]] = {
    "local_blur": local_blur,
    "local_resampling": local_resampling,
    "recolouring": recolouring,
    "local_noise": local_noise,
    "fill": fill,
}
