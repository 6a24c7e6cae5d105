"""What stands in a place of a batch at native resolution: a crop, its block labels and its target.

A crop is a function of (seed, epoch, picture, occurrence). Windows lie on the grid on which JPEG has saved a
picture; block labels say which 8 × 8 blocks were tampered with.

Twins are a genuine crop and a fake made of it while training runs. Both go through the same saves, so that
neither the last one nor an earlier one of the whole picture tells them apart: only what was tampered with has
another history. Training on composites of one's own material with exact masks is the idea of CAT-Net (Kwon et
al., IJCV 2022, doi:10.1007/s11263-022-01617-5).
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from pipeline.config import NativeInputs
from pipeline.forgery.operations import tamper_at_random
from pipeline.forgery.patches import Forgery, window_sums
from pipeline.images.jpeg import BLOCK
from pipeline.inputs.augment_crops import (
    LastSaves,
    ScaleBlurSave,
    draw_jpeg,
    draw_perturbation,
    recompressed,
    saved_before,
)
from pipeline.inputs.cache import DecodedPictures, File, PictureCache
from pipeline.inputs.load import Loaded, load_mask, on_grid, tampered_share

UNKNOWN, UNTOUCHED, TAMPERED = -1, 0, 1
_MOSTLY = 0.5  # share of tampered pixels from which a block is one; fewer, but some, say neither
ENOUGH_BLOCKS = 12  # tampered ones in a crop of a fake, where that many are to be found: three by four

# Of the hosts of twins: the others are taken as they were handed in.
_RESAVED, _SHRUNK = 0.15, 0.25  # shares
_SMALLEST = 0.45  # factor by which one is shrunk, which wipes out what earlier saves have left
_HOST_QUALITIES, _DONOR_QUALITIES = (50, 99), (40, 99)
_DONOR_RESAVED = 0.25
_DONOR_SIDE = 1.25  # of a crop's: room to cut from

Window = tuple[slice, slice]


@dataclass(frozen=True)
class Crop:
    """One place of a batch.

    Attributes:
        pixels: (height, width, 3) uint8.
        quantisation: (8, 8) float32, see `load.Loaded`.
        labels: (height / 8, width / 8) int8: `TAMPERED`, `UNTOUCHED` or `UNKNOWN`.
        target: 1 if the crop shows something tampered with, else 0.
        weight: of the target and the labels. Less than 1 for a fake whose traces a perturbation may have
            wiped out; and where no mask tells whether the tampering lies in the crop: the side of the crop
            by that of its picture.
    """

    pixels: np.ndarray
    quantisation: np.ndarray
    labels: np.ndarray
    target: float
    weight: float = 1.0


class Crops:
    """Makes crops of the pictures of a training table. Threads may share it.

    Args:
        table: a manifest table with `source_file` (where a picture was before it was converted).
        inputs: size of the crops, and what is drawn at random.
        seed: of the run.
        cache: where decoded pictures are kept.
        policy: of the conversion; `matched` says how genuine pictures may be saved besides.
        background: collections of genuine pictures alone.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        inputs: NativeInputs,
        seed: int,
        cache: PictureCache,
        policy: str,
        background: AbstractSet[str] = frozenset(),
    ) -> None:
        self.augment = inputs.augment
        self.seed = seed
        self.size = (inputs.height, inputs.width)
        self.pictures = DecodedPictures(files_of(table), inputs, cache)
        self._collections = table["collection"].tolist()
        self._masks = table["mask_path"].tolist()
        self._fake = (table["target"] == 1).to_numpy()
        self._labels: dict[int, np.ndarray] = {}
        self._matched = self.augment.matched_saves and policy == "matched"
        genuine = np.flatnonzero(~self._fake)
        self._source_row = {int(row): place for place, row in enumerate(genuine)}
        needed = self.augment.needs_sources
        sources = files_of(table.iloc[genuine], column="source_file") if needed else []
        self.sources = DecodedPictures(sources, inputs, cache)
        fakes: dict[str, list[Path]] = {}
        for row in np.flatnonzero(self._fake) if needed else ():
            fakes.setdefault(self._collections[row], []).append(self.pictures.files[row].path)
        self._saves = LastSaves(fakes, background)

    def crop(self, epoch: int, row: int, occurrence: int) -> Crop:
        """Make the crop of a picture.

        Args:
            epoch: from 0.
            row: of the table.
            occurrence: how often the row came before in this epoch.
        """
        rng, perturbation = self._drawn(epoch, row, occurrence)
        crop = (self._of_fake if self._fake[row] else self._of_genuine)(rng, row, perturbation)
        return self._flipped(rng, crop)[0]

    def twins(self, epoch: int, row: int, occurrence: int) -> tuple[Crop, Crop]:
        """Make two twins of a genuine picture, the second tampered with. Arguments as of `crop`."""
        rng, perturbation = self._drawn(epoch, row, occurrence)
        last = perturbation or ScaleBlurSave(encoder=self._saves.draw(rng, self._collections[row]))
        host = self._host(rng, self._source_row[row], last.source_size(self.size))
        forged = self._forged(np.random.default_rng([int(rng.integers(2**31))]), host)
        untouched = last.apply(host)
        labels = np.full(_shape_in_blocks(untouched.pixels), UNTOUCHED, np.int8)
        weight = self.augment.altered_fakes if perturbation else 1.0
        tampered = Crop(*last.apply(forged.pixels), block_labels(last.follow(forged.mask)), 1.0, weight)
        first, second = self._flipped(rng, Crop(*untouched, labels, 0.0), tampered)
        return first, second

    def _drawn(
        self, epoch: int, row: int, occurrence: int
    ) -> tuple[np.random.Generator, ScaleBlurSave | None]:
        """Return where everything about a place of a batch is drawn from, and what is drawn first."""
        rng = np.random.default_rng([self.seed, epoch, row, occurrence])
        return rng, draw_perturbation(rng, self.augment) if rng.random() < self.augment.alter else None

    def _size(self, perturbation: ScaleBlurSave | None) -> tuple[int, int]:
        """The size of a window that a perturbation makes a crop of."""
        return perturbation.source_size(self.size) if perturbation else self.size

    def _of_genuine(self, rng: np.random.Generator, row: int, perturbation: ScaleBlurSave | None) -> Crop:
        size = self._size(perturbation)
        if rng.random() < self.augment.handed_in:
            part = _part(rng, self.sources[self._source_row[row]], size)
        elif self._matched:
            encoder = self._saves.draw(rng, self._collections[row])
            part = _part(rng, self.sources[self._source_row[row]], size)
            part = recompressed(np.ascontiguousarray(part.pixels), encoder)
        else:
            part = _part(rng, self.pictures[row], size)
        part = perturbation.apply(part.pixels) if perturbation else part
        return Crop(*part, np.full(_shape_in_blocks(part.pixels), UNTOUCHED, np.int8), 0.0)

    def _of_fake(self, rng: np.random.Generator, row: int, perturbation: ScaleBlurSave | None) -> Crop:
        picture, labels, size = self.pictures[row], self._labels_of(row), self._size(perturbation)
        window = draw_window_at(rng, labels, size, untouched=rng.random() < self.augment.untouched)
        window = window or draw_window(rng, picture.pixels.shape[:2], size)
        part = Loaded(picture.pixels[window], picture.quantisation)
        part = perturbation.apply(part.pixels) if perturbation else part
        shown = _scaled_labels(labels[in_blocks(window)], _shape_in_blocks(part.pixels))
        if (shown == UNTOUCHED).all():
            return Crop(*part, shown, 0.0)
        weight = self.augment.altered_fakes if perturbation else 1.0
        if (shown != TAMPERED).all():
            weight *= min(part.pixels.size / picture.pixels.size, 1.0) ** 0.5
        return Crop(*part, shown, 1.0, weight)

    def _labels_of(self, row: int) -> np.ndarray:
        """The block labels of a fake as converted; unknown where it has no mask, or one without a block."""
        if row not in self._labels:
            shape = tuple(side // BLOCK for side in self.pictures.shape(row))
            labels = np.full(shape, UNKNOWN, np.int8)
            if self._masks[row]:
                masked = block_labels(load_mask(Path(self._masks[row]), self.pictures.files[row].path))
                if masked.shape == shape and (masked == TAMPERED).any():
                    labels = masked
            self._labels[row] = labels
        return self._labels[row]

    def _forged(self, rng: np.random.Generator, host: np.ndarray) -> Forgery:
        donor = self._donor(rng)
        by_hand = bool(self.augment.by_hand) and rng.random() < self.augment.by_hand
        return tamper_at_random(rng, host, donor, by_hand)

    def _host(self, rng: np.random.Generator, number: int, size: tuple[int, int]) -> np.ndarray:
        """Take a window of a genuine picture as handed in, and give some of them a history of their own."""
        picture = self.sources[number].pixels
        has_history = bool(self.augment.histories) and rng.random() < self.augment.histories
        final, size = size, (size[0] + BLOCK * has_history, size[1] + BLOCK * has_history)
        kind, factor = rng.random(), 1.0
        if _RESAVED <= kind < _RESAVED + _SHRUNK:
            least = max(_SMALLEST, min(1.0, size[0] / picture.shape[0], size[1] / picture.shape[1]))
            factor = float(rng.uniform(least, 0.95)) if least < 0.95 else 1.0
        wanted = (int(np.ceil(size[0] / factor / 8)) * 8, int(np.ceil(size[1] / factor / 8)) * 8)
        pixels = picture[draw_window(rng, picture.shape[:2], wanted)]
        if factor < 1:
            shrunk = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            pixels = on_grid(shrunk)[: size[0], : size[1]]
        elif kind < _RESAVED:
            pixels = recompressed(np.ascontiguousarray(pixels), draw_jpeg(rng, _HOST_QUALITIES)).pixels
        if has_history:
            pixels = saved_before(rng, pixels, final)
        return np.ascontiguousarray(pixels)

    def _donor(self, rng: np.random.Generator) -> np.ndarray:
        """Take a part of a genuine picture that begins anywhere: pasted, it rarely lies on its old grid."""
        picture = self.sources[int(rng.integers(len(self.sources)))].pixels
        wanted = [
            min(int(_DONOR_SIDE * side), room) for side, room in zip(self.size, picture.shape, strict=False)
        ]
        top, left = (
            int(rng.integers(room - side + 1)) for side, room in zip(wanted, picture.shape, strict=False)
        )
        part = picture[top : top + wanted[0], left : left + wanted[1]]
        if rng.random() < _DONOR_RESAVED:
            part = recompressed(np.ascontiguousarray(part), draw_jpeg(rng, _DONOR_QUALITIES)).pixels
        return part

    def _flipped(self, rng: np.random.Generator, *crops: Crop) -> tuple[Crop, ...]:
        """Bring crops to their size and turn them at random, all of them alike."""
        chosen = self.augment
        across = chosen.horizontal_flip and rng.random() < 0.5
        down = chosen.vertical_flip and rng.random() < 0.5
        swapped = chosen.transpose and rng.random() < 0.5 and self.size[0] == self.size[1]
        return tuple(_turned(_filled(crop, self.size), across, down, swapped) for crop in crops)


def _turned(crop: Crop, across: bool, down: bool, swapped: bool) -> Crop:
    pixels, table, labels = crop.pixels, crop.quantisation, crop.labels
    # By OpenCV: NumPy copies what lies in another order pixel by pixel.
    if across:
        pixels, labels = cv2.flip(pixels, 1), labels[:, ::-1]
    if down:
        pixels, labels = cv2.flip(pixels, 0), labels[::-1]
    if swapped:
        pixels, labels, table = cv2.transpose(pixels), labels.T, table.T
    return replace(crop, pixels=pixels, quantisation=table, labels=labels)


def files_of(table: pd.DataFrame, column: str = "path") -> list[File]:
    """Return the files of a manifest table; pages are those of sources, what is converted has one."""
    pages = table["page"].tolist() if column != "path" else [""] * len(table)
    rows = zip(table[column], table["height"], table["width"], pages, strict=True)
    return [File(Path(path), int(height), int(width), int(page or 0)) for path, height, width, page in rows]


def _part(rng: np.random.Generator, picture: Loaded, size: tuple[int, int]) -> Loaded:
    """Cut a window anywhere out of a picture."""
    return Loaded(picture.pixels[draw_window(rng, picture.pixels.shape[:2], size)], picture.quantisation)


def _shape_in_blocks(pixels: np.ndarray) -> tuple[int, int]:
    return pixels.shape[0] // BLOCK, pixels.shape[1] // BLOCK


def _scaled_labels(labels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bring the labels of a window to the size of what has become of it, each the nearest."""
    rows, columns = (
        np.minimum((np.arange(new) + 0.5) * old / new, old - 1).astype(np.intp)
        for new, old in zip(shape, labels.shape, strict=True)
    )
    return labels[np.ix_(rows, columns)]


def _filled(crop: Crop, size: tuple[int, int]) -> Crop:
    """Cut to `size`, or fill up what is smaller: mirrored pixels, of which nothing is known."""
    pixels, labels = crop.pixels[: size[0], : size[1]], crop.labels[: size[0] // BLOCK, : size[1] // BLOCK]
    missing = [(0, wanted - side) for wanted, side in zip(size, pixels.shape, strict=False)]
    if any(map(any, missing)):
        pixels = np.pad(pixels, [*missing, (0, 0)], mode="symmetric")
        labels = np.pad(labels, [(0, side // BLOCK) for _, side in missing], constant_values=UNKNOWN)
    return replace(crop, pixels=pixels, labels=labels)


def block_labels(mask: np.ndarray) -> np.ndarray:
    """Label each whole block of (h, w) bool `TAMPERED`, `UNTOUCHED` or, at an edge, `UNKNOWN`.

    >>> block_labels(np.arange(24) >= np.full((8, 1), 15)).tolist()
    [[0, -1, 1]]
    """
    share = tampered_share(mask)
    labels = np.full(share.shape, UNKNOWN, np.int8)
    labels[share == 0] = UNTOUCHED
    labels[share >= _MOSTLY] = TAMPERED
    return labels


def draw_window(rng: np.random.Generator, shape: tuple[int, int], size: tuple[int, int]) -> Window:
    """Draw a window of `size` on the grid of a picture of `shape`; a side that is shorter is taken whole.

    Args:
        rng: where it is drawn from.
        shape: height and width of the picture, multiples of 8.
        size: height and width wanted, multiples of 8.
    """
    starts = [
        BLOCK * int(rng.integers(max(side - wanted, 0) // BLOCK + 1))
        for side, wanted in zip(shape, size, strict=True)
    ]
    return _window(starts, shape, size)


def draw_window_at(
    rng: np.random.Generator, labels: np.ndarray, size: tuple[int, int], untouched: bool = False
) -> Window | None:
    """Draw a window that shows the tampering, or one that shows none of it.

    Args:
        rng: where it is drawn from.
        labels: (h / 8, w / 8) of the picture.
        size: height and width wanted, in pixels, multiples of 8.
        untouched: a window of untouched blocks only is wanted.

    Returns:
        a window with `ENOUGH_BLOCKS` tampered blocks, or as many as any has; None where no block is known to
        be tampered, or no window is untouched.
    """
    tall, wide = (min(side // BLOCK, room) for side, room in zip(size, labels.shape, strict=True))
    if untouched:
        fitting = window_sums(labels == UNTOUCHED, (tall, wide)) == tall * wide
    else:
        tampered = window_sums(labels == TAMPERED, (tall, wide))
        fitting = tampered >= min(ENOUGH_BLOCKS, max(int(tampered.max()), 1))
    places = np.flatnonzero(fitting)
    if not len(places):
        return None
    row, column = np.unravel_index(places[rng.integers(len(places))], fitting.shape)
    shape = (labels.shape[0] * BLOCK, labels.shape[1] * BLOCK)
    return _window([BLOCK * int(row), BLOCK * int(column)], shape, size)


def in_blocks(window: Window) -> Window:
    """Return the same window in blocks."""
    down, right = (slice(side.start // BLOCK, side.stop // BLOCK) for side in window)
    return down, right


def _window(starts: list[int], shape: tuple[int, int], size: tuple[int, int]) -> Window:
    down, right = (
        slice(start, min(start + wanted, side))
        for start, wanted, side in zip(starts, size, shape, strict=True)
    )
    return down, right
