"""Which picture stands in which place of which batch: a function of (seed, epoch), with no state between."""

from dataclasses import dataclass

import numpy as np

from pipeline.errors import UserError

LARGEST_SHARE = 0.5  # of what is drawn of a class: more from one group would teach that group
_OF_LARGE_GROUP = 16  # added to the stream of a sequence: that of the sequence within its large group
_ALL, _GENUINE, _FAKE, _PLACES, _HOSTS = range(5)  # one stream of random numbers each


class Permutations:
    """An endless sequence of rows in passes: each row once a pass, each pass in another order.

    Where one group holds more than `LARGEST_SHARE` of the rows, a pass takes as many of its rows as all
    other groups have, the next ones of a sequence of their own. So no picture is drawn twice more often than
    another of its group, and the large group decides no more than all others together.

    Args:
        rows: (n,) row numbers, at least one.
        seed: of the run.
        stream: number of the sequence, so that those of one seed differ.
        groups: (all rows of the table,) names of groups; None: all rows alike.

    >>> Permutations(np.arange(3), seed=20, stream=1).part(0, 6).reshape(2, 3).tolist()
    [[2, 1, 0], [0, 2, 1]]
    """

    def __init__(self, rows: np.ndarray, seed: int, stream: int, groups: np.ndarray | None = None) -> None:
        self._seed = seed
        self._stream = stream
        self._large, self._others = _split_by_size(rows, groups)
        self._large_in_a_pass = len(self._others) if len(self._large) else 0

    def part(self, start: int, stop: int) -> np.ndarray:
        """Return the rows at `start` to `stop` of the sequence, int64 (stop - start,)."""
        if start == stop:
            return np.empty(0, np.int64)
        size = len(self._others) + self._large_in_a_pass
        first = start // size
        passes = [self._pass(number) for number in range(first, (stop - 1) // size + 1)]
        return np.concatenate(passes)[start - first * size : stop - first * size]

    def _pass(self, number: int) -> np.ndarray:
        rows = self._others
        if taken := self._large_in_a_pass:
            large = Permutations(self._large, self._seed, self._stream + _OF_LARGE_GROUP)
            rows = np.concatenate([rows, large.part(number * taken, (number + 1) * taken)])
        return np.random.default_rng([self._seed, self._stream, number]).permutation(rows)


def _split_by_size(rows: np.ndarray, groups: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Part the rows of a group that is too large from the others; none are parted where there is none."""
    if groups is not None:
        names, group, sizes = np.unique(groups[rows], return_inverse=True, return_counts=True)
        largest = group == sizes.argmax()
        if len(names) > 1 and sizes.max() > LARGEST_SHARE * len(rows):
            return rows[largest], rows[~largest]
    return rows[:0], rows


@dataclass(frozen=True)
class BatchPlan:
    """What stands in the places of one batch.

    Attributes:
        rows: (n,) row numbers of the table.
        occurrences: (n,) how often each of its rows came before in this epoch.
        twinned: (n,) bool, the picture is one of two twins, of which `tampered` says which. The two have
            one row and one occurrence, so that what is drawn for one is drawn for the other.
        tampered: (n,) bool, a fake made from the genuine picture of its row.
    """

    rows: np.ndarray
    occurrences: np.ndarray
    twinned: np.ndarray
    tampered: np.ndarray


class Sampler:
    """Assigns the rows of a table to the places of batches.

    Without `fake_fraction` each row comes `views` times an epoch, shuffled. With it, fakes are drawn straight
    from the fakes and genuine pictures from the genuine ones, each from `Permutations` that go on from epoch
    to epoch; so the share of fakes in each batch is as asked whatever the sizes of the classes. Where that
    share of a batch is no whole number, batches alternate so that it holds on average.

    Args:
        targets: (n,) 1 for fake, 0 for genuine.
        batch_size: pictures in a batch.
        fake_fraction: share of fakes in a batch, in (0, 1]; None: as in the table.
        seed: of the run.
        views: how often an epoch shows each picture, on the average.
        groups: (n,) names of groups; where one holds more than half of a class, it is held to half of
            what is drawn of that class. None: no notice is taken of groups.
        twins: share of a batch that is twins, in [0, 1]: a genuine picture, and a fake made from it.
        background: (n,) bool, genuine pictures that are shown as twins only, so that what they show tells
            nothing of the class; as twins each as often as any other. None: there are none.

    Raises:
        UserError: there is no picture of a class that is to be drawn, or twins are wanted in batches
            whose share of fakes is left to chance.

    >>> sampler = Sampler(np.array([0, 0, 0, 1]), batch_size=2, fake_fraction=0.5, seed=20)
    >>> [plan.rows.tolist() for plan in sampler.plan(epoch=0)]
    [[2, 3], [1, 3]]
    """

    def __init__(
        self,
        targets: np.ndarray,
        batch_size: int,
        fake_fraction: float | None,
        seed: int,
        *,
        views: int = 1,
        groups: np.ndarray | None = None,
        twins: float = 0.0,
        background: np.ndarray | None = None,
    ) -> None:
        self.batch_size = batch_size
        self.fake_fraction = fake_fraction
        self.seed = seed
        self._shown = len(targets) * views  # in an epoch, before batches are filled up
        self._pairs = self._pairs_in_a_batch(twins)
        shown = np.ones(len(targets), bool) if background is None else ~background
        rows = {
            _ALL: np.flatnonzero(shown),
            _GENUINE: np.flatnonzero((targets == 0) & shown),
            _FAKE: np.flatnonzero(targets == 1),
        }
        if background is not None:
            rows[_HOSTS] = np.flatnonzero(targets == 0)
        if fake_fraction is None:
            self._shown = len(rows[_ALL]) * views
        self._refuse_empty(rows)
        self._sequences = {
            stream: Permutations(members, seed, stream, groups if stream != _ALL else None)
            for stream, members in rows.items()
            if len(members)
        }

    @property
    def steps(self) -> int:
        """Batches in an epoch: as many pictures as are to be shown, rounded up to whole batches."""
        return -(-self._shown // self.batch_size)

    @property
    def images_per_epoch(self) -> int:
        """Pictures in those batches: all of them whole when fakes are sampled, else as the table has."""
        return self._shown if self.fake_fraction is None else self.steps * self.batch_size

    def plan(self, epoch: int) -> list[BatchPlan]:
        """Return the plans of the batches of `epoch` (from 0)."""
        if self.fake_fraction is not None:
            return self._balanced(epoch, self.fake_fraction)
        ends = epoch * self._shown + np.minimum(np.arange(self.steps + 1) * self.batch_size, self._shown)
        return [
            BatchPlan(rows, occurrences, *np.zeros((2, len(rows)), bool))
            for rows, occurrences in self._drawn(_ALL, ends)
        ]

    def _balanced(self, epoch: int, fake_fraction: float) -> list[BatchPlan]:
        """Plan batches with their share of fakes, each shuffled: no place tells the class."""
        numbers = epoch * self.steps + np.arange(self.steps + 1)
        # Fakes in all batches before each one: rounding their sum keeps the share exact in the long run.
        fakes_before = np.floor(numbers * self.batch_size * fake_fraction + 0.5).astype(np.int64)
        fakes = self._drawn(_FAKE, fakes_before - numbers * self._pairs)  # of the table; the others are made
        genuine = self._genuine(numbers, numbers * self.batch_size - fakes_before)
        shuffle = np.random.default_rng([self.seed, _PLACES, epoch])
        plans = []
        for (fake_rows, fakes_earlier), (genuine_rows, genuine_earlier) in zip(fakes, genuine, strict=True):
            rows = np.concatenate([fake_rows, genuine_rows, genuine_rows[: self._pairs]])
            earlier = np.concatenate([fakes_earlier, genuine_earlier, genuine_earlier[: self._pairs]])
            place = np.arange(len(rows))
            tampered = place >= len(rows) - self._pairs
            twinned = tampered | ((place >= len(fake_rows)) & (place < len(fake_rows) + self._pairs))
            order = shuffle.permutation(len(rows))
            plans.append(BatchPlan(rows[order], earlier[order], twinned[order], tampered[order]))
        return plans

    def _genuine(self, numbers: np.ndarray, ends: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Draw the genuine pictures of each batch, hosts of twins first; as `_drawn`."""
        if _HOSTS not in self._sequences:
            return self._drawn(_GENUINE, ends)
        hosts = self._drawn(_HOSTS, numbers * self._pairs)
        others = self._drawn(_GENUINE, ends - numbers * self._pairs)
        return [
            (np.concatenate([host, other]), np.concatenate([hosts_earlier, earlier]))
            for (host, hosts_earlier), (other, earlier) in zip(hosts, others, strict=True)
        ]

    def _drawn(self, stream: int, ends: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return what each batch takes of a sequence, and how often it came before, from where each ends."""
        if ends[-1] == ends[0]:  # there may be no picture of the class at all
            return [(np.empty(0, np.int64), np.empty(0, np.int64))] * (len(ends) - 1)
        rows = self._sequences[stream].part(ends[0], ends[-1])
        cuts = ends[1:-1] - ends[0]
        return list(zip(np.split(rows, cuts), np.split(earlier_occurrences(rows), cuts), strict=True))

    def _pairs_in_a_batch(self, twins: float) -> int:
        if not twins:
            return 0
        if self.fake_fraction is None:
            raise UserError(
                f"inputs.augment.tamper={twins} makes fakes to fill a share of each batch, and "
                "train.fake_fraction=null leaves that share to chance; set train.fake_fraction=0.5, or "
                "inputs.augment.tamper=0"
            )
        rarer = min(self.fake_fraction, 1 - self.fake_fraction)
        return min(round(twins * self.batch_size / 2), int(self.batch_size * rarer + 1e-9))  # 10 × 0.1 is 1

    def _refuse_empty(self, rows: dict[int, np.ndarray]) -> None:
        needed = {}
        if self.fake_fraction is None:
            needed["genuine or fake"] = rows[_ALL]
        else:
            if self.batch_size * self.fake_fraction > self._pairs:  # else twins are all the fakes there are
                needed["fake"] = rows[_FAKE]
            if self.batch_size * (1 - self.fake_fraction) > self._pairs:
                needed["genuine"] = rows[_GENUINE]
            elif self._pairs:
                needed["genuine"] = rows.get(_HOSTS, rows[_GENUINE])
        for name, members in needed.items():
            if not len(members):
                raise UserError(
                    f"the training table has no {name} picture, and train.fake_fraction={self.fake_fraction} "
                    "draws from them; add some and make the manifest again, or change train.fake_fraction"
                )


def earlier_occurrences(rows: np.ndarray) -> np.ndarray:
    """Count for each place how often its row came before it.

    >>> earlier_occurrences(np.array([7, 3, 7, 7])).tolist()
    [0, 0, 1, 2]
    """
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    first_of_run = np.repeat(starts, np.diff(starts, append=len(rows)))
    earlier = np.empty(len(rows), np.int64)
    earlier[order] = np.arange(len(rows)) - first_of_run
    return earlier
