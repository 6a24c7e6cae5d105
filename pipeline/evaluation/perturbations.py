"""What pictures meet on their way, named and graded: does an answer survive it?

Both classes are treated alike. The grades cover those of IMDL-BenCo's robustness test
(https://github.com/scu-zjz/IMDLBenCo, `test_robust.py`) but for the strongest. The content probes take all
forensic traces away and ask what a detector knows without them.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from PIL import Image

from pipeline.images.encode import Jpeg
from pipeline.images.jpeg import BLOCK, NO_TABLE, dct_basis
from pipeline.inputs.augment_crops import ScaleBlurSave, recompressed
from pipeline.inputs.load import Loaded, on_grid

# What `ScaleBlurSave` cannot do: other encoders, other grids, noise and tone.

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
    once = recompressed(pixels, first)
    return recompressed((cut_off(cut, once.pixels, rng) if cut else once).pixels, second)


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
    return ScaleBlurSave(scale=scale, encoder=Jpeg(_NETWORK_QUALITY, "4:2:0")).apply(pixels)


def take_screenshot(
    scale: float, cut: tuple[int, int], pixels: np.ndarray, rng: np.random.Generator
) -> Loaded:
    """Show at another scale and at a place off the grid, and save what is seen without loss."""
    return cut_off(cut, ScaleBlurSave(scale=scale).apply(pixels).pixels, rng)


# Pictures of which only the content is left: what a detector still knows it knows from what is shown.
#
# The finest traces of a save lie in single coefficients of its 8 × 8 blocks, also in the lowest ones, so
# every probe mixes neighbouring blocks. With the lowest terms taken on the grid of the save, a detector
# trained on CASIA (ROC AUC 0.97) still reached 0.67; taken between its blocks, 0.59.
_LONGEST = 48  # pixels of a thumbnail
_SIGMA = 4.0  # pixels, of the blur
_KEPT = 3  # lowest terms along each axis of a block
_APART = BLOCK // 2  # pixels between the blocks of the probe and those of a save: as far as can be


def without_traces(
    change: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, _: np.random.Generator
) -> Loaded:
    """Leave the content alone, at the size of the picture and saved without loss."""
    return Loaded(np.ascontiguousarray(change(pixels)), NO_TABLE)


def as_thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Shrink to a longest side of 48 pixels and enlarge again."""
    height, width = pixels.shape[:2]
    shrink = min(1.0, _LONGEST / max(height, width))
    small = (max(round(width * shrink), 1), max(round(height * shrink), 1))
    picture = Image.fromarray(pixels).resize(small, Image.Resampling.BICUBIC)  # averages beyond one block
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))


def blurred(pixels: np.ndarray) -> np.ndarray:
    """Blur by a Gaussian of four pixels."""
    return cv2.GaussianBlur(pixels, (0, 0), _SIGMA)


def lowest_frequencies(pixels: np.ndarray) -> np.ndarray:
    """Keep the lowest 3 × 3 DCT terms of each 8 × 8 block, the blocks lying between those of the picture."""
    height, width = pixels.shape[:2]
    around = ((_APART, _APART), (_APART, _APART), (0, 0))
    padded = np.pad(pixels, around, mode="edge").astype(np.float32)
    low = cv2.transpose(_low_along_columns(cv2.transpose(_low_along_columns(padded))))
    low = np.clip(np.rint(low), 0, 255).astype(np.uint8)
    return low[_APART : _APART + height, _APART : _APART + width]


