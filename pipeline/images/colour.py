"""Colours as they are meant: ICC profiles to sRGB, as networks and screens take it, any depth to 8 bits."""

import io
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from pipeline.images.files import Unreadable

_log = logging.getLogger("pipeline.images")
_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}
# Profiles that differ from sRGB by no more than this, in steps of 255, are it: they are written by hundreds
# of programs in as many roundings, and applying them would cost time and change nothing but noise.
_SAME = 2
_GRID = 9  # steps of each axis at which a profile is compared with sRGB


def applied_profile(image: Image.Image) -> Any | None:
    """Return the transformation to sRGB that the ICC profile of a picture of mode RGB, L or CMYK asks for.

    None where there is no profile, where it is sRGB, where it is broken or made for other colours than the
    picture has (a line in the log says so).
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


def to_rgb(image: Image.Image) -> Image.Image:
    """Bring a picture of any mode to RGB in sRGB; transparent pixels are laid over white."""
    if image.mode.startswith(("I", "F")):
        profile = image.info.get("icc_profile")
        image = Image.fromarray(eight_bit(np.asarray(image)))
        image.info["icc_profile"] = profile
    elif image.has_transparency_data:
        image = on_white(image)
    elif image.mode not in {"RGB", "L", "CMYK"}:
        image = image.convert("RGB")  # which keeps `info`
    return to_srgb(image)


_CACHED = 16 << 20  # bytes of profiles, the largest that is applied too: collections come from few cameras
_MOST_CACHED = 64
_transforms: OrderedDict[tuple[bytes, str], Any | None] = OrderedDict()
_transforms_lock = threading.Lock()


def _transform(content: bytes, mode: str) -> Any | None:
    """Return what `applied_profile` does; those of the profiles that came last are kept, up to `_CACHED`."""
    if len(content) > _CACHED:
        _log.info("an ICC profile of %d bytes is ignored: more than any colour needs", len(content))
        return None
    key = (content, mode)
    with _transforms_lock:
        if key in _transforms:
            _transforms.move_to_end(key)
            return _transforms[key]
    made = _made(content, mode)
    with _transforms_lock:
        _transforms[key] = made
        kept = sum(len(profile) for profile, _ in _transforms)
        while kept > _CACHED or len(_transforms) > _MOST_CACHED:
            (profile, _), _ = _transforms.popitem(last=False)
            kept -= len(profile)
    return made


def _made(content: bytes, mode: str) -> Any | None:
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


_BAND_SAMPLES = 1 << 21  # scaled at a time: the floats of a large picture are never there all at once


def eight_bit(samples: np.ndarray, bits: int | None = None, nodata: float | None = None) -> np.ndarray:
    """Scale samples of any depth and sign to 0..255 by their range: never clipped, never wrapped around.

    >>> eight_bit(np.array([0, 2048, 4095], np.uint16), bits=12).tolist()
    [0, 128, 255]

    Unsigned integers of up to 16 bits are scaled by what their bits can hold. Signed ones, those of more
    bits and floats have no agreed white: the darkest becomes 0 and the brightest 255, all channels together,
    except floats within 0..1, whose white is 1. What is not a number becomes black, infinity white.

    Args:
        samples: any shape of at least one axis; booleans, integers or floats.
        bits: that hold a sample, where these are fewer than those of its type.
        nodata: what stands where no value is known. It has no part in the range, and becomes black.

    Returns:
        uint8 of the same shape.

    Raises:
        Unreadable: no sample holds a finite number.
    """
    if samples.dtype.kind == "b":
        return samples.astype(np.uint8) * np.uint8(255)
    bits = bits or 8 * samples.dtype.itemsize
    if samples.dtype.kind == "u" and bits <= 16:
        if bits == 8:
            return samples.astype(np.uint8, copy=False)
        white = (1 << bits) - 1
        table = np.rint(np.arange(white + 1) * (255 / white)).astype(np.uint8)
        return table[np.minimum(samples, white)]
    low, high = _range(samples, nodata)
    if samples.dtype.kind == "f" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    # Halved first: the span of the largest doubles is no double.
    span = (high / 2 - low / 2) or 1.0
    scaled = np.empty(samples.shape, np.uint8)
    for band in _bands(samples):
        values = np.nan_to_num(samples[band].astype(np.float64), nan=low, posinf=high, neginf=low)
        if nodata is not None:
            values[_is(nodata, samples[band])] = low
        scaled[band] = np.rint(np.clip((values / 2 - low / 2) / span, 0, 1) * 255)
    return scaled


def _range(samples: np.ndarray, nodata: float | None) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for band in _bands(samples):
        finite = samples[band]
        if samples.dtype.kind == "f":
            finite = finite[np.isfinite(finite)]
        if nodata is not None:
            finite = finite[~_is(nodata, finite)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low > high:
        raise Unreadable("no pixel holds a finite number")
    return low, high


def _is(nodata: float, samples: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # it is a text in the file, rounded as its samples are
        equal: np.ndarray = samples == (samples.dtype.type(nodata) if samples.dtype.kind == "f" else nodata)
    return equal


def _bands(samples: np.ndarray) -> Iterator[slice]:
    rows = max(_BAND_SAMPLES // max(samples[:1].size, 1), 1)
    for top in range(0, len(samples), rows):
        yield slice(top, top + rows)


def lab_bytes(samples: np.ndarray, icc: bool) -> np.ndarray:
    """Bring L*a*b* to 8-bit CIELab: lightness 0..255 for 0..100, a and b as signed bytes.

    Args:
        samples: (height, width, 3); floats are L*, a* and b* themselves.
        icc: integers are stored as ICC profiles do, with a and b around the middle; else as CIELab in a TIFF.
    """
    if samples.dtype == np.uint8 and not icc:
        return np.ascontiguousarray(samples)
    whole = np.empty(samples.shape, np.uint8)
    for band in _bands(samples):
        lightness, chroma = _lab_values(samples[band], icc)
        whole[band][..., :1] = np.rint(np.clip(np.nan_to_num(lightness), 0, 255))
        chroma = np.rint(np.clip(np.nan_to_num(chroma), -128, 127))
        whole[band][..., 1:] = chroma.astype(np.int8).view(np.uint8)
    return whole


def _lab_values(samples: np.ndarray, icc: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return lightness from 0 to 255, and a and b from -128 to 127."""
    if samples.dtype.kind == "f":
        return samples[..., :1] * 2.55, samples[..., 1:]
    if samples.dtype.itemsize == 1:
        return samples[..., :1], samples[..., 1:].astype(float) - 128
    if icc:
        return samples[..., :1] * (255 / 0xFF00), samples[..., 1:] / 256 - 128
    return samples[..., :1] * (255 / 65_535), samples[..., 1:].astype(np.int16) / 256


