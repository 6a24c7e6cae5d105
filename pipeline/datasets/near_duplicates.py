"""Pictures that show the same although their pixels differ: saved again, resized, mirrored or turned.

Candidates have 64-bit hashes within four bits of one another in one of eight orientations; they are
near-duplicates where their 32×32 grey versions correlate by 0.85 or more in that orientation. So only the
candidates are opened. A picture of one flat colour, which correlates with nothing, looks like none.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.config import Compute
from pipeline.errors import UserError
from pipeline.images.files import Unreadable
from pipeline.images.read import read
from pipeline.parallel import map_chunks

CORRELATION = 0.85
DISTANCE = 4  # bits in which the hashes of near-duplicates differ at most
N_ORIENTATIONS = 8
SIDE = 32
_ENOUGH = (2 * SIDE, 2 * SIDE)  # a JPEG may be decoded at a size no smaller than this
_ALONE = 512  # up to so many pictures, one process is done before others have started
_PAIRS = 1 << 13  # of thumbnails at a time
_ODD = np.uint64(0x9E3779B97F4A7C15)  # spreads the bits of a product


def find_near_duplicates(files: pd.DataFrame, folder: Path, compute: Compute) -> np.ndarray:
    """Number the pictures so that near-duplicates, directly or over others, have one number.

    Args:
        files: (n rows) `files.csv`.
        folder: of the converted pictures.
        compute: where the candidates are read.

    Raises:
        UserError: a candidate cannot be read.
    """
    # Of pictures with the same pixels one is compared: they belong together already.
    numbers = pd.factorize(files["pixel_sha256"])[0]
    first = _first_of_each(numbers)
    paths = files["path"].to_numpy(dtype=object)[first]
    hashes = hash_numbers(files["phash"].iloc[first], files["phash_turned"].iloc[first])
    labels = label_near_duplicates(hashes, lambda rows: read_thumbnails(paths[rows], folder, compute))
    return labels[numbers]


def hash_numbers(plain: pd.Series, turned: pd.Series) -> np.ndarray:
    """Return the hashes of `files.csv` as (n, 8) uint64, each picture as it stands first."""
    texts = plain.to_numpy(dtype=object) + turned.to_numpy(dtype=object)
    content = bytes.fromhex("".join(texts))
    return np.frombuffer(content, dtype=">u8").reshape(-1, N_ORIENTATIONS).astype(np.uint64)


def read_thumbnails(paths: Sequence[str], folder: Path, compute: Compute) -> np.ndarray:
    """Read the pictures at `paths` below `folder` at a reduced size, on all cores.

    Returns:
        (n, 32, 32) uint8, grey, in the order of `paths`; the sides are scaled apart.

    Raises:
        UserError: a picture is missing or cannot be read.
    """
    thumbnails = np.zeros((len(paths), SIDE, SIDE), dtype=np.uint8)
    absolute = [folder.absolute() / path for path in paths]
    for index, thumbnail in map_chunks(
        _read_thumbnail, absolute, compute, "thumbnails", chunk=64, alone=_ALONE
    ):
        thumbnails[index] = thumbnail
    return thumbnails


def _read_thumbnail(path: Path) -> np.ndarray:
    try:
        rgb = read(path, at_least=_ENOUGH).pixels
    except Unreadable as error:
        raise UserError(
            f"{error}; files.csv names it, so it was there when it was converted: convert again with make "
            "repro, or python -m pipeline.convert"
        ) from error
    grey = Image.fromarray(rgb).convert("L")
    return np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX))


def correlate(
    thumbnails: np.ndarray, one: np.ndarray, other: np.ndarray, orientation: np.ndarray
) -> np.ndarray:
    """Correlate pairs of `thumbnails` (k, 32, 32) uint8: `one` (n,) as they stand with `other` (n,) turned.

    `orientation` (n,) is 0 to 7. Returns (n,) float32, 0 where a picture is flat.
    """
    correlations = np.zeros(len(one), dtype=np.float32)
    for turn in np.unique(orientation):
        chosen = np.flatnonzero(orientation == turn)
        for start in range(0, len(chosen), _PAIRS):
            part = chosen[start : start + _PAIRS]
            upright = _standardised(thumbnails[one[part]])
            turned = _standardised(turned_by(thumbnails[other[part]], int(turn)))
            correlations[part] = np.einsum("np,np->n", upright, turned)
    return correlations


def turned_by(pictures: np.ndarray, orientation: int) -> np.ndarray:
    """Turn (n, side, side) as orientation 0 to 7 of `phash` and `phash_turned` is turned."""
    mirrored = pictures[:, :, ::-1] if orientation >= N_ORIENTATIONS // 2 else pictures
    return np.rot90(mirrored, orientation % (N_ORIENTATIONS // 2), axes=(1, 2))


def _standardised(pictures: np.ndarray) -> np.ndarray:
    """Return (n, pixels) float32 with mean 0 and length 1, all 0 where a picture is flat."""
    values = pictures.reshape(len(pictures), -1).astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return np.divide(values, lengths, out=np.zeros_like(values), where=lengths > 0)


def label_near_duplicates(hashes: np.ndarray, thumbnails: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Number pictures so that those which show the same, directly or over others, have one number.

    Pictures with the same eight hashes are searched as one cluster. Of theirs the first is compared with the
    others; only where that leaves them apart is each compared with each.

    Args:
        hashes: (n, 8), as `hash_numbers` returns them.
        thumbnails: returns (k, 32, 32) grey values of the pictures at k indices; called once.

    Returns:
        (n,) numbers from 0 on, in the order in which they first occur.
    """
    _, first, cluster = np.unique(_mixed(hashes), return_index=True, return_inverse=True)
    one, other, orientation = near_pairs(hashes[first, 0], hashes[first])
    candidate = np.bincount(cluster, minlength=len(first)) > 1
    candidate[one], candidate[other] = True, True
    rows = np.flatnonzero(candidate[cluster])
    labels = np.arange(len(hashes))
    if len(rows):
        order = rows[np.argsort(cluster[rows], kind="stable")]
        comparison = _Comparison(thumbnails(order), cluster[order], len(first))
        comparison.compare_within_clusters()
        comparison.compare_across_clusters(one, other, orientation)
        labels[order] = order[_first_of_each(comparison.labels)][comparison.labels]
    return pd.factorize(labels)[0]


