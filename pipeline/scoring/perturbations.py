"""What pictures meet on their way, named and graded: does an answer survive it?

Both classes are treated alike. The grades cover those of IMDL-BenCo's robustness test
(https://github.com/scu-zjz/IMDLBenCo, `test_robust.py`) but for the strongest. The content probes take all
forensic traces away and ask what a detector knows without them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from pipeline.images.savings import Jpeg
from pipeline.inputs.alteration import Alteration
from pipeline.inputs.load import Loaded
from pipeline.scoring import content, disturbances

CONTENT_ONLY = "content only"  # the family of the probes
Change = Callable[[np.ndarray, np.random.Generator], Loaded]


@dataclass(frozen=True)
class Perturbation:
    """One way to change a picture.

    Attributes:
        name: unique, in words.
        family: what kind of change it is.
        strength: how much of it, in words.
        change: (h, w, 3) uint8 with sides in multiples of 8, and a generator, to the changed picture.
        is_probe: whether only the content is left, so that a detector of tampering should know nothing.
    """

    name: str
    family: str
    strength: str
    change: Change
    is_probe: bool = False


def perturb(pixels: np.ndarray, perturbation: Perturbation, seed: int, number: int) -> Loaded:
    """Change one picture; the same picture, seed and number give the same result.

    Args:
        pixels: (h, w, 3) uint8 on the JPEG grid, as `inputs.load` gives them; left as they are.
        perturbation: what is done.
        seed: of the run.
        number: of the picture.

    Returns:
        pixels on the JPEG grid, and the luminance table that `load` would read off the file: of the last save
        if that was a JPEG, else zeros.
    """
    return perturbation.change(pixels, np.random.default_rng([seed, number]))


def _altered(alteration: Alteration, pixels: np.ndarray, _: np.random.Generator) -> Loaded:
    return alteration.apply(pixels)


def _jpeg(quality: int) -> Perturbation:
    alteration = Alteration(save=Jpeg(quality, "4:2:0"))  # what most programs do to the colours
    return Perturbation(f"jpeg {quality}", "JPEG", str(quality), partial(_altered, alteration))


def _double_jpeg(first: int, second: int, cut: tuple[int, int] | None = None) -> Perturbation:
    change = partial(disturbances.save_twice, (first, second), cut)
    name, strength = f"double jpeg {first} {second}", f"{first} then {second}"
    if cut:
        name, strength = f"{name} off grid", f"{strength}, off grid"
    return Perturbation(name, "double JPEG", strength, change)


def _webp(quality: int) -> Perturbation:
    return Perturbation(f"webp {quality}", "WebP", str(quality), partial(disturbances.save_webp, quality))


def _resize(scale: float) -> Perturbation:
    return Perturbation(
        f"resize {scale:g}", "resize", f"× {scale:g}", partial(_altered, Alteration(scale=scale))
    )


def _blur(sigma: float) -> Perturbation:
    return Perturbation(
        f"blur {sigma:g}", "blur", f"σ {sigma:g} px", partial(_altered, Alteration(blur=sigma))
    )


def _noise(sigma: float) -> Perturbation:
    return Perturbation(
        f"noise {sigma:g}", "noise", f"σ {sigma:g} levels", partial(disturbances.add_noise, sigma)
    )


def _tone(name: str, strength: str, curve: np.ndarray) -> Perturbation:
    return Perturbation(name, "tone", strength, partial(disturbances.apply_curve, curve))


def _probe(name: str, strength: str, change: Callable[[np.ndarray], np.ndarray]) -> Perturbation:
    return Perturbation(name, CONTENT_ONLY, strength, partial(content.without_traces, change), True)


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
    Perturbation("crop 3 5", "crop", "off the grid by 3, 5", partial(disturbances.cut_off, _OFF_GRID)),
    *map(_resize, (0.5, 0.75, 1.25, 1.5, 2.0)),
    Perturbation("social network", "passed on", "social network", disturbances.send_through_network),
    Perturbation(
        "screenshot", "passed on", "screenshot", partial(disturbances.take_screenshot, 1.1, _OFF_GRID)
    ),
    Perturbation("lossless", "passed on", "saved as PNG", partial(_altered, Alteration())),
    _probe("thumbnail 48", "thumbnail of 48 px", content.as_thumbnail),
    _probe("low pass 4", "blurred, σ 4 px", content.blurred),
    _probe("low frequencies 3", "lowest 3 × 3 DCT terms", content.lowest_frequencies),
)
_FAST = {
    *("jpeg 95", "jpeg 85", "jpeg 75", "jpeg 50", "resize 0.75", "crop 3 5", "blur 1", "noise 3"),
    *("social network", "lossless", "thumbnail 48", "low frequencies 3"),
}

SETS: Mapping[str, tuple[Perturbation, ...]] = {
    "fast": tuple(each for each in _FULL if each.name in _FAST),
    "full": _FULL,
}
