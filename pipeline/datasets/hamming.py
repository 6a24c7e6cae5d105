"""Which of many 64-bit hashes differ in few bits, without comparing each with each.

Cut into six bands, two hashes that differ in four bits or fewer agree in two bands at least. So for each of
the fifteen pairs of bands the hashes that agree there are looked up in a table and only these are compared:
a few dozen million comparisons for a million hashes in eight poses, not eight million millions.
"""

from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np

BITS = 64
DISTANCE = 4  # bits in which look-alikes differ at most
_AGREEING = 2  # bands in which two hashes within DISTANCE agree at least
_EDGES = np.linspace(0, BITS, DISTANCE + _AGREEING + 1).astype(int)
_BANDS = [(int(low), int(high - low)) for low, high in pairwise(_EDGES)]
_QUERIES = 1 << 18  # looked up at a time
_COMPARED = 1 << 22  # at a time, unless one hash alone has more to be compared with


def near_pairs(plain: np.ndarray, poses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the hashes that are within `DISTANCE` bits of the hash of another picture in some pose.

    Args:
        plain: (n,) uint64, the hash of each picture as it stands.
        poses: (n, p) uint64, the hashes of its poses, the first one as it stands.

    Returns:
        places `one` and `other` and the number of the pose: `plain[one]` is near `poses[other, pose]`.
        Each pair stands there once a pose; as it stands, once with the smaller place first.
    """
    n_pictures, n_poses = poses.shape
    found: list[list[np.ndarray]] = [[] for _ in range(n_poses)]
    for bands in combinations(_BANDS, _AGREEING):
        table = _Table(plain, bands)
        for pose in range(n_poses):
            for start in range(0, n_pictures, _QUERIES):
                queries = np.arange(start, min(start + _QUERIES, n_pictures))
                for one, other in table.near(poses[:, pose], queries):
                    keep = one < other if pose == 0 else one != other
                    found[pose].append(one[keep] * n_pictures + other[keep])
    # A pair that agrees in more bands than it must was found more than once.
    pairs = [np.unique(np.concatenate([np.zeros(0, np.int64), *parts])) for parts in found]
    poses_found = np.repeat(np.arange(n_poses), [len(each) for each in pairs])
    joined = np.concatenate(pairs)
    return joined // max(n_pictures, 1), joined % max(n_pictures, 1), poses_found


class _Table:
    """Hashes, found by the bits of some bands."""

    def __init__(self, hashes: np.ndarray, bands: tuple[tuple[int, int], ...]) -> None:
        self._bands = bands
        # A key for every value of the bits, or a few for each hash: unlike hashes under one key cost a
        # comparison, a table much larger than the hashes costs more.
        self._n_keys = 1 << min(sum(width for _, width in bands), (4 * len(hashes)).bit_length())
        keys = self._keys(hashes)
        self._order = np.argsort(keys)
        self._sorted = hashes[self._order]
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=self._n_keys))])

    def near(self, hashes: np.ndarray, queries: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give places in the table, and those of `queries` that are near them, a part at a time."""
        keys = self._keys(hashes[queries])
        starts = self._starts[keys]
        counts = self._starts[keys + 1] - starts
        filled = counts > 0
        queries, starts, counts = queries[filled], starts[filled], counts[filled]
        part = (np.cumsum(counts) - 1) // _COMPARED
        for chosen in np.split(np.arange(len(queries)), np.flatnonzero(np.diff(part)) + 1):
            count = counts[chosen]
            first = np.cumsum(count) - count
            slots = np.arange(count.sum()) + np.repeat(starts[chosen] - first, count)
            other = np.repeat(queries[chosen], count)
            near = np.bitwise_count(self._sorted[slots] ^ hashes[other]) <= DISTANCE
            yield self._order[slots[near]], other[near]

    def _keys(self, hashes: np.ndarray) -> np.ndarray:
        keys = np.zeros(len(hashes), dtype=np.int32)
        for low, width in self._bands:
            bits = (hashes >> np.uint64(low)) & np.uint64((1 << width) - 1)
            keys = (keys << width) | bits.astype(np.int32)
        return keys & (self._n_keys - 1)