class _Comparison:
    """Thumbnails in the order of their clusters, and which of them were found alike so far."""

    def __init__(self, thumbnails: np.ndarray, cluster: np.ndarray, n_clusters: int) -> None:
        self._thumbnails = thumbnails
        self._cluster = cluster
        self._sizes = np.bincount(cluster, minlength=n_clusters)
        self._starts = np.cumsum(self._sizes) - self._sizes
        self.labels: np.ndarray = np.arange(len(thumbnails))

    def compare_within_clusters(self) -> None:
        several = self._sizes[self._cluster] > 1
        first = self._starts[self._cluster]
        self._compare(first[several], np.flatnonzero(several), np.zeros(several.sum(), np.int64))
        apart = self.labels[first] != self.labels
        for number in np.unique(self._cluster[apart]):
            members = self._members(number)
            for member in members[apart[members]]:
                self._compare(np.full(len(members), member), members, np.zeros(len(members), np.int64))

    def compare_across_clusters(self, one: np.ndarray, other: np.ndarray, orientation: np.ndarray) -> None:
        self._compare(self._starts[one], self._starts[other], orientation)
        more = self._sizes[one] * self._sizes[other] > 1
        for left, right, turn in zip(one[more], other[more], orientation[more], strict=True):
            others = self._members(right)
            for member in self._members(left):
                if (self.labels[others] != self.labels[member]).any():
                    self._compare(np.full(len(others), member), others, np.full(len(others), turn))

    def _members(self, cluster: int) -> np.ndarray:
        return np.arange(self._starts[cluster], self._starts[cluster] + self._sizes[cluster])

    def _compare(self, one: np.ndarray, other: np.ndarray, orientation: np.ndarray) -> None:
        """Join the pairs that correlate; those that earlier ones have joined are not looked at."""
        for start in range(0, len(one), _PAIRS):
            part = slice(start, start + _PAIRS)
            apart = self.labels[one[part]] != self.labels[other[part]]
            a, b, turn = one[part][apart], other[part][apart], orientation[part][apart]
            alike = correlate(self._thumbnails, a, b, turn) >= CORRELATION
            if alike.any():
                self._join(a[alike], b[alike])

    def _join(self, one: np.ndarray, other: np.ndarray) -> None:
        n = len(self.labels)
        joined_before = _first_of_each(self.labels)[self.labels]
        ends = (np.concatenate([one, np.arange(n)]), np.concatenate([other, joined_before]))
        graph = coo_array((np.ones(len(ends[0]), np.int8), ends), shape=(n, n))
        self.labels = connected_components(graph, directed=False)[1]


