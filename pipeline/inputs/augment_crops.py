"""How pictures and crops are saved anew, scaled and blurred: in training, and by the robustness test.

What is done tells nothing of the label: it happens to genuine pictures and fakes alike.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pipeline.config import NativeAugment
from pipeline.conversion.policies import FEWEST
from pipeline.images.encode import Jpeg, JpegLike, settings_of, take_apart
from pipeline.images.jpeg import NO_TABLE, libjpeg_tables
from pipeline.images.plain_files import decode_plain_jpeg
from pipeline.images.read import read, read_bytes
from pipeline.images.tiff import SIDEWAYS
from pipeline.inputs.load import Loaded, on_grid
from pipeline.inputs.real_saves import draw_real_save

MOST_READ = 2_000  # fakes of a collection: their settings repeat
_WITHOUT_LOSS = 0.15  # share of background pictures whose twins are not saved as JPEG
_SCALED, _BLURRED = 0.4, 0.3  # shares of the perturbed pictures
_LEAST_BLUR = 0.3  # pixels; less changes no 8-bit value
_NOISY, _LEAST_NOISE = 0.3, 0.5  # share of the perturbed pictures; 8-bit steps
# What web sites and messengers do: they make pictures smaller where they are large, and save them small.
_SITE_SCALED, _SITE_SCALE, _SITE_QUALITIES = 0.7, (0.5, 0.95), (60, 92)
_CUT = 0.5  # share of the saves before tampering after which a picture is cut
_LEAST_BEFORE_SITE = 0.75  # of a scale before that: else too little would be left

Encoder = JpegLike | Jpeg | None  # None: without loss


def recompressed(pixels: np.ndarray, encoder: Encoder) -> Loaded:
    """Save (h, w, 3) uint8 and read it again; without loss the pixels come back as they are.

    >>> grey = np.full((8, 16, 3), 100, np.uint8)
    >>> int(recompressed(grey, Jpeg(90, "4:2:0")).quantisation[0, 0])
    3
    """
    if encoder is None:
        return Loaded(pixels, NO_TABLE)
    content = encoder.save(b"", Image.fromarray(pixels))
    table = encoder.tables[0] if isinstance(encoder, JpegLike) else libjpeg_tables(encoder.quality)[0]
    saved = decode_plain_jpeg(content)
    assert saved is not None  # Pillow writes plain ones
    return Loaded(saved, np.array(table, np.float32).reshape(8, 8))


def draw_jpeg(rng: np.random.Generator, qualities: Sequence[int]) -> Jpeg:
    """Draw a JPEG of libjpeg's, of any quality from the lowest to the highest, colours mostly halved."""
    lowest, highest = qualities
    return Jpeg(int(rng.integers(lowest, highest + 1)), str(rng.choice(["4:4:4", "4:2:0"], p=[0.4, 0.6])))


class LastSaves:
    """How the fakes of a training table were saved last, as often as each way occurs.

    What is made in training is saved in these ways, untouched and tampered pictures alike.

    Args:
        fakes: collection -> files of its fakes, as converted.
        background: collections that have none; their pictures are saved in any way that people save pictures.
    """

    def __init__(
        self, fakes: Mapping[str, Sequence[Path]], background: AbstractSet[str] = frozenset()
    ) -> None:
        self._background = background
        self._encoders = {name: _encoders_of(paths) for name, paths in fakes.items()}
        self._all = [encoder for encoders in self._encoders.values() for encoder in encoders] or [None]

    def draw(self, rng: np.random.Generator, collection: str) -> Encoder:
        """Draw from those of the collection; from all, where it has too few fakes to say."""
        if collection in self._background:
            return None if rng.random() < _WITHOUT_LOSS else draw_real_save(rng)
        own = self._encoders.get(collection, [])
        choices = own if len(own) >= FEWEST else self._all
        return choices[int(rng.integers(len(choices)))]


