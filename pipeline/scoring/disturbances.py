"""Changes of a picture that need more than `inputs.alteration`: other saves, other grids, noise and tone."""

import io

import cv2
import numpy as np
from PIL import Image

from pipeline.images.savings import Jpeg
from pipeline.inputs.alteration import Alteration
from pipeline.inputs.load import NO_TABLE, Loaded, on_grid
from pipeline.inputs.saves import saved

_WEBP_SIDE = 16_376  # pixels: the largest multiple of 8 that WebP can hold
_NETWORK_SIDE = 2_048  # pixels of the longest side, Facebook's largest
_NETWORK_SCALE = 0.75  # of pictures that are smaller, so that none keeps its pixels
_NETWORK_QUALITY = 71  # the quality that Facebook's tables lie at


def cut_off(cut: tuple[int, int], pixels: np.ndarray, _: np.random.Generator) -> Loaded:
    """Take rows and columns off the upper and the left border: the grid of the last save moves with them."""
    rows, columns = cut
    return Loaded(np.ascontiguousarray(on_grid(pixels[rows:, columns:])), NO_TABLE)


def save_twice(
    qualities: tuple[int, int], cut: tuple[int, int] | None, pixels: np.ndarray, rng: np.random.Generator
) -> Loaded:
    """Save as JPEG, cut, if anything is to be, and save again; colours halved both times."""
    first, second = (Jpeg(quality, "4:2:0") for quality in qualities)
    once = saved(pixels, first)
    return saved((cut_off(cut, once.pixels, rng) if cut else once).pixels, second)


def save_webp(quality: int, pixels: np.ndarray, _: np.random.Generator) -> Loaded:
    """Save as WebP with loss; of a picture larger than one can be, the upper left."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[:_WEBP_SIDE, :_WEBP_SIDE])).save(
        buffer, "WEBP", quality=quality
    )
    with Image.open(buffer, formats=("WEBP",)) as picture:
        return Loaded(np.asarray(picture.convert("RGB")), NO_TABLE)


def add_noise(sigma: float, pixels: np.ndarray, rng: np.random.Generator) -> Loaded:
    """Add Gaussian noise of standard deviation `sigma` levels to each colour of each pixel."""
    noise = rng.standard_normal(pixels.shape, np.float32)
    noise *= np.float32(sigma)
    noise += pixels
    return Loaded(np.clip(np.rint(noise, out=noise), 0, 255, out=noise).astype(np.uint8), NO_TABLE)


def apply_curve(curve: np.ndarray, pixels: np.ndarray, _: np.random.Generator) -> Loaded:
    """Replace each of the 256 levels by that of `curve`, rounded and kept within 8 bits."""
    return Loaded(cv2.LUT(pixels, np.clip(np.rint(curve), 0, 255).astype(np.uint8)), NO_TABLE)


def send_through_network(pixels: np.ndarray, _: np.random.Generator) -> Loaded:
    """Shrink and save as social networks do: at most 2,048 pixels a side, JPEG 71, colours halved.

    The chain as Wu et al. describe it (Robust Image Forgery Detection over Online Social Network Shared
    Images, CVPR 2022); the smaller scale is ours.
    """
    longest = max(pixels.shape[:2])
    scale = _NETWORK_SIDE / longest if longest > _NETWORK_SIDE else _NETWORK_SCALE
    return Alteration(scale=scale, save=Jpeg(_NETWORK_QUALITY, "4:2:0")).apply(pixels)


def take_screenshot(
    scale: float, cut: tuple[int, int], pixels: np.ndarray, rng: np.random.Generator
) -> Loaded:
    """Show at another scale and at a place off the grid, and save what is seen without loss."""
    return cut_off(cut, Alteration(scale=scale).apply(pixels).pixels, rng)