def _first_of_each(numbers: np.ndarray) -> np.ndarray:
    """Return the first index of each number from 0 to the largest."""
    first = np.full(numbers.max(initial=-1) + 1, len(numbers))
    np.minimum.at(first, numbers, np.arange(len(numbers)))
    return first


def _mixed(hashes: np.ndarray) -> np.ndarray:
    """Mix the eight hashes of each picture into one; unlike ones that meet by chance cost a comparison."""
    mixed = np.zeros(len(hashes), dtype=np.uint64)
    for column in hashes.T:
        mixed = (mixed ^ column) * _ODD
        mixed ^= mixed >> np.uint64(29)
    return mixed


# Which of many 64-bit hashes differ in few bits, without comparing each with each. Cut into six bands, two
# hashes that differ in four bits or fewer agree in two bands at least. So for each of the fifteen pairs of
# bands the hashes that agree there are looked up in a table and only these are compared: a few dozen million
# comparisons for a million hashes in eight orientations, not eight million millions.

_AGREEING = 2  # bands in which two hashes within DISTANCE agree at least
_EDGES = np.linspace(0, 64, DISTANCE + _AGREEING + 1).astype(int)
_BANDS = [(int(low), int(high - low)) for low, high in pairwise(_EDGES)]
_QUERIES = 1 << 18  # looked up at a time
_COMPARED = 1 << 22  # at a time, unless one hash alone has more to be compared with


def near_pairs(plain: np.ndarray, turned: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the hashes that are within `DISTANCE` bits of the hash of another picture in some orientation.

    Args:
        plain: (n,) uint64, the hash of each picture as it stands.
        turned: (n, p) uint64, the hashes of its orientations, the first one as it stands.

    Returns:
        indices `one` and `other` and the orientation: `plain[one]` is near `turned[other, orientation]`.
        Each pair comes once an orientation; as it stands, with the smaller index first.
    """
    n_pictures, n_orientations = turned.shape
    found: list[list[np.ndarray]] = [[] for _ in range(n_orientations)]
    for bands in combinations(_BANDS, _AGREEING):
        table = _HashTable(plain, bands)
        for orientation in range(n_orientations):
            for start in range(0, n_pictures, _QUERIES):
                queries = np.arange(start, min(start + _QUERIES, n_pictures))
                for one, other in table.near(turned[:, orientation], queries):
                    keep = one < other if orientation == 0 else one != other
                    found[orientation].append(one[keep] * n_pictures + other[keep])
    # A pair that agrees in more bands than it must was found more than once.
    pairs = [np.unique(np.concatenate([np.zeros(0, np.int64), *parts])) for parts in found]
    orientations = np.repeat(np.arange(n_orientations), [len(each) for each in pairs])
    joined = np.concatenate(pairs)
    return joined // max(n_pictures, 1), joined % max(n_pictures, 1), orientations


class _HashTable:
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
        """Yield indices in the table, and those of `queries` that are near them, a part at a time."""
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
