"""A simulated camera: from a scene in linear light to the 8-bit picture that its processor makes.

In this order: lens (blur, colour fringes, darker corners), exposure, colour filter array, noise of
photons and of the sensor, its fixed pattern, steps of the converter, white balance, demosaicing,
colour, noise reduction, tone curve, sharpening.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.forgery.fields import Array, coordinates
from pipeline.forgery.mosaic import DEMOSAICERS, mosaic


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
