"""Colours as they are meant: ICC profiles to sRGB, in which networks and screens take them."""

import functools
import io
import logging
from typing import Any

import numpy as np
from PIL import Image, ImageCms

_log = logging.getLogger("pipeline.images")
_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
# Profiles that differ from sRGB by no more than this, in steps of 255, are it: they are written by hundreds
# of programs in as many roundings, and applying them would cost time and change nothing but noise.
_SAME = 2
_GRID = 9  # steps of each axis at which a profile is compared with sRGB


def applied_profile(image: Image.Image) -> Any | None:
    """Give the transformation to sRGB that a picture's ICC profile asks for.

    Args:
        image: of mode RGB, L or CMYK; it need not be decoded.

    Returns:
        what `ImageCms.applyTransform` takes; None where there is no profile, where it is sRGB, where it is
        broken or made for other colours than the picture has (a line in the log says so).
    """
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not profile or image.mode not in _SPACES:
        return None
    return _transform(profile, image.mode)


def to_srgb(image: Image.Image) -> Image.Image:
    """Bring a picture of mode RGB, L or CMYK to mode RGB in sRGB, by its profile where it has one."""
    if transform := applied_profile(image):
        return ImageCms.applyTransform(image, transform) or image
    return image if image.mode == "RGB" else image.convert("RGB")


@functools.lru_cache(maxsize=64)  # collections come from few cameras and programs
def _transform(content: bytes, mode: str) -> Any | None:
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
        space = profile.profile.xcolor_space.strip()
        if space != _SPACES[mode]:
            _log.info("an ICC profile for %s is ignored in a picture of mode %s", space, mode)
            return None
        transform = ImageCms.buildTransform(
            profile,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return None if _changes_nothing(transform, mode) else transform
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        _log.info("a broken ICC profile is ignored: %s", error)
        return None


def _changes_nothing(transform: Any, mode: str) -> bool:
    if mode == "CMYK":  # there is no plain way from ink to light
        return False
    steps = np.linspace(0, 255, _GRID).round().astype(np.uint8)
    if mode == "L":
        colours = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    else:
        grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)
        colours = Image.fromarray(grid.reshape(_GRID, -1, 3))
    shown = ImageCms.applyTransform(colours, transform)
    before, after = np.asarray(colours.convert("RGB"), int), np.asarray(shown, int)
    return bool(np.abs(before - after).max() <= _SAME)
