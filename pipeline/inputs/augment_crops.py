"""A fake and its untouched twin, made of a genuine photograph while training runs.

Both go through the same saves, so that neither the last one nor an earlier one of the whole picture tells
them apart: only what was tampered with has another history. The idea of training on composites of one's own
material with exact masks is that of CAT-Net (Kwon et al., IJCV 2022, doi:10.1007/s11263-022-01617-5).
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pipeline.config import NativeAugment
from pipeline.conversion.policies import FEWEST
from pipeline.forgery.operations import tamper
from pipeline.images.encode import Jpeg, JpegLike, settings_of, take_apart
from pipeline.images.jpeg import NO_TABLE, libjpeg_tables
from pipeline.images.read import read_bytes
from pipeline.inputs.cache import DecodedPictures
from pipeline.inputs.load import Loaded, on_grid
from pipeline.inputs.windows import draw_window

# Last saves of training pictures: like the dataset's own, or any.
#

MOST_LOOKED_AT = 2_000  # fakes of a collection: their settings repeat

Save = JpegLike | Jpeg | None  # None: without loss


class OwnSaves:
    """How the fakes of a training table were saved last, as often as each way occurs.

    What is made in training is saved in these ways, untouched and tampered pictures alike.

    Args:
        fakes: collection -> files of its fakes, as converted.
    """

    def __init__(self, fakes: Mapping[str, Sequence[Path]]) -> None:
        self._found: dict[str, list[Save]] = {name: _saves_of(paths) for name, paths in fakes.items()}
        self._all = [each for found in self._found.values() for each in found] or [None]

    def draw(self, rng: np.random.Generator, collection: str) -> Save:
        """Draw from those of the collection; from all, where it has too few fakes to say."""
        found = self._found.get(collection, [])
        choices = found if len(found) >= FEWEST else self._all
        return choices[int(rng.integers(len(choices)))]


def saved(pixels: np.ndarray, save: Save) -> Loaded:
    """Save (h, w, 3) uint8 and read it again; pixels without loss come back as they are."""
    if save is None:
        return Loaded(pixels, NO_TABLE)
    content = save.save(b"", Image.fromarray(pixels))
    with Image.open(io.BytesIO(content), formats=("JPEG",)) as picture:
        return Loaded(np.asarray(picture), _table_of(save))


def _table_of(save: JpegLike | Jpeg) -> np.ndarray:
    """Give what `luminance_table` would read off the file."""
    table = save.tables[0] if isinstance(save, JpegLike) else libjpeg_tables(save.quality)[0]
    return np.array(table, np.float32).reshape(8, 8)


def draw_jpeg(rng: np.random.Generator, qualities: Sequence[int]) -> Jpeg:
    """Draw a JPEG of libjpeg's, of any quality from the lowest to the highest, colours mostly halved."""
    lowest, highest = qualities
    return Jpeg(int(rng.integers(lowest, highest + 1)), str(rng.choice(["4:4:4", "4:2:0"], p=[0.4, 0.6])))


