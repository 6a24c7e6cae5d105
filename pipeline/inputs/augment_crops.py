"""How pictures and crops are saved anew, scaled and blurred: in training, and by the robustness test.

What is done tells nothing of the label: it happens to genuine pictures and fakes alike.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pipeline.config import NativeAugment
from pipeline.conversion.policies import FEWEST
from pipeline.images.encode import Jpeg, JpegLike, settings_of, take_apart
from pipeline.images.jpeg import NO_TABLE, libjpeg_tables
from pipeline.images.read import read, read_bytes
from pipeline.images.tiff import SIDEWAYS
from pipeline.inputs.load import Loaded, on_grid

MOST_READ = 2_000  # fakes of a collection: their settings repeat
_SCALED, _BLURRED = 0.4, 0.3  # shares of the perturbed pictures
_LEAST_BLUR = 0.3  # pixels; less changes no 8-bit value

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
    with Image.open(io.BytesIO(content), formats=("JPEG",)) as picture:
        return Loaded(np.asarray(picture), np.array(table, np.float32).reshape(8, 8))


def draw_jpeg(rng: np.random.Generator, qualities: Sequence[int]) -> Jpeg:
    """Draw a JPEG of libjpeg's, of any quality from the lowest to the highest, colours mostly halved."""
    lowest, highest = qualities
    return Jpeg(int(rng.integers(lowest, highest + 1)), str(rng.choice(["4:4:4", "4:2:0"], p=[0.4, 0.6])))


class LastSaves:
    """How the fakes of a training table were saved last, as often as each way occurs.

    What is made in training is saved in these ways, untouched and tampered pictures alike.

    Args:
        fakes: collection -> files of its fakes, as converted.
    """

    def __init__(self, fakes: Mapping[str, Sequence[Path]]) -> None:
        self._encoders = {name: _encoders_of(paths) for name, paths in fakes.items()}
        self._all = [encoder for encoders in self._encoders.values() for encoder in encoders] or [None]

    def draw(self, rng: np.random.Generator, collection: str) -> Encoder:
        """Draw from those of the collection; from all, where it has too few fakes to say."""
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

    >>> ScaleBlurSave(scale=0.5).source_size((64, 96))
    (128, 192)
    """

    scale: float = 1.0
    blur: float = 0.0
    encoder: Encoder = None

    def source_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the height and width, multiples of 8, from which a picture of at least `size` comes."""
        height, width = (int(np.ceil(side / self.scale / 8)) * 8 for side in size)
        return height, width

    def apply(self, pixels: np.ndarray) -> Loaded:
        """Return (h, w, 3) uint8 scaled, blurred and saved; on its own grid."""
        if self.scale != 1.0:
            how = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_CUBIC
            pixels = on_grid(cv2.resize(pixels, None, fx=self.scale, fy=self.scale, interpolation=how))
        if self.blur:
            pixels = cv2.GaussianBlur(pixels, (0, 0), self.blur)
        return recompressed(np.ascontiguousarray(pixels), self.encoder)

    def follow(self, mask: np.ndarray) -> np.ndarray:
        """Return a mask (h, w) scaled with its picture."""
        if self.scale == 1.0:
            return mask
        scaled = cv2.resize(
            mask.astype(np.uint8), None, fx=self.scale, fy=self.scale, interpolation=cv2.INTER_NEAREST
        )
        return on_grid(scaled) > 0


def draw_perturbation(rng: np.random.Generator, augment: NativeAugment) -> ScaleBlurSave:
    """Draw from what the configuration allows."""
    scale, blur = 1.0, 0.0
    if rng.random() < _SCALED:
        scale = float(np.exp(rng.uniform(*np.log(augment.scale))))
    if rng.random() < _BLURRED and augment.blur > _LEAST_BLUR:
        blur = float(rng.uniform(_LEAST_BLUR, augment.blur))
    encoder = None if rng.random() < augment.lossless else draw_jpeg(rng, augment.quality)
    return ScaleBlurSave(scale, blur, encoder)
