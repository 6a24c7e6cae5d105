"""A simulated camera: from a scene in linear light to the 8-bit picture that its processor makes.

In this order: lens (blur, colour fringes, darker corners), exposure, colour filter array, noise of
photons and of the sensor, its fixed pattern, steps of the converter, white balance, demosaicing,
colour, noise reduction, tone curve, sharpening.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.forgery.fields import Array, coordinates

# Colour filter arrays: one colour a pixel, and three ways to guess the other two.
#

# Which of red (0), green (1) and blue (2) lies over each pixel of a 2 x 2 cell.
PATTERNS: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "rggb": ((0, 1), (1, 2)),
    "bggr": ((2, 1), (1, 0)),
    "grbg": ((1, 0), (2, 1)),
    "gbrg": ((1, 2), (0, 1)),
}

_CROSS = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]], np.float32) / 4
_SQUARE = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 4

# The filters of Malvar, He and Cutler, in eighths: green at red or blue; red at green in a red row;
# red at green in a blue row; red at blue.
_GREEN = np.array([[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]])
_ALONG = np.array(
    [[0, 0, 0.5, 0, 0], [0, -1, 0, -1, 0], [-1, 4, 5, 4, -1], [0, -1, 0, -1, 0], [0, 0, 0.5, 0, 0]]
)
_ASIDE = np.array(
    [[0, 0, -1.5, 0, 0], [0, 2, 0, 2, 0], [-1.5, 0, 6, 0, -1.5], [0, 2, 0, 2, 0], [0, 0, -1.5, 0, 0]]
)


def colours_under(pattern: str, shape: tuple[int, int]) -> Array:
    """Which of red, green and blue each pixel sees: (H, W) of 0, 1, 2."""
    cell = np.array(PATTERNS[pattern], np.int8)
    return np.tile(cell, (shape[0] // 2 + 1, shape[1] // 2 + 1))[: shape[0], : shape[1]]


def mosaic(rgb: Array, pattern: str) -> Array:
    """Keep the colour that the filter over each pixel lets through: (H, W, 3) → (H, W)."""
    filters = colours_under(pattern, rgb.shape[:2])
    return np.take_along_axis(rgb, filters[..., None].astype(np.int64), axis=2)[..., 0]


def bilinear(raw: Array, pattern: str) -> Array:
    """Average the neighbours that saw the colour: (H, W) → (H, W, 3)."""
    filters = colours_under(pattern, raw.shape)
    planes = [
        _filtered(np.where(filters == colour, raw, 0), _CROSS if colour == 1 else _SQUARE)
        for colour in range(3)
    ]
    return np.stack(planes, axis=2)


def gradient_corrected(raw: Array, pattern: str) -> Array:
    """Bilinear, corrected by the gradient of the colour that was seen: (H, W) → (H, W, 3).

    Source: H. S. Malvar, L. He and R. Cutler, High-quality linear interpolation for demosaicing of
    Bayer-patterned color images, ICASSP 2004.
    """
    filters = colours_under(pattern, raw.shape)
    along, aside, diagonal = (_filtered(raw, kernel / 8) for kernel in (_ALONG, _ALONG.T, _ASIDE))
    green = np.where(filters == 1, raw, _filtered(raw, _GREEN / 8))
    planes = [green, green, green]
    for colour in (0, 2):
        in_row = (filters == colour).any(axis=1)[:, None]
        at_green = np.where(in_row, along, aside)
        planes[colour] = np.where(filters == colour, raw, np.where(filters == 1, at_green, diagonal))
    return np.stack(planes, axis=2)


def colour_differences(raw: Array, pattern: str) -> Array:
    """Green along the weaker of both gradients, then smooth differences to green: (H, W) → (H, W, 3).

    Source: J. F. Hamilton and J. E. Adams, US patent 5,629,734 (expired 2015).
    """
    filters = colours_under(pattern, raw.shape)
    across, down = (_filtered(raw, kernel) for kernel in (_LINE, _LINE.T))
    steep_across, steep_down = (
        np.abs(_filtered(raw, bend)) + np.abs(_filtered(raw, slope))
        for bend, slope in ((_BEND, _SLOPE), (_BEND.T, _SLOPE.T))
    )
    guess = np.where(steep_across < steep_down, across, down)
    green = np.where(filters == 1, raw, np.where(steep_across == steep_down, (across + down) / 2, guess))
    planes = [green, green, green]
    for colour in (0, 2):
        difference = np.where(filters == colour, raw - green, 0).astype(np.float32)
        planes[colour] = green + _filtered(difference, _SQUARE)
    return np.stack(planes, axis=2)


_LINE = np.array([[-1, 2, 2, 2, -1]], np.float32) / 4
_BEND = np.array([[-1, 0, 2, 0, -1]], np.float32)
_SLOPE = np.array([[0, -1, 0, 1, 0]], np.float32)

DEMOSAICERS: dict[str, Callable[[Array, str], Array]] = {
    "bilinear": bilinear,
    "gradient_corrected": gradient_corrected,
    "colour_differences": colour_differences,
}


def _filtered(plane: Array, kernel: Array) -> Array:
    """Correlate with `kernel`; mirroring without repeating the border keeps the filter array's phase."""
    kernel = kernel.astype(np.float32)
    return cv2.filter2D(plane.astype(np.float32), cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT_101)


