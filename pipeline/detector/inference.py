"""How a trained model is asked: resized pictures in batches, whole ones one by one, a forest by features."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from pipeline.config import Inputs, NativeAugment, NativeInputs, ResizedInputs
from pipeline.images.read import read_rgb
from pipeline.inputs.load import BLOCK, Loaded, load, on_grid, resize
from pipeline.models.forest import Forest

# Large pictures in tiles, so that memory does not grow with them, and their maps put together again.
#

LARGEST = 2_400_000  # pixels that are looked at in one piece
TILE = 1024  # pixels, a side of what a tile adds to the map
MARGIN = 128  # that a tile sees around it: as far as a cell looks


class Tile(NamedTuple):
    """A part of a picture.

    Attributes:
        seen: rows and columns of the picture that are looked at, in pixels.
        kept: rows and columns of the picture's map that it fills, in cells.
    """

    seen: tuple[slice, slice]
    kept: tuple[slice, slice]

    @property
    def area(self) -> int:
        """Cells that it fills."""
        return (self.kept[0].stop - self.kept[0].start) * (self.kept[1].stop - self.kept[1].start)


def cut_tiles(height: int, width: int) -> list[Tile]:
    """Cut a picture whose sides are multiples of 8; a small one stays in one piece."""
    if height * width <= LARGEST:
        return [
            Tile((slice(0, height), slice(0, width)), (slice(0, height // BLOCK), slice(0, width // BLOCK)))
        ]
    return [
        Tile((_seen(top, height), _seen(left, width)), (_kept(top, height), _kept(left, width)))
        for top in range(0, height, TILE)
        for left in range(0, width, TILE)
    ]


def stitched(tiles: Sequence[Tile], maps: Sequence[np.ndarray]) -> np.ndarray:
    """Put the maps of what tiles have seen together to that of the picture: (height / 8, width / 8)."""
    whole = np.empty((tiles[-1].kept[0].stop, tiles[-1].kept[1].stop), np.float32)
    for tile, cells in zip(tiles, maps, strict=True):
        inner = tuple(
            slice(kept.start - seen.start // BLOCK, kept.stop - seen.start // BLOCK)
            for kept, seen in zip(tile.kept, tile.seen, strict=True)
        )
        whole[tile.kept] = cells[inner]
    return whole


def _seen(start: int, side: int) -> slice:
    return slice(max(start - MARGIN, 0), min(start + TILE + MARGIN, side))


def _kept(start: int, side: int) -> slice:
    return slice(start // BLOCK, min(start + TILE, side) // BLOCK)


# Of resized pictures, filled up to this so that an answer does not depend on its company; and of features.
BATCH = 32
_TOGETHER = 1_200_000  # pixels of crops or changed forms of one size that are looked at at once

Picture = Path | bytes


class Look(NamedTuple):
    """What a model answers for one picture.

    Attributes:
        logit: of being fake.
        cells: (height // 8, width // 8) logits of each 8 × 8 cell being tampered; None where the model says
            nothing of places.
    """

    logit: float
    cells: np.ndarray | None


class Scorer(Protocol):
    """A model with its way of preparing pictures."""

    def prepare(self, picture: Picture) -> Any:
        """Read a picture, as handed in.

        Raises:
            Unreadable: it is no whole picture.
        """

    def prepare_decoded(self, picture: Picture, decoded: Loaded) -> Any:
        """Take a whole file whose pixels are at hand: what `prepare` makes of it, to the last digit."""

    def prepare_crop(self, crop: Loaded) -> Any:
        """Take a part or a changed form of a picture at native resolution, as a picture of its own."""

    def score(self, prepared: Iterable[Any]) -> Iterator[Look]:
        """Answer for prepared pictures, in order, taken as they are needed; none depends on the others."""

    def score_crops(self, prepared: Iterable[Any]) -> Iterator[Look]:
        """Answer for many crops or changed forms, in order, as fast as can be; taken as they are needed."""


def scorer_of(model: Any, inputs: Inputs) -> Scorer:
    """Choose the way for a model: a `Forest`, or a network for resized or native pictures."""
    if isinstance(model, Forest):
        return ForestScorer(model)
    return NativeScorer(model) if inputs.method == "native" else ResizedScorer(model, inputs)


class ResizedScorer:
    """A network that sees whole pictures at one size."""

    def __init__(self, network: Any, inputs: ResizedInputs) -> None:
        self.network = network
        self.inputs = inputs

    def prepare(self, picture: Picture) -> np.ndarray:
        """Read and resize: (height, width, 3) uint8."""
        return load(picture, self.inputs).pixels

    def prepare_decoded(self, picture: Picture, decoded: Loaded) -> np.ndarray:  # noqa: ARG002
        """Read it again: a large JPEG is decoded at a reduced size, which gives other pixels."""
        return load(picture, self.inputs, known_whole=True).pixels

    def prepare_crop(self, crop: Loaded) -> np.ndarray:
        """Resize."""
        return resize(crop.pixels, self.inputs.height, self.inputs.width)

    def score(self, prepared: Iterable[np.ndarray]) -> Iterator[Look]:
        """Answer in batches."""
        for pictures in in_batches(prepared):
            images = np.zeros((BATCH, *pictures[0].shape), np.float32)
            images[: len(pictures)] = np.stack(pictures) * np.float32(self.inputs.rescale)
            logits = np.asarray(self.network({"image": images}, training=False)["logit"], np.float64)
            yield from (Look(float(logit), None) for logit in logits[: len(pictures)])

    def score_crops(self, prepared: Iterable[np.ndarray]) -> Iterator[Look]:
        """Answer in batches that are not filled up: what is compared here is many forms of few pictures."""
        for together in _of_one_size(prepared, np.shape):
            images = np.stack(together) * np.float32(self.inputs.rescale)
            logits = np.asarray(self.network({"image": images}, training=False)["logit"], np.float64)
            yield from (Look(float(logit), None) for logit in logits)


class NativeScorer:
    """A network that sees pictures as they are, each by itself; a large one in tiles."""

    def __init__(self, network: Any) -> None:
        import tensorflow as tf

        self.network = network
        self._call = tf.function(
            lambda image, table: (
                network({"image": image, "quantisation": table}, training=False)
                if "quantisation" in network.input
                else network({"image": image}, training=False)
            ),
            input_signature=[
                tf.TensorSpec((None, None, None, 3), tf.float32),
                tf.TensorSpec((None, 8, 8), tf.float32),
            ],
        )

    def prepare(self, picture: Picture) -> Loaded:
        """Read it."""
        return load(picture, NATIVE)

    def prepare_decoded(self, picture: Picture, decoded: Loaded) -> Loaded:  # noqa: ARG002
        """Nothing is to be done."""
        return decoded

    def prepare_crop(self, crop: Loaded) -> Loaded:
        """Nothing is to be done."""
        return crop

    def score(self, prepared: Iterable[Loaded]) -> Iterator[Look]:
        """Answer one by one: batches of one size would change nothing but the last digits of an answer."""
        for picture in prepared:
            tiles = cut_tiles(*picture.pixels.shape[:2])
            answers = [self._answer(picture, tile.seen) for tile in tiles]
            logits = [float(answer["logit"][0]) for answer in answers]
            if "map" not in answers[0]:
                yield Look(float(np.average(logits, weights=[tile.area for tile in tiles])), None)
                continue
            if len(tiles) == 1:
                yield Look(logits[0], np.asarray(answers[0]["map"][0]))
                continue
            cells = stitched(tiles, [np.asarray(answer["map"][0]) for answer in answers])
            yield Look(float(self.network.get_layer("logit")(cells[None])[0]), cells)

    def score_crops(self, prepared: Iterable[Loaded]) -> Iterator[Look]:
        """Answer for those of one size that follow one another at once.

        On two cores that takes two thirds of the time off crops of 96 × 96, and a fifth off pictures of
        384 × 256.
        """
        for together in _of_one_size(prepared, lambda picture: picture.pixels.shape):
            if len(together) == 1:  # it may be so large that it must be looked at in tiles
                yield from self.score(together)
                continue
            answers = self._call(
                np.stack([each.pixels for each in together]).astype(np.float32),
                np.stack([each.quantisation for each in together]),
            )
            logits, maps = np.asarray(answers["logit"]), answers.get("map")
            for place, logit in enumerate(logits):
                yield Look(float(logit), None if maps is None else np.asarray(maps[place]))

    def _answer(self, picture: Loaded, window: tuple[slice, slice]) -> Any:
        image = picture.pixels[window][None].astype(np.float32)
        return self._call(image, picture.quantisation[None])


class ForestScorer:
    """A forest on the features of whole pictures."""

    def __init__(self, forest: Forest) -> None:
        self.forest = forest

    def prepare(self, picture: Picture) -> np.ndarray:
        """Read and measure: (features,) float32."""
        return self.forest.features(read_rgb(picture))

    def prepare_decoded(self, picture: Picture, decoded: Loaded) -> np.ndarray:  # noqa: ARG002
        """Read it again: the features are also of the pixels at the border that fill no block."""
        return self.forest.features(read_rgb(picture, known_whole=True))

    def prepare_crop(self, crop: Loaded) -> np.ndarray:
        """Measure."""
        return self.forest.features(on_grid(crop.pixels))

    def score(self, prepared: Iterable[np.ndarray]) -> Iterator[Look]:
        """Answer in batches."""
        for features in in_batches(prepared):
            yield from (Look(float(logit), None) for logit in self.forest.logits(np.array(features)))

    def score_crops(self, prepared: Iterable[np.ndarray]) -> Iterator[Look]:
        """The same."""
        return self.score(prepared)


# What is read at native resolution depends on none of the sizes.
NATIVE = NativeInputs(method="native", height=8, width=8, views=1, augment=NativeAugment())


def in_batches(pictures: Iterable[Any]) -> Iterator[list[Any]]:
    """Put up to `BATCH` together, taken as they are needed."""
    waiting = iter(pictures)
    while together := list(itertools.islice(waiting, BATCH)):
        yield together


def _of_one_size(prepared: Iterable[Any], shape_of: Callable[[Any], tuple[int, ...]]) -> Iterator[list[Any]]:
    """Put those of one size that follow one another together, up to `_TOGETHER` pixels."""
    for (height, width, _), alike in itertools.groupby(prepared, shape_of):
        most = max(_TOGETHER // (height * width), 1)
        while together := list(itertools.islice(alike, most)):
            yield together
