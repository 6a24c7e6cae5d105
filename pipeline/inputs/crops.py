"""What a batch shows of a picture at native resolution: a crop with its table, its cells and its target.

A view is a function of (seed, epoch, picture, occurrence); see `sampling` for twins.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.config import NativeInputs
from pipeline.images.mask import read_mask
from pipeline.inputs.augment_crops import Alteration, OwnSaves, draw_alteration, draw_scene, tampered
from pipeline.inputs.cache import DecodedPictures, File, PictureCache
from pipeline.inputs.load import BLOCK, Loaded
from pipeline.inputs.windows import (
    TAMPERED,
    UNKNOWN,
    UNTOUCHED,
    cells_of,
    draw_window,
    draw_window_at,
    in_cells,
)


@dataclass(frozen=True)
class View:
    """One place of a batch.

    Attributes:
        pixels: (height, width, 3) uint8.
        quantisation: (8, 8) float32, see `load.Loaded`.
        cells: (height / 8, width / 8) int8, see `cells`.
        target: 1 if the crop shows something tampered with, else 0.
        weight: of the target and the cells. Less than 1 for a fake whose traces an alteration may have
            wiped out; and where no mask tells whether the tampering lies in the crop: the side of the crop
            by that of its picture.
    """

    pixels: np.ndarray
    quantisation: np.ndarray
    cells: np.ndarray
    target: float
    weight: float


class Views:
    """Makes views of the pictures of a training table. Threads may share it.

    Args:
        table: a manifest table with `source_file` (where a picture was before it was converted).
        inputs: size of the crops, and what is drawn at random.
        seed: of the run.
        cache: where decoded pictures are kept.
        policy: of the conversion; `matched` says how genuine pictures may be saved besides.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        inputs: NativeInputs,
        seed: int,
        cache: PictureCache,
        policy: str,
    ) -> None:
        self.augment = inputs.augment
        self.seed = seed
        self.size = (inputs.height, inputs.width)
        self.pictures = DecodedPictures(files_of(table), inputs, cache)
        self._collections = table["collection"].tolist()
        self._masks = table["mask_path"].tolist()
        self._fake = (table["target"] == 1).to_numpy()
        self._cells: dict[int, np.ndarray] = {}
        self._matched = self.augment.matched_saves and policy == "matched"
        genuine = np.flatnonzero(~self._fake)
        self._source_row = {int(row): place for place, row in enumerate(genuine)}
        needed = self.augment.needs_sources
        sources = files_of(table.iloc[genuine], column="source_file") if needed else []
        self.sources = DecodedPictures(sources, inputs, cache)
        fakes: dict[str, list[Path]] = {}
        for row in np.flatnonzero(self._fake) if needed else ():
            fakes.setdefault(self._collections[row], []).append(self.pictures.files[row].path)
        self._saves = OwnSaves(fakes)

    def view(self, epoch: int, row: int, occurrence: int, twinned: bool, of_fake: bool) -> View:
        """Make the view of one place.

        Args:
            epoch: from 0.
            row: of the table.
            occurrence: how often the row came before in this epoch.
            twinned: it is one of two twins …
            of_fake: … namely the tampered one.
        """
        rng = np.random.default_rng([self.seed, epoch, row, occurrence])
        altered = draw_alteration(rng, self.augment) if rng.random() < self.augment.alter else None
        if twinned:
            made = self._twin(rng, row, of_fake, altered)
        elif self._fake[row]:
            made = self._found_fake(rng, row, altered)
        else:
            made = self._genuine(rng, row, altered)
        return self._flipped(rng, _filled(made, self.size))

    def _twin(self, rng: np.random.Generator, row: int, of_fake: bool, altered: Alteration | None) -> View:
        alteration = altered or Alteration(save=self._saves.draw(rng, self._collections[row]))
        place = self._source_row[row]
        scene = draw_scene(rng, self.sources, place, self.size, alteration)
        pixels, mask = scene.pixels, np.zeros(scene.pixels.shape[:2], bool)
        if of_fake:
            pixels, mask = tampered(scene, self.sources, self.size)
        cells = cells_of(alteration.follow(mask))
        weight = self.augment.altered_fakes if altered and of_fake else 1.0
        return _view(alteration.apply(pixels), cells, float(of_fake), weight)

    def _genuine(self, rng: np.random.Generator, row: int, altered: Alteration | None) -> View:
        if rng.random() < self.augment.handed_in:
            return self._cut(rng, self.sources[self._source_row[row]], None, altered)
        if self._matched:
            alteration = Alteration(save=self._saves.draw(rng, self._collections[row]))
            source = self.sources[self._source_row[row]].pixels
            size = altered.source_size(self.size) if altered else self.size
            part = np.ascontiguousarray(source[draw_window(rng, source.shape[:2], size)])
            return self._cut(rng, alteration.apply(part), None, altered)
        return self._cut(rng, self.pictures[row], None, altered)

    def _found_fake(self, rng: np.random.Generator, row: int, altered: Alteration | None) -> View:
        return self._cut(rng, self.pictures[row], self._cells_of(row), altered)

    def _cut(
        self, rng: np.random.Generator, picture: Loaded, cells: np.ndarray | None, altered: Alteration | None
    ) -> View:
        """Cut a crop out of a picture; `cells` are those of a fake."""
        shape = picture.pixels.shape[:2]
        size = altered.source_size(self.size) if altered else self.size
        window = None
        if cells is not None:
            window = draw_window_at(rng, cells, size, untouched=rng.random() < self.augment.untouched)
        window = window or draw_window(rng, shape, size)
        part = Loaded(picture.pixels[window], picture.quantisation)
        if altered:
            part = altered.apply(part.pixels)
        if cells is None:
            return _view(part, np.full(_cells_shape(part.pixels), UNTOUCHED, np.int8), 0.0)
        shown = _followed(cells[in_cells(window)], part.pixels)
        if (shown == UNTOUCHED).all():
            return _view(part, shown, 0.0)
        weight = self.augment.altered_fakes if altered else 1.0
        if (shown != TAMPERED).all():
            covered = part.pixels.shape[0] * part.pixels.shape[1] / (shape[0] * shape[1])
            weight *= min(covered, 1.0) ** 0.5
        return _view(part, shown, 1.0, weight)

    def _cells_of(self, row: int) -> np.ndarray:
        """The cells of a fake as converted; unknown where it has no mask, or one without a cell."""
        if row not in self._cells:
            shape = tuple(side // BLOCK for side in self.pictures.shape(row))
            cells = np.full(shape, UNKNOWN, np.int8)
            if self._masks[row]:
                found = cells_of(read_mask(Path(self._masks[row])))[: shape[0], : shape[1]]
                if found.shape == shape and (found == TAMPERED).any():
                    cells = found
            self._cells[row] = cells
        return self._cells[row]

    def _flipped(self, rng: np.random.Generator, view: View) -> View:
        pixels, table, cells = view.pixels, view.quantisation, view.cells
        if self.augment.horizontal_flip and rng.random() < 0.5:
            pixels, cells = pixels[:, ::-1], cells[:, ::-1]
        if self.augment.vertical_flip and rng.random() < 0.5:
            pixels, cells = pixels[::-1], cells[::-1]
        if self.augment.transpose and rng.random() < 0.5 and self.size[0] == self.size[1]:
            pixels, cells, table = pixels.swapaxes(0, 1), cells.T, table.T
        return View(pixels, table, cells, view.target, view.weight)


def files_of(table: pd.DataFrame, column: str = "path") -> list[File]:
    """Give the files of a manifest table; pages are those of sources, what is converted has one."""
    pages = table["page"].tolist() if column != "path" else [""] * len(table)
    rows = zip(table[column], table["height"], table["width"], pages, strict=True)
    return [File(Path(path), int(height), int(width), int(page or 0)) for path, height, width, page in rows]


def _view(part: Loaded, cells: np.ndarray, target: float, weight: float = 1.0) -> View:
    return View(part.pixels, part.quantisation, cells, target, weight)


def _cells_shape(pixels: np.ndarray) -> tuple[int, int]:
    return pixels.shape[0] // BLOCK, pixels.shape[1] // BLOCK


def _followed(cells: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Bring the cells of a window to the size of what has become of it, each the nearest."""
    shape = _cells_shape(pixels)
    rows, columns = (
        np.minimum((np.arange(new) + 0.5) * old / new, old - 1).astype(np.intp)
        for new, old in zip(shape, cells.shape, strict=True)
    )
    return cells[np.ix_(rows, columns)]


def _filled(view: View, size: tuple[int, int]) -> View:
    """Cut to `size`, or fill up what is smaller: mirrored pixels, of which nothing is known."""
    pixels, cells = view.pixels[: size[0], : size[1]], view.cells[: size[0] // BLOCK, : size[1] // BLOCK]
    missing = [(0, wanted - side) for wanted, side in zip(size, pixels.shape, strict=False)]
    if any(map(any, missing)):
        pixels = np.pad(pixels, [*missing, (0, 0)], mode="symmetric")
        cells = np.pad(cells, [(0, side // BLOCK) for _, side in missing], constant_values=UNKNOWN)
    return View(pixels, view.quantisation, cells, view.target, view.weight)