@dataclass(frozen=True)
class Camera:
    """What one model of camera does to light.

    Attributes:
        name: as its files say.
        blur: standard deviation of the lens's point spread, pixels.
        fringe: how much larger red is drawn than blue, share of the picture.
        vignetting: share of light lost in the corners.
        pattern: key of `mosaic.PATTERNS`.
        demosaicing: key of `mosaic.DEMOSAICERS`.
        photons: electrons that a fully lit pixel holds; fewer mean more noise.
        read_noise: electrons.
        fixed_pattern: deviation of the pixels' sensitivities.
        bits: of the converter.
        balance: (red, blue) gains that make a white sheet white.
        saturation: 1 leaves colours as they are.
        denoising: deviation in pixels of the smoothing of colour noise; 0 is off.
        contrast: strength of the S in the tone curve.
        sharpening: strength of the unsharp mask at a radius of 1 pixel.
        jpeg_quality: libjpeg's scale, at which it saves.
        subsampling: of colour in its JPEGs.
    """

    name: str
    blur: float
    fringe: float
    vignetting: float
    pattern: str
    demosaicing: str
    photons: float
    read_noise: float
    fixed_pattern: float
    bits: int
    balance: tuple[float, float]
    saturation: float
    denoising: float
    contrast: float
    sharpening: float
    jpeg_quality: int
    subsampling: str


def photograph(rng: np.random.Generator, radiance: Array, camera: Camera) -> Array:
    """Take a picture.

    Args:
        rng: noise and exposure are drawn from it.
        radiance: (H, W, 3) float32 linear light, of any scale.
        camera: what takes it. Its fixed pattern is the same in every picture of one size.

    Returns:
        (H, W, 3) uint8 sRGB, as it stands in the processor before it is saved.
    """
    light = _exposed(rng, _through_lens(radiance, camera))
    gains = np.array([camera.balance[0], 1.0, camera.balance[1]], np.float32)
    raw = _sensed(rng, mosaic(light / gains, camera.pattern), camera)
    balanced = raw * mosaic(np.broadcast_to(gains, light.shape), camera.pattern)
    rgb = DEMOSAICERS[camera.demosaicing](balanced, camera.pattern)
    return _developed(rgb, camera)


