"""Which picture stands in which place of which batch: a function of (seed, epoch), with no state between."""

from dataclasses import dataclass

import numpy as np

from pipeline.errors import UserError

_ALL, _GENUINE, _FAKE, _PLACES = range(4)  # one stream of random numbers each


@dataclass(frozen=True)
class Plan:
    """The batches of one epoch.

    Attributes:
        rows: of each batch, (batch_size,) row numbers of the table; the last batch may be shorter.
        occurrences: of each batch, how often each of its rows came before in this epoch.
    """

    rows: list[np.ndarray]
    occurrences: list[np.ndarray]


class Sampler:
    """Deals the rows of a table to batches.

    Without `fake_fraction` each row comes once an epoch, shuffled. With it, fakes are drawn straight
    from the fakes and genuine pictures from the genuine ones, each shuffled, and shuffled again when
    used up, going on from epoch to epoch; so no picture is drawn twice more often than another of its
    class, and the share of fakes in each batch is as asked whatever the sizes of the classes. Where
    that share of a batch is no whole number, batches alternate so that it holds on the average.

    Args:
        targets: (n,) 1 for fake, 0 for genuine.
        batch_size: pictures in a batch.
        fake_fraction: share of fakes in a batch, in (0, 1]; None: as in the table.
        seed: of the run.

    Raises:
        UserError: there is no picture of a class that is to be drawn.
    """

    def __init__(self, targets: np.ndarray, batch_size: int, fake_fraction: float | None, seed: int) -> None:
        self.batch_size = batch_size
        self.fake_fraction = fake_fraction
        self.seed = seed
        self._all = np.arange(len(targets))
        self._fake = np.flatnonzero(targets == 1)
        self._genuine = np.flatnonzero(targets == 0)
        self._refuse_empty()

    @property
    def steps(self) -> int:
        """Batches in an epoch: as many pictures as the table has, rounded up to whole batches."""
        return -(-len(self._all) // self.batch_size)

    @property
    def images_per_epoch(self) -> int:
        """Pictures in those batches: all of them whole when fakes are sampled, else as the table has."""
        return len(self._all) if self.fake_fraction is None else self.steps * self.batch_size

    def plan(self, epoch: int) -> Plan:
        """Deal the batches of `epoch` (from 0)."""
        if self.fake_fraction is None:
            start = epoch * len(self._all)
            rows = self._stream(_ALL, self._all, start, start + len(self._all))
        else:
            rows = self._balanced(epoch)
        cuts = np.arange(self.batch_size, len(rows), self.batch_size)
        return Plan(np.split(rows, cuts), np.split(earlier_occurrences(rows), cuts))

    def _balanced(self, epoch: int) -> np.ndarray:
        """Rows of the epoch's batches, each batch shuffled, so that no place tells the class."""
        assert self.fake_fraction is not None
        first = epoch * self.steps
        batches = np.arange(first, first + self.steps + 1)
        # Fakes in all batches before each one: rounding their sum keeps the share exact in the long run.
        fakes_before = np.floor(batches * self.batch_size * self.fake_fraction + 0.5).astype(np.int64)
        genuine_before = batches * self.batch_size - fakes_before
        places = np.arange(self.batch_size)
        is_fake = places[None, :] < np.diff(fakes_before)[:, None]
        is_fake = np.random.default_rng([self.seed, _PLACES, epoch]).permuted(is_fake, axis=1).ravel()
        rows = np.empty(len(is_fake), np.int64)
        rows[is_fake] = self._stream(_FAKE, self._fake, fakes_before[0], fakes_before[-1])
        rows[~is_fake] = self._stream(_GENUINE, self._genuine, genuine_before[0], genuine_before[-1])
        return rows

    def _stream(self, stream: int, rows: np.ndarray, start: int, stop: int) -> np.ndarray:
        """Places `start` to `stop` of the endless sequence of shuffles of `rows`."""
        if start == stop:
            return np.empty(0, np.int64)
        passes = range(start // len(rows), (stop - 1) // len(rows) + 1)
        shuffles = [np.random.default_rng([self.seed, stream, each]).permutation(rows) for each in passes]
        offset = passes.start * len(rows)
        return np.concatenate(shuffles)[start - offset : stop - offset]

    def _refuse_empty(self) -> None:
        needed = {"genuine or fake": self._all}
        if self.fake_fraction is not None:
            needed["fake"] = self._fake
            if self.fake_fraction < 1:
                needed["genuine"] = self._genuine
        for name, rows in needed.items():
            if not len(rows):
                raise UserError(
                    f"the training table has no {name} picture, and train.fake_fraction={self.fake_fraction} "
                    "draws from them; add some and make the manifest again, or change train.fake_fraction"
                )


def earlier_occurrences(rows: np.ndarray) -> np.ndarray:
    """Count for each place how often its row came before it: [7, 3, 7, 7] -> [0, 0, 1, 2]."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    first_of_run = np.repeat(starts, np.diff(starts, append=len(rows)))
    earlier = np.empty(len(rows), np.int64)
    earlier[order] = np.arange(len(rows)) - first_of_run
    return earlier