def _saves_of(paths: Sequence[Path]) -> list[Save]:
    step = max(1, len(paths) // MOST_LOOKED_AT)
    found: list[Save] = []
    for path in paths[::step]:
        parts = take_apart(read_bytes(path))
        settings = settings_of(parts) if parts else None
        if settings is not None or parts is None:  # one that cannot be imitated says nothing
            found.append(settings)
    return found


# Scaling, blur and another save: what happens to pictures on their way, genuine and fake alike.
#

_SCALED, _BLURRED = 0.4, 0.3  # shares of the altered pictures
_LEAST_BLUR = 0.3  # pixels; less changes no 8-bit value


@dataclass(frozen=True)
class Alteration:
    """What is done to a picture; drawn once for two twins.

    Attributes:
        scale: factor on height and width.
        blur: standard deviation of a Gaussian, in pixels; 0 is none.
        save: last of all.
    """

    scale: float = 1.0
    blur: float = 0.0
    save: Save = None

    def source_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Give the height and width, multiples of 8, from which a picture of at least `size` comes."""
        height, width = (int(np.ceil(side / self.scale / 8)) * 8 for side in size)
        return height, width

    def apply(self, pixels: np.ndarray) -> Loaded:
        """Alter (h, w, 3) uint8; the answer lies on its own grid."""
        if self.scale != 1.0:
            way = cv2.INTER_AREA if self.scale < 1 else cv2.INTER_CUBIC
            pixels = on_grid(cv2.resize(pixels, None, fx=self.scale, fy=self.scale, interpolation=way))
        if self.blur:
            pixels = cv2.GaussianBlur(pixels, (0, 0), self.blur)
        return saved(np.ascontiguousarray(pixels), self.save)

    def follow(self, mask: np.ndarray) -> np.ndarray:
        """Scale a mask (h, w) with its picture."""
        if self.scale == 1.0:
            return mask
        scaled = cv2.resize(
            mask.astype(np.uint8), None, fx=self.scale, fy=self.scale, interpolation=cv2.INTER_NEAREST
        )
        # As `on_grid` does with the pixels: what lies beyond the grid goes, a cell at least is there.
        height, width = (max(side // 8, 1) * 8 for side in scaled.shape)
        cut = scaled[:height, :width]
        return np.pad(cut, ((0, height - cut.shape[0]), (0, width - cut.shape[1])), mode="edge") > 0


def draw_alteration(rng: np.random.Generator, augment: NativeAugment) -> Alteration:
    """Draw from what the configuration allows."""
    scale, blur = 1.0, 0.0
    if rng.random() < _SCALED:
        scale = float(np.exp(rng.uniform(*np.log(augment.scale))))
    if rng.random() < _BLURRED and augment.blur > _LEAST_BLUR:
        blur = float(rng.uniform(_LEAST_BLUR, augment.blur))
    save = None if rng.random() < augment.lossless else draw_jpeg(rng, augment.quality)
    return Alteration(scale, blur, save)


_RESAVED, _SHRUNK = 0.15, 0.25  # shares of the hosts; the others are taken as they were handed in
_SMALLEST = 0.45  # factor by which a host is shrunk, which wipes out what earlier saves have left
_DONOR_RESAVED = 0.25
_DONOR_SIDE = 1.25  # of a crop's: room to cut from
_HOST_QUALITIES, _DONOR_QUALITIES = (50, 99), (40, 99)


@dataclass(frozen=True)
class Scene:
    """What the two twins have in common.

    Attributes:
        pixels: (h, w, 3) uint8, on the grid, before tampering and the last save.
        seed: of the tampering.
    """

    pixels: np.ndarray
    seed: int


def draw_scene(
    rng: np.random.Generator,
    sources: DecodedPictures,
    row: int,
    size: tuple[int, int],
    alteration: Alteration,
) -> Scene:
    """Take a window of a genuine picture, with a history of its own.

    Args:
        rng: where everything is drawn from.
        sources: genuine pictures as handed in.
        row: number of the one.
        size: height and width of the crop that is wanted in the end.
        alteration: what is done to both twins after the tampering.
    """
    picture = sources[row].pixels
    height, width = alteration.source_size(size)
    kind, factor = rng.random(), 1.0
    if _RESAVED <= kind < _RESAVED + _SHRUNK:
        least = max(_SMALLEST, min(1.0, height / picture.shape[0], width / picture.shape[1]))
        factor = float(rng.uniform(least, 0.95)) if least < 0.95 else 1.0
    wanted = (int(np.ceil(height / factor / 8)) * 8, int(np.ceil(width / factor / 8)) * 8)
    pixels = picture[draw_window(rng, picture.shape[:2], wanted)]
    if factor < 1:
        shrunk = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        pixels = on_grid(shrunk)[:height, :width]
    elif kind < _RESAVED:
        pixels = saved(np.ascontiguousarray(pixels), draw_jpeg(rng, _HOST_QUALITIES)).pixels
    return Scene(np.ascontiguousarray(pixels), int(rng.integers(2**31)))


def tampered(scene: Scene, sources: DecodedPictures, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Tamper with a scene; what is spliced in comes from any of `sources`.

    Returns:
        (h, w, 3) uint8, and (h, w) bool of what was tampered with.
    """
    rng = np.random.default_rng([scene.seed])
    donor = sources[int(rng.integers(len(sources)))].pixels
    forged = tamper(rng, scene.pixels, _cut_off_the_grid(rng, donor, size))
    return forged.pixels, forged.mask


def _cut_off_the_grid(rng: np.random.Generator, donor: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Take a part of a donor that begins anywhere: where something is pasted, its old grid rarely fits."""
    wanted = [min(int(_DONOR_SIDE * side), there) for side, there in zip(size, donor.shape, strict=False)]
    top, left = (
        int(rng.integers(there - side + 1)) for side, there in zip(wanted, donor.shape, strict=False)
    )
    part = donor[top : top + wanted[0], left : left + wanted[1]]
    if rng.random() < _DONOR_RESAVED:
        part = saved(np.ascontiguousarray(part), draw_jpeg(rng, _DONOR_QUALITIES)).pixels
    return part
