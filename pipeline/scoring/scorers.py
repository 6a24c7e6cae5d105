"""How a trained model is asked: resized pictures in batches, whole ones one by one, a forest by features."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from pipeline.config import Preprocess
from pipeline.images.read import read_rgb
from pipeline.inputs.load import Loaded, load, on_grid
from pipeline.inputs.resize import resize
from pipeline.models.forest import Forest
from pipeline.scoring.tiles import cut_tiles, stitched

BATCH = 32  # of resized pictures; filled up to this, so that an answer does not depend on its company

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

    def prepare_crop(self, crop: Loaded) -> Any:
        """Take a part of a picture that was read at native resolution, as a picture of its own."""

    def score(self, prepared: Sequence[Any]) -> Iterator[Look]:
        """Answer for prepared pictures, in order."""


def scorer_of(model: Any, preprocess: Preprocess) -> Scorer:
    """Choose the way for a model: a `Forest`, or a network for resized or native pictures."""
    if isinstance(model, Forest):
        return ForestScorer(model)
    return (NativeScorer if preprocess.method == "native" else ResizedScorer)(model, preprocess)


class ResizedScorer:
    """A network that sees whole pictures at one size."""

    def __init__(self, network: Any, preprocess: Preprocess) -> None:
        self.network = network
        self.preprocess = preprocess

    def prepare(self, picture: Picture) -> np.ndarray:
        """Read and resize: (height, width, 3) uint8."""
        return load(picture, self.preprocess).pixels

    def prepare_crop(self, crop: Loaded) -> np.ndarray:
        """Resize."""
        return resize(crop.pixels, self.preprocess.height, self.preprocess.width)

    def score(self, prepared: Sequence[np.ndarray]) -> Iterator[Look]:
        """Answer in batches."""
        for start in range(0, len(prepared), BATCH):
            pictures = prepared[start : start + BATCH]
            images = np.zeros((BATCH, *pictures[0].shape), np.float32)
            images[: len(pictures)] = np.stack(pictures) * np.float32(self.preprocess.rescale)
            logits = np.asarray(self.network({"image": images}, training=False)["logit"], np.float64)
            yield from (Look(float(logit), None) for logit in logits[: len(pictures)])


class NativeScorer:
    """A network that sees pictures as they are, each by itself; a large one in tiles."""

    def __init__(self, network: Any, preprocess: Preprocess) -> None:
        import tensorflow as tf

        self.network = network
        self.rescale = np.float32(preprocess.rescale)
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
        return load(picture, _NATIVE)

    def prepare_crop(self, crop: Loaded) -> Loaded:
        """Nothing is to be done."""
        return crop

    def score(self, prepared: Sequence[Loaded]) -> Iterator[Look]:
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

    def _answer(self, picture: Loaded, window: tuple[slice, slice]) -> Any:
        image = picture.pixels[window][None] * self.rescale
        return self._call(image, picture.quantisation[None])


class ForestScorer:
    """A forest on the features of whole pictures."""

    def __init__(self, forest: Forest) -> None:
        self.forest = forest

    def prepare(self, picture: Picture) -> np.ndarray:
        """Read and measure: (features,) float32."""
        return self.forest.features(read_rgb(picture))

    def prepare_crop(self, crop: Loaded) -> np.ndarray:
        """Measure."""
        return self.forest.features(on_grid(crop.pixels))

    def score(self, prepared: Sequence[np.ndarray]) -> Iterator[Look]:
        """Answer for all at once."""
        yield from (Look(float(logit), None) for logit in self.forest.logits(np.array(prepared)))


# What is read at native resolution depends on none of the sizes.
_NATIVE = Preprocess(method="native", height=8, width=8, rescale=1.0, views=1)