def _through_lens(radiance: Array, camera: Camera) -> Array:
    """Blur, draw red and blue at slightly different sizes, darken the corners."""
    height, width = radiance.shape[:2]
    blurred = cv2.GaussianBlur(radiance, (0, 0), camera.blur, borderType=cv2.BORDER_REFLECT_101)
    for plane, size in ((0, 1 + camera.fringe), (2, 1 - camera.fringe)):
        shift = np.array([[size, 0, (1 - size) * width / 2], [0, size, (1 - size) * height / 2]], np.float32)
        channel = np.ascontiguousarray(blurred[..., plane])
        blurred[..., plane] = cv2.warpAffine(
            channel, shift, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
    rows, columns = coordinates((height, width))
    square = ((rows / height - 0.5) ** 2 + (columns / width - 0.5) ** 2) * 2
    return blurred * (1 - camera.vignetting * square)[..., None]


def _exposed(rng: np.random.Generator, light: Array) -> Array:
    """Meter as cameras do: bright parts near white, now and then too dark or burnt out."""
    bright = float(np.percentile(light.max(axis=2)[::2, ::2], 97.0))
    return light * np.float32(rng.uniform(0.72, 1.12) / max(bright, 1e-6))


def _sensed(rng: np.random.Generator, raw: Array, camera: Camera) -> Array:
    """Count electrons: noise that grows with the square root of light, and clipping; (H, W), 1 is full."""
    seed = [ord(letter) for letter in camera.name]  # one sensor, one pattern
    pattern = np.random.default_rng(seed).standard_normal(raw.shape, dtype=np.float32)
    electrons = np.maximum(raw, 0) * camera.photons * (1 + camera.fixed_pattern * pattern)
    spread = np.sqrt(electrons + camera.read_noise**2)
    electrons = electrons + spread * rng.standard_normal(raw.shape, dtype=np.float32)
    steps = 2**camera.bits - 1
    return np.clip(np.round(electrons / camera.photons * steps), 0, steps).astype(np.float32) / steps


def _developed(rgb: Array, camera: Camera) -> Array:
    """Colour, noise reduction, tone curve and sharpening: linear (H, W, 3) → uint8."""
    rgb = np.clip(rgb, 0.0, 1.0)
    grey = rgb @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    colour = rgb - grey[..., None]
    if camera.denoising:
        colour = cv2.GaussianBlur(colour, (0, 0), camera.denoising)
    rgb = np.clip(grey[..., None] + camera.saturation * colour, 0.0, 1.0)
    toned = _tone_curve(camera.contrast)[np.round(rgb * 4095).astype(np.int32)]
    blurred = cv2.GaussianBlur(toned, (0, 0), 1.0)
    sharp = toned + camera.sharpening * (toned - blurred)
    return np.round(np.clip(sharp, 0, 1) * 255).astype(np.uint8)


def _tone_curve(contrast: float) -> Array:
    """The sRGB curve of IEC 61966-2-1 with an S laid over it, at 4,096 steps of light."""
    light = np.linspace(0, 1, 4096)
    curve = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    bent = curve * curve * (3 - 2 * curve)
    return (curve + contrast * (bent - curve)).astype(np.float32)


# The cameras of the sample: from a pocket camera in bad light to a good one on a tripod.
#
# They are nobody's products; what they do spans what is found in the collections of the field.
#

CAMERAS = (
    Camera(
        name="Aster 10", blur=0.62, fringe=4e-4, vignetting=0.20,
        pattern="rggb", demosaicing="gradient_corrected",
        photons=9000, read_noise=6, fixed_pattern=0.006, bits=12,
        balance=(1.9, 1.5), saturation=0.95, denoising=0.0, contrast=0.25, sharpening=0.35,
        jpeg_quality=92, subsampling="4:2:0",
    ),
    Camera(
        name="Borea P2", blur=0.85, fringe=9e-4, vignetting=0.30,
        pattern="bggr", demosaicing="bilinear",
        photons=2200, read_noise=9, fixed_pattern=0.010, bits=10,
        balance=(1.6, 1.8), saturation=1.00, denoising=1.2, contrast=0.45, sharpening=0.70,
        jpeg_quality=84, subsampling="4:2:0",
    ),
    Camera(
        name="Cirro X", blur=0.50, fringe=2e-4, vignetting=0.12,
        pattern="grbg", demosaicing="colour_differences",
        photons=20000, read_noise=4, fixed_pattern=0.004, bits=14,
        balance=(2.1, 1.4), saturation=0.85, denoising=0.0, contrast=0.15, sharpening=0.20,
        jpeg_quality=96, subsampling="4:4:4",
    ),
    Camera(
        name="Dune 5", blur=0.72, fringe=6e-4, vignetting=0.25,
        pattern="gbrg", demosaicing="gradient_corrected",
        photons=4500, read_noise=7, fixed_pattern=0.008, bits=12,
        balance=(1.8, 1.6), saturation=0.95, denoising=0.7, contrast=0.35, sharpening=0.50,
        jpeg_quality=88, subsampling="4:2:2",
    ),
    Camera(
        name="Eldar Mini", blur=0.95, fringe=1e-3, vignetting=0.35,
        pattern="rggb", demosaicing="bilinear",
        photons=1500, read_noise=10, fixed_pattern=0.012, bits=10,
        balance=(1.5, 1.7), saturation=1.05, denoising=1.6, contrast=0.50, sharpening=0.85,
        jpeg_quality=80, subsampling="4:2:0",
    ),
    Camera(
        name="Fjord 7", blur=0.58, fringe=3e-4, vignetting=0.15,
        pattern="bggr", demosaicing="colour_differences",
        photons=12000, read_noise=5, fixed_pattern=0.005, bits=14,
        balance=(2.0, 1.5), saturation=0.90, denoising=0.0, contrast=0.20, sharpening=0.30,
        jpeg_quality=90, subsampling="4:2:0",
    ),
)  # fmt: skip