def _low_along_columns(pixels: np.ndarray) -> np.ndarray:
    """Keep the lowest terms of each eight rows: (h, w, 3) float32 to the same."""
    height, width, colours = pixels.shape
    low = _PROJECTION @ pixels.reshape(height // BLOCK, BLOCK, width * colours)
    return low.reshape(pixels.shape)


_LOWEST = dct_basis()[:_KEPT]
_PROJECTION = (_LOWEST.T @ _LOWEST).astype(np.float32)  # (8, 8): keeps the lowest terms along one axis

CONTENT_ONLY = "content only"  # the family of the probes
Change = Callable[[np.ndarray, np.random.Generator], Loaded]


@dataclass(frozen=True)
class Perturbation:
    """One way to change a picture.

    Attributes:
        change: (h, w, 3) uint8 with sides in multiples of 8, and a generator, to the changed picture.
        is_probe: whether only the content is left, so that a detector of tampering should know nothing.
    """

    name: str  # unique, in words
    family: str
    strength: str  # in words
    change: Change
    is_probe: bool = False


def perturb(pixels: np.ndarray, perturbation: Perturbation, seed: int, number: int) -> Loaded:
    """Change pixels (h, w, 3) uint8 on the JPEG grid, as `inputs.load` gives them; they are left as they are.

    The same picture, seed of the run and number of the picture give the same result: pixels on the JPEG
    grid, and the luminance table that `load` would read off the file: of the last save if that was a JPEG,
    else zeros.
    """
    return perturbation.change(pixels, np.random.default_rng([seed, number]))


def _apply(perturbation: ScaleBlurSave, pixels: np.ndarray, _: np.random.Generator) -> Loaded:
    return perturbation.apply(pixels)


def _jpeg(quality: int) -> Perturbation:
    save = ScaleBlurSave(encoder=Jpeg(quality, "4:2:0"))  # what most programs do to the colours
    return Perturbation(f"jpeg {quality}", "JPEG", str(quality), partial(_apply, save))


def _double_jpeg(first: int, second: int, cut: tuple[int, int] | None = None) -> Perturbation:
    change = partial(save_twice, (first, second), cut)
    name, strength = f"double jpeg {first} {second}", f"{first} then {second}"
    if cut:
        name, strength = f"{name} off grid", f"{strength}, off grid"
    return Perturbation(name, "double JPEG", strength, change)


def _webp(quality: int) -> Perturbation:
    return Perturbation(f"webp {quality}", "WebP", str(quality), partial(save_webp, quality))


def _resize(scale: float) -> Perturbation:
    return Perturbation(
        f"resize {scale:g}", "resize", f"× {scale:g}", partial(_apply, ScaleBlurSave(scale=scale))
    )


def _blur(sigma: float) -> Perturbation:
    return Perturbation(
        f"blur {sigma:g}", "blur", f"σ {sigma:g} px", partial(_apply, ScaleBlurSave(blur=sigma))
    )


def _noise(sigma: float) -> Perturbation:
    return Perturbation(f"noise {sigma:g}", "noise", f"σ {sigma:g} levels", partial(add_noise, sigma))


def _tone(name: str, strength: str, curve: np.ndarray) -> Perturbation:
    return Perturbation(name, "tone", strength, partial(apply_curve, curve))


def _probe(name: str, strength: str, change: Callable[[np.ndarray], np.ndarray]) -> Perturbation:
    return Perturbation(name, CONTENT_ONLY, strength, partial(without_traces, change), True)


_LEVELS = np.arange(256, dtype=np.float64)
_OFF_GRID = (3, 5)  # rows and columns: multiples of 8 neither alone nor together

# Those that keep the size stand together as far as families allow: what is of one size is answered at once.
_FULL = (
    *map(_jpeg, (100, 95, 90, 85, 75, 65, 50)),
    _double_jpeg(75, 90),
    _double_jpeg(90, 75),
    _double_jpeg(85, 90, _OFF_GRID),
    *map(_webp, (90, 75)),
    *map(_blur, (1.0, 2.0, 3.0)),
    *map(_noise, (3.0, 7.0, 15.0)),
    _tone("brightness 25", "brightness + 25", _LEVELS + 25),
    _tone("contrast 1.25", "contrast × 1.25", (_LEVELS - 128) * 1.25 + 128),
    _tone("gamma 0.8", "gamma 0.8", 255 * (_LEVELS / 255) ** 0.8),
    Perturbation("crop 3 5", "crop", "off the grid by 3, 5", partial(cut_off, _OFF_GRID)),
    *map(_resize, (0.5, 0.75, 1.25, 1.5, 2.0)),
    Perturbation("social network", "passed on", "social network", send_through_network),
    Perturbation("screenshot", "passed on", "screenshot", partial(take_screenshot, 1.1, _OFF_GRID)),
    Perturbation("lossless", "passed on", "saved as PNG", partial(_apply, ScaleBlurSave())),
    _probe("thumbnail 48", "thumbnail of 48 px", as_thumbnail),
    _probe("low pass 4", "blurred, σ 4 px", blurred),
    _probe("low frequencies 3", "lowest 3 × 3 DCT terms", lowest_frequencies),
)
_FAST = {
    *("jpeg 95", "jpeg 85", "jpeg 75", "jpeg 50", "resize 0.75", "crop 3 5", "blur 1", "noise 3"),
    *("social network", "lossless", "thumbnail 48", "low frequencies 3"),
}

SETS: Mapping[str, tuple[Perturbation, ...]] = {
    "fast": tuple(each for each in _FULL if each.name in _FAST),
    "full": _FULL,
}
