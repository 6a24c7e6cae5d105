"""A simulated camera, from a scene in linear light to the bytes of its file; and how editors save.

In this order: lens (blur, colour fringes, darker corners), exposure, colour filter array, noise of
photons and of the sensor, its fixed pattern, steps of the converter, white balance, demosaicing,
colour, noise reduction, tone curve, sharpening, encoding.
"""

import io
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image

Array = np.ndarray

# Which of red (0), green (1) and blue (2) lies over each pixel of a 2 x 2 cell of the colour filter array.
PATTERNS: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "RGGB": ((0, 1), (1, 2)),
    "BGGR": ((2, 1), (1, 0)),
    "GRBG": ((1, 0), (2, 1)),
    "GBRG": ((1, 2), (0, 1)),
}

_STEPS = 65535 / 3  # of a balanced pixel: OpenCV demosaics 16 bits, and no white balance triples a colour


@dataclass(frozen=True)
class Camera:
    """What one model of camera does to light.

    Attributes:
        name: as its files say.
        blur: standard deviation of the lens's point spread, pixels.
        fringe: how much larger red is drawn than blue, share of the picture.
        vignetting: share of light lost in the corners.
        pattern: key of `PATTERNS`.
        edge_aware: whether it guesses missing colours along edges; else it averages all neighbours.
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
    edge_aware: bool
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
    return _developed(demosaiced(balanced, camera), camera)


def mosaic(rgb: Array, pattern: str) -> Array:
    """Keep the colour that the filter over each pixel lets through: (H, W, 3) -> (H, W)."""
    height, width = rgb.shape[:2]
    seen = np.tile(PATTERNS[pattern], (height // 2 + 1, width // 2 + 1))[:height, :width]
    return np.take_along_axis(rgb, seen[..., None], axis=2)[..., 0]


def demosaiced(raw: Array, camera: Camera) -> Array:
    """Guess the two colours that each pixel has not seen: (H, W) of 0 to 3 -> (H, W, 3) float32."""
    code = getattr(cv2, f"COLOR_Bayer{camera.pattern}2RGB{'_EA' if camera.edge_aware else ''}")
    return cv2.demosaicing(np.round(raw * _STEPS).astype(np.uint16), code).astype(np.float32) / _STEPS


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
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
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


# From a pocket camera in bad light to a good one on a tripod. They are nobody's products; what they do spans
# what is found in the collections of the field.
CAMERAS = (
    Camera(
        name="Aster 10", blur=0.62, fringe=4e-4, vignetting=0.20,
        pattern="RGGB", edge_aware=True,
        photons=9000, read_noise=6, fixed_pattern=0.006, bits=12,
        balance=(1.9, 1.5), saturation=0.95, denoising=0.0, contrast=0.25, sharpening=0.35,
        jpeg_quality=92, subsampling="4:2:0",
    ),
    Camera(
        name="Borea P2", blur=0.85, fringe=9e-4, vignetting=0.30,
        pattern="BGGR", edge_aware=False,
        photons=2200, read_noise=9, fixed_pattern=0.010, bits=10,
        balance=(1.6, 1.8), saturation=1.00, denoising=1.2, contrast=0.45, sharpening=0.70,
        jpeg_quality=84, subsampling="4:2:0",
    ),
    Camera(
        name="Cirro X", blur=0.50, fringe=2e-4, vignetting=0.12,
        pattern="GRBG", edge_aware=True,
        photons=20000, read_noise=4, fixed_pattern=0.004, bits=14,
        balance=(2.1, 1.4), saturation=0.85, denoising=0.0, contrast=0.15, sharpening=0.20,
        jpeg_quality=96, subsampling="4:4:4",
    ),
    Camera(
        name="Dune 5", blur=0.72, fringe=6e-4, vignetting=0.25,
        pattern="GBRG", edge_aware=True,
        photons=4500, read_noise=7, fixed_pattern=0.008, bits=12,
        balance=(1.8, 1.6), saturation=0.95, denoising=0.7, contrast=0.35, sharpening=0.50,
        jpeg_quality=88, subsampling="4:2:2",
    ),
    Camera(
        name="Eldar Mini", blur=0.95, fringe=1e-3, vignetting=0.35,
        pattern="RGGB", edge_aware=False,
        photons=1500, read_noise=10, fixed_pattern=0.012, bits=10,
        balance=(1.5, 1.7), saturation=1.05, denoising=1.6, contrast=0.50, sharpening=0.85,
        jpeg_quality=80, subsampling="4:2:0",
    ),
    Camera(
        name="Fjord 7", blur=0.58, fringe=3e-4, vignetting=0.15,
        pattern="BGGR", edge_aware=True,
        photons=12000, read_noise=5, fixed_pattern=0.005, bits=14,
        balance=(2.0, 1.5), saturation=0.90, denoising=0.0, contrast=0.20, sharpening=0.30,
        jpeg_quality=90, subsampling="4:2:0",
    ),
)  # fmt: skip

# How cameras and editors save: formats, JPEG tables and what they write beside the pixels.

_SUBSAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}

# Two editors of our own, each with tables that are no libjpeg quality, as those of real editors are not.
# A table is `start` + `rise` x (frequency down + frequency across), rounded; finer for brightness.
_EDITORS = {
    "Atelier 3": {"brightness": (2.0, 1.1), "colour": (3.0, 1.9), "subsampling": "4:4:4"},
    "Retouche 11": {"brightness": (3.0, 1.5), "colour": (4.0, 2.4), "subsampling": "4:2:0"},
}
EDITORS = tuple(_EDITORS)
LOSSLESS = ("png", "tif")


def save_camera_jpeg(pixels: Array, camera: Camera) -> bytes:
    """Encode (H, W, 3) uint8 as the camera does, or its own gallery after an edit."""
    return _encoded(
        pixels, "JPEG", camera.name, quality=camera.jpeg_quality, subsampling=_SUBSAMPLING[camera.subsampling]
    )


def save_editor_jpeg(pixels: Array, editor: str) -> bytes:
    """Encode (H, W, 3) uint8 as JPEG with the tables of one of `EDITORS`."""
    own: dict[str, Any] = _EDITORS[editor]
    tables = [_table(*own["brightness"]), _table(*own["colour"])]
    return _encoded(pixels, "JPEG", editor, qtables=tables, subsampling=_SUBSAMPLING[own["subsampling"]])


def save_lossless(pixels: Array, ending: str, editor: str) -> bytes:
    """Encode (H, W, 3) uint8 as PNG or TIFF, each editor with a compression of its own."""
    if ending == "png":
        return _encoded(pixels, "PNG", editor, compress_level=6)
    return _without_chance(
        _encoded(pixels, "TIFF", editor, compression="tiff_lzw" if editor == EDITORS[0] else None)
    )


def _without_chance(tiff: bytes) -> bytes:
    """Zero the byte that libtiff leaves as memory was, where pixels end at an odd place of the file."""
    directory = int.from_bytes(tiff[4:8], "little")
    with Image.open(io.BytesIO(tiff)) as picture:
        offsets, sizes = (picture.tag_v2[tag] for tag in (273, 279))  # type: ignore[attr-defined]
    end = offsets[-1] + sizes[-1]
    return tiff if end + 1 != directory else tiff[:end] + b"\0" + tiff[directory:]


def decoded(content: bytes) -> Array:
    """The pixels that a viewer shows of what was saved here: (H, W, 3) uint8."""
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture.convert("RGB"))


def _encoded(pixels: Array, kind: str, software: str, **settings: Any) -> bytes:
    """Save with Pillow; name what saved it in EXIF."""
    picture = Image.fromarray(pixels)
    exif = picture.getexif()
    exif[0x0131] = software  # Software
    content = io.BytesIO()
    given = {key: value for key, value in settings.items() if value is not None}
    picture.save(content, kind, exif=exif, **given)
    return content.getvalue()


def _table(start: float, rise: float) -> list[int]:
    """A quantisation table that grows with frequency, row by row as Pillow takes it."""
    down, across = np.mgrid[0:8, 0:8]
    return [int(value) for value in np.clip(np.round(start + rise * (down + across)), 1, 255).ravel()]


def save_mask(mask: Array) -> bytes:
    """Encode (H, W) bool as PNG of one channel: 0 untouched, 255 tampered."""
    content = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(content, "PNG")
    return content.getvalue()