def opacity(alpha: np.ndarray, bits: int | None = None) -> np.ndarray:
    """Bring samples of an alpha channel to float32 from 0, transparent, to 1; `bits` as of `eight_bit`.

    A channel of zeros hides everything, which nobody saves a picture for: it is passed over, as 1.
    """
    if not alpha.any():
        return np.ones(alpha.shape, np.float32)
    if alpha.dtype.kind == "f":
        return np.nan_to_num(np.clip(alpha, 0, 1)).astype(np.float32)
    full = float(np.iinfo(alpha.dtype).max if bits is None or alpha.dtype.kind == "i" else (1 << bits) - 1)
    return np.clip(alpha / full, 0, 1).astype(np.float32)


def over_white(
    colours: np.ndarray, alpha: np.ndarray, multiplied: bool = False, white: int = 255
) -> np.ndarray:
    """Lay 8-bit colours over white paper, where they are transparent.

    Args:
        colours: (height, width, channels) uint8.
        alpha: (height, width, 1) of `opacity`.
        multiplied: the colours are multiplied with it already.
        white: of each channel; 0 for inks.
    """
    laid = np.empty(colours.shape, np.uint8)
    for band in _bands(colours):
        shown = colours[band] if multiplied else colours[band] * alpha[band]
        laid[band] = np.rint(np.clip(shown + (1 - alpha[band]) * white, 0, 255))
    return laid


def on_white(image: Image.Image) -> Image.Image:
    """Lay a picture of any mode with transparency over white, as RGB with its profile.

    One that is transparent all over is shown without its transparency, as of `opacity`.
    """
    width, height = image.size
    shown, rows, seen = Image.new("RGB", image.size), max(_BAND_SAMPLES // (4 * width), 1), False
    for composed in (True, False):
        for top in range(0, height, rows):
            band = image.crop((0, top, width, min(top + rows, height)))
            rgba = band.convert("LA").convert("RGBA") if band.mode == "La" else band.convert("RGBA")
            seen = seen or rgba.getchannel("A").getbbox() is not None
            if composed:
                rgba = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
            shown.paste(rgba.convert("RGB"), (0, top))
        if seen:
            break
    shown.info["icc_profile"] = image.info.get("icc_profile")
    return shown
