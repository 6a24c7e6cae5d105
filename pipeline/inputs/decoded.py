"""Decoded and resized pictures by row number, each decoded once where a cache has room."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pipeline.config import Preprocess
from pipeline.errors import UserError
from pipeline.inputs.cache import PictureCache
from pipeline.inputs.resize import load


class DecodedPictures:
    """The pictures of a table as the network's input, still in 8 bits. Threads may share it.

    Args:
        paths: of the pictures, in the order of the table; their hashes are checked before training.
        preprocess: the wanted size.
        cache: where they are kept; claims its room at once.

    Attributes:
        failure: why a picture could not be read, once that has happened; TensorFlow, in whose threads
            it happens, passes on no more than the text of an exception.
    """

    def __init__(self, paths: Sequence[Path], preprocess: Preprocess, cache: PictureCache) -> None:
        self.paths = list(paths)
        self.preprocess = preprocess
        self.shape = (preprocess.height, preprocess.width, 3)
        self.failure: UserError | None = None
        self._kept = cache.room_for((len(self.paths), *self.shape))
        self._is_kept = np.zeros(len(self.paths), bool)

    def __getitem__(self, row: int) -> np.ndarray:
        """Give a picture, (height, width, 3) uint8, not to be written to.

        Raises:
            UserError: it cannot be read; also kept in `failure`.
        """
        if self._kept is not None and self._is_kept[row]:
            return self._kept[row]
        try:
            picture = load(self.paths[row], self.preprocess, known_whole=True)
        except UserError as error:
            self.failure = error
            raise
        if self._kept is not None:
            self._kept[row] = picture
            self._is_kept[row] = True  # after the pixels: another thread may be waiting for them
        return picture

    def batch(self, rows: Iterable[int]) -> np.ndarray:
        """Stack the pictures of `rows`, (n, height, width, 3) uint8."""
        return np.stack([self[row] for row in rows])