def _encoders_of(paths: Sequence[Path]) -> list[Encoder]:
    encoders: list[Encoder] = []
    for path in paths[:: max(1, len(paths) // MOST_READ)]:
        content = read_bytes(path)
        parts = take_apart(content)
        encoder = settings_of(parts) if parts else None
        if encoder is not None and read(content, known_whole=True).orientation in SIDEWAYS:
            encoder = _turned(encoder)
        if encoder is not None or parts is None:  # a JPEG that cannot be imitated says nothing
            encoders.append(encoder)
    return encoders


def _turned(encoder: JpegLike) -> JpegLike | None:
    """Return the settings that turned pixels seem to be saved with; None: Pillow cannot write so."""
    if encoder.subsampling == "4:2:2":
        return None
    tables = [np.array(table).reshape(8, 8).T.ravel().tolist() for table in encoder.tables]
    return replace(encoder, tables=tuple(map(tuple, tables)))


@dataclass(frozen=True)
class ScaleBlurSave:
    """A perturbation: what is done to a picture, in this order; drawn once for two twins.

    Attributes:
        scale: factor on height and width.
        blur: standard deviation of a Gaussian, in pixels; 0 is none.
        encoder: of the save.
        noise: standard deviation of grain laid on before it, in 8-bit steps; 0 is none.
        noise_seed: of the grain: two twins have the same.
        then: what is done to the result after that; None: nothing.

    >>> ScaleBlurSave(scale=0.5).source_size((64, 96))
    (128, 192)
    """

    scale: float = 1.0
    blur: float = 0.0
    encoder: Encoder = None
    noise: float = 0.0
    noise_seed: int = 0
    then: "ScaleBlurSave | None" = None

    def source_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the height and width, multiples of 8, from which a picture of at least `size` comes."""
        wanted = self.then.source_size(size) if self.then else size
        height, width = (int(np.ceil(side / self.scale / 8)) * 8 for side in wanted)
        return height, width

    def apply(self, pixels: np.ndarray) -> Loaded:
        """Return (h, w, 3) uint8 scaled, blurred and saved; on its own grid."""
        if self.scale != 1.0:
            how = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_CUBIC
            pixels = on_grid(cv2.resize(pixels, None, fx=self.scale, fy=self.scale, interpolation=how))
        if self.blur:
            pixels = cv2.GaussianBlur(pixels, (0, 0), self.blur)
        if self.noise:
            grain = np.random.default_rng(self.noise_seed).normal(0, self.noise, pixels.shape)
            pixels = np.clip(np.round(pixels + grain), 0, 255).astype(np.uint8)
        saved = recompressed(np.ascontiguousarray(pixels), self.encoder)
        return self.then.apply(saved.pixels) if self.then else saved

    def follow(self, mask: np.ndarray) -> np.ndarray:
        """Return a mask (h, w) scaled with its picture."""
        if self.scale != 1.0:
            scaled = cv2.resize(
                mask.astype(np.uint8), None, fx=self.scale, fy=self.scale, interpolation=cv2.INTER_NEAREST
            )
            mask = on_grid(scaled) > 0
        return self.then.follow(mask) if self.then else mask


def draw_perturbation(rng: np.random.Generator, augment: NativeAugment) -> ScaleBlurSave:
    """Draw from what the configuration allows."""
    scale, blur = 1.0, 0.0
    if rng.random() < _SCALED:
        scale = float(np.exp(rng.uniform(*np.log(augment.scale))))
    if rng.random() < _BLURRED and augment.blur > _LEAST_BLUR:
        blur = float(rng.uniform(_LEAST_BLUR, augment.blur))
    encoder = None if rng.random() < augment.lossless else draw_jpeg(rng, augment.quality)
    drawn = ScaleBlurSave(scale, blur, encoder)
    if augment.noise > _LEAST_NOISE and rng.random() < _NOISY:
        noise = float(rng.uniform(_LEAST_NOISE, augment.noise))
        drawn = replace(drawn, noise=noise, noise_seed=int(rng.integers(2**31)))
    if augment.chains and rng.random() < augment.chains:
        drawn = replace(drawn, scale=max(scale, _LEAST_BEFORE_SITE), then=_site(rng))
    return drawn


def _site(rng: np.random.Generator) -> ScaleBlurSave:
    """Draw what a web site or a messenger does to a picture that is handed to it."""
    scale = float(rng.uniform(*_SITE_SCALE)) if rng.random() < _SITE_SCALED else 1.0
    return ScaleBlurSave(scale, encoder=Jpeg(int(rng.integers(*_SITE_QUALITIES)), "4:2:0"))


def saved_before(rng: np.random.Generator, pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Save pixels once or twice as real files are, at times cut in between, so that the grid shifts.

    Args:
        rng: every choice is drawn from it.
        pixels: (H, W, 3) uint8; where H and W are larger than `size`, the grid may shift.
        size: height and width of what is returned, multiples of 8.
    """
    for _ in range(int(rng.integers(1, 3))):
        pixels = recompressed(np.ascontiguousarray(pixels), draw_real_save(rng)).pixels
        if rng.random() < _CUT:
            room = [max(side - wanted, 0) for side, wanted in zip(pixels.shape, size, strict=False)]
            top, left = (int(rng.integers(min(free, 7) + 1)) for free in room)
            pixels = pixels[top:, left:]
    return on_grid(pixels)[: size[0], : size[1]]
