"""Endless sequences of pictures: shuffled, dealt out, shuffled anew when used up."""

import numpy as np

LARGEST_SHARE = 0.5  # of what is drawn of a class: more from one group would teach that group
_OF_LARGE_GROUP = 16  # added to the number of a deck: that of the deck within it


class Deck:
    """Rows in passes: each row once a pass, each pass in another order.

    Where one group holds more than `LARGEST_SHARE` of the rows, a pass takes as many of its rows as all
    other groups have, the next ones of a shuffle of their own. So no picture is drawn twice more often than
    another of its group, and the large group decides no more than all others together.

    Args:
        rows: (n,) row numbers, at least one.
        seed: of the run.
        stream: number of the deck, so that decks of one seed differ.
        groups: (all rows of the table,) names of groups; None: all rows alike.
    """

    def __init__(self, rows: np.ndarray, seed: int, stream: int, groups: np.ndarray | None = None) -> None:
        self._seed = seed
        self._stream = stream
        self._large, self._others = _split_by_size(rows, groups)

    def deal(self, start: int, stop: int) -> np.ndarray:
        """Give places `start` to `stop` of the sequence, int64 (stop - start,)."""
        if start == stop:
            return np.empty(0, np.int64)
        size = len(self._others) + self._taken
        passes = range(start // size, (stop - 1) // size + 1)
        cards = np.concatenate([self._pass(number) for number in passes])
        offset = passes.start * size
        return cards[start - offset : stop - offset]

    @property
    def _taken(self) -> int:
        """Rows of the large group in a pass."""
        return len(self._others) if len(self._large) else 0

    def _pass(self, number: int) -> np.ndarray:
        rows = self._others
        if self._taken:
            large = Deck(self._large, self._seed, self._stream + _OF_LARGE_GROUP)
            rows = np.concatenate([rows, large.deal(number * self._taken, (number + 1) * self._taken)])
        return np.random.default_rng([self._seed, self._stream, number]).permutation(rows)


def _split_by_size(rows: np.ndarray, groups: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Part the rows of a group that is too large from the others; none are parted where there is none."""
    if groups is not None:
        names, group, sizes = np.unique(groups[rows], return_inverse=True, return_counts=True)
        largest = group == sizes.argmax()
        if len(names) > 1 and sizes.max() > LARGEST_SHARE * len(rows):
            return rows[largest], rows[~largest]
    return rows[:0], rows
