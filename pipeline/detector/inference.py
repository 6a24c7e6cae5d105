"""How a trained model is asked: resized pictures in batches, whole ones one by one, a forest by features."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from pipeline.config import Inputs, NativeAugment, NativeInputs, ResizedInputs
from pipeline.images.content_features import history_features
from pipeline.images.jpeg import BLOCK
from pipeline.images.read import read
from pipeline.inputs.load import Loaded, load, on_grid, resize
from pipeline.models.portable import PortableForest, PortableNetwork

# What is read at native resolution depends on none of the sizes.
NATIVE = NativeInputs(method="native", height=8, width=8, views=1, augment=NativeAugment())

LARGEST = 2_400_000  # pixels that are looked at in one piece
TILE = 1440  # pixels, a side of what a tile adds to the map, at most
MARGIN = 128  # that a tile sees around it at most: as far as a block looks

BATCH = 32  # resized pictures, filled up to so that an answer does not depend on its company; and features
_TOGETHER = 1_200_000  # pixels of crops or perturbed pictures of one size that are looked at at once


class Answer(NamedTuple):
    """What a model answers for one picture."""

    logit: float  # of being fake
    # (height // 8, width // 8) logits of each 8 × 8 block being tampered; None where it does not localise
    map: np.ndarray | None = None


class Scorer(Protocol):
    """A model with its way of preparing pictures.

    Attributes:
        together: how many pictures it is asked about at once.
    """

    together: int

    def prepare(self, original: Path | bytes, decoded: Loaded | None = None) -> Any:
        """Read a picture; to the last digit the same if its pixels at native resolution are at hand.

        Raises Unreadable where it is no whole picture; never with `decoded`.
        """

    def prepare_crop(self, crop: Loaded) -> Any:
        """Prepare a part or a perturbed form of a picture, as a picture of its own."""

    def score(self, prepared: Iterable[Any]) -> Iterator[Answer]:
        """Answer for prepared pictures, in order, taken as they are needed; none depends on the others."""

    def score_crops(self, prepared: Iterable[Any]) -> Iterator[Answer]:
        """Answer likewise for many, as fast as can be: the last digits may depend on the others."""


def scorer_of(model: PortableNetwork | PortableForest, inputs: Inputs) -> Scorer:
    """Return the way to ask a model: a forest, or a network for resized or native pictures."""
    if isinstance(model, PortableForest):
        return ForestScorer(model)
    return NativeScorer(model) if inputs.method == "native" else ResizedScorer(model, inputs)


class ResizedScorer:
    """A network that sees whole pictures at one size."""

    together = BATCH

    def __init__(self, network: PortableNetwork, inputs: ResizedInputs) -> None:
        self.network = network
        self.inputs = inputs

    def prepare(self, original: Path | bytes, decoded: Loaded | None = None) -> np.ndarray:
        """Read it also if it is decoded: a large JPEG is decoded at a reduced size, with other pixels."""
        return load(original, self.inputs, known_whole=decoded is not None).pixels

    def prepare_crop(self, crop: Loaded) -> np.ndarray:
        """Resize it: (height, width, 3) uint8."""
        return resize(crop.pixels, self.inputs.height, self.inputs.width)

    def score(self, prepared: Iterable[np.ndarray]) -> Iterator[Answer]:
        """Answer in full batches."""
        for pictures in in_batches(prepared):
            missing = np.zeros((BATCH - len(pictures), *pictures[0].shape), np.uint8)
            yield from self._answers(np.concatenate([np.stack(pictures), missing]))[: len(pictures)]

    def score_crops(self, prepared: Iterable[np.ndarray]) -> Iterator[Answer]:
        """Answer in batches that are not filled up: these are many forms of few pictures."""
        for together in _of_one_size(prepared):
            yield from self._answers(np.stack(together))

    def _answers(self, pixels: np.ndarray) -> list[Answer]:
        images = pixels * np.float32(self.inputs.rescale)
        return [Answer(float(logit)) for logit in self.network(image=images)["logit"]]


class NativeScorer:
    """A network that sees pictures as they are, each by itself; a large one in tiles."""

    together = 1

    def __init__(self, network: PortableNetwork) -> None:
        self.network = network

    def prepare(self, original: Path | bytes, decoded: Loaded | None = None) -> Loaded:
        """Read it, unless that is done."""
        return load(original, NATIVE) if decoded is None else decoded

    def prepare_crop(self, crop: Loaded) -> Loaded:
        """Return it as it is."""
        return crop

    def score(self, prepared: Iterable[Loaded]) -> Iterator[Answer]:
        """Answer one by one: batches of one size would change nothing but the last digits of an answer."""
        for picture in prepared:
            height, width = picture.pixels.shape[:2]
            tiles = cut_tiles(height, width, min(self.network.reach or MARGIN, MARGIN))
            answers = [
                self._ask(picture.pixels[tile.seen][None], picture.quantisation[None]) for tile in tiles
            ]
            logits = [float(answer["logit"][0]) for answer in answers]
            if not self.network.has_map:
                yield Answer(float(np.average(logits, weights=[tile.n_blocks for tile in tiles])))
                continue
            stitched = stitch(tiles, [answer["map"][0] for answer in answers])
            if len(tiles) > 1:
                logits = [self.network.logit_of(stitched)]
            yield Answer(logits[0], stitched)

    def score_crops(self, prepared: Iterable[Loaded]) -> Iterator[Answer]:
        """Answer for those of one size that follow one another at once.

        On two cores that takes two thirds of the time off crops of 96 × 96, and a fifth off pictures of
        384 × 256.
        """
        for together in _of_one_size(prepared):
            if len(together) == 1:  # it may be so large that it must be looked at in tiles
                yield from self.score(together)
                continue
            answers = self._ask(
                np.stack([picture.pixels for picture in together]),
                np.stack([picture.quantisation for picture in together]),
            )
            maps = answers.get("map")
            for index, logit in enumerate(answers["logit"]):
                yield Answer(float(logit), None if maps is None else maps[index])

    def _ask(self, pixels: np.ndarray, quantisation: np.ndarray) -> dict[str, np.ndarray]:
        return self.network(image=pixels.astype(np.float32), quantisation=quantisation)


class ForestScorer:
    """A forest on the features of whole pictures."""

    together = BATCH

    def __init__(self, forest: PortableForest) -> None:
        self.forest = forest

    def prepare(self, original: Path | bytes, decoded: Loaded | None = None) -> np.ndarray:
        """Read it also if it is decoded: its features are also of pixels at the border that fill no block."""
        return history_features(read(original, known_whole=decoded is not None).pixels_on_grid)

    def prepare_crop(self, crop: Loaded) -> np.ndarray:
        """Measure it: (features,) float32."""
        return history_features(on_grid(crop.pixels))

    def score(self, prepared: Iterable[np.ndarray]) -> Iterator[Answer]:
        """Answer in batches."""
        for features in in_batches(prepared):
            yield from (Answer(float(logit)) for logit in self.forest.logits(np.array(features)))

    score_crops = score


class Tile(NamedTuple):
    """A part of a large picture, so that memory does not grow with the picture."""

    seen: tuple[slice, slice]  # rows and columns of the picture that are looked at, in pixels
    kept: tuple[slice, slice]  # rows and columns of the picture's map that it fills, in blocks

    @property
    def n_blocks(self) -> int:
        """Blocks that it fills."""
        return (self.kept[0].stop - self.kept[0].start) * (self.kept[1].stop - self.kept[1].start)


def cut_tiles(height: int, width: int, margin: int = MARGIN) -> list[Tile]:
    """Cut a picture whose sides are multiples of 8 into tiles of about one size; a small one stays whole.

    Example:
        >>> [tile.seen for tile in cut_tiles(1024, 3072)]  # doctest: +NORMALIZE_WHITESPACE
        [(slice(0, 1024, None), slice(0, 1152, None)), (slice(0, 1024, None), slice(896, 2176, None)),
         (slice(0, 1024, None), slice(1920, 3072, None))]

    Args:
        height: in pixels.
        width: in pixels.
        margin: pixels that a tile sees around what it adds to the map, a multiple of 8.
    """
    side = TILE if height * width > LARGEST else max(height, width)

    def along(length: int) -> list[tuple[slice, slice]]:
        n = -(-length // side)
        ends = [BLOCK * (length // BLOCK * number // n) for number in range(n + 1)]
        return [
            (
                slice(max(start - margin, 0), min(end + margin, length)),
                slice(start // BLOCK, end // BLOCK),
            )
            for start, end in itertools.pairwise(ends)
        ]

    pairs = itertools.product(along(height), along(width))
    return [Tile((rows[0], columns[0]), (rows[1], columns[1])) for rows, columns in pairs]


def stitch(tiles: Sequence[Tile], maps: Sequence[np.ndarray]) -> np.ndarray:
    """Put the maps of what tiles have seen together to that of the picture: (height / 8, width / 8)."""
    whole = np.empty((tiles[-1].kept[0].stop, tiles[-1].kept[1].stop), np.float32)
    for tile, seen_map in zip(tiles, maps, strict=True):
        inner = tuple(
            slice(kept.start - seen.start // BLOCK, kept.stop - seen.start // BLOCK)
            for kept, seen in zip(tile.kept, tile.seen, strict=True)
        )
        whole[tile.kept] = seen_map[inner]
    return whole


def in_batches(pictures: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield up to `BATCH` together, taken as they are needed."""
    waiting = iter(pictures)
    while together := list(itertools.islice(waiting, BATCH)):
        yield together


def _of_one_size(prepared: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield those of one size that follow one another together, up to `_TOGETHER` pixels."""
    for (height, width, _), alike in itertools.groupby(
        prepared, lambda picture: (picture if isinstance(picture, np.ndarray) else picture.pixels).shape
    ):
        most = max(_TOGETHER // (height * width), 1)
        while together := list(itertools.islice(alike, most)):
            yield together
