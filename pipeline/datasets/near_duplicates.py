"""Pictures that show the same although their pixels differ: saved again, resized, mirrored or turned.

Candidates have 64-bit hashes within four bits of one another in one of eight poses; they show the same where
their 32×32 grey versions correlate by 0.85 or more in that pose. So only the candidates are opened.
A picture of one flat colour, which correlates with nothing, looks like none.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.config import Compute
from pipeline.datasets.hamming import near_pairs
from pipeline.errors import UserError
from pipeline.images.read import Unreadable, read_rgb
from pipeline.parallel import map_chunks

# Pictures as 32×32 grey values, to see whether two of them show the same.
#

SIDE = 32
_ENOUGH = (2 * SIDE, 2 * SIDE)  # a JPEG may be decoded at a size no smaller than this
_ALONE = 512  # up to this, one process is done before others have started


def read_thumbnails(paths: Sequence[str], folder: Path, compute: Compute) -> np.ndarray:
    """Read pictures at a reduced size, on all cores.

    Args:
        paths: of the pictures, below `folder`.
        folder: of the converted pictures.
        compute: where they are read.

    Returns:
        (n, 32, 32) uint8, grey, in the order of `paths`; the sides are scaled apart.

    Raises:
        UserError: a picture is missing or cannot be read.
    """
    thumbnails = np.zeros((len(paths), SIDE, SIDE), dtype=np.uint8)
    absolute = [folder.absolute() / path for path in paths]
    for index, thumbnail in map_chunks(_read, absolute, compute, "thumbnails", chunk=64, alone=_ALONE):
        thumbnails[index] = thumbnail
    return thumbnails


def _read(path: Path) -> np.ndarray:
    try:
        rgb = read_rgb(path, at_least=_ENOUGH)
    except Unreadable as error:
        raise UserError(
            f"{error}; files.csv names it, so it was there when it was converted: convert again with make "
            "repro, or python -m pipeline.convert"
        ) from error
    grey = Image.fromarray(rgb).convert("L")
    return np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BOX))


CORRELATION = 0.85
N_POSES = 8
_COMPARED = 1 << 13  # pairs of thumbnails at a time
_ODD = np.uint64(0x9E3779B97F4A7C15)  # spreads the bits of a product

ReadThumbnails = Callable[[np.ndarray], np.ndarray]


def find_look_alikes(files: pd.DataFrame, folder: Path, compute: Compute) -> np.ndarray:
    """Number the pictures so that those which show the same have one number.

    Args:
        files: `files.csv`.
        folder: of the converted pictures.
        compute: where the candidates are read.

    Returns:
        (n,) numbers.

    Raises:
        UserError: a candidate cannot be read.
    """
    # Of pictures with the same pixels one is looked at: they belong together already.
    numbers = pd.factorize(files["pixel_sha256"])[0]
    first = _first_of_each(numbers)
    paths = files["path"].to_numpy(dtype=object)[first]
    hashes = pose_hashes(files["phash"].iloc[first], files["phash_turned"].iloc[first])
    labels = label_alike(hashes, lambda places: read_thumbnails(paths[places], folder, compute))
    return labels[numbers]


def pose_hashes(plain: pd.Series, turned: pd.Series) -> np.ndarray:
    """Turn the hashes of `files.csv` into numbers: (n, 8) uint64, each picture as it stands first."""
    poses = [_numbers(plain, 1), _numbers(turned, N_POSES - 1)]
    return np.concatenate(poses, axis=1)


def label_alike(hashes: np.ndarray, thumbnails: ReadThumbnails) -> np.ndarray:
    """Number pictures so that those which show the same, directly or over others, have one number.

    Pictures with the same eight hashes are searched as one. Of theirs the first is compared with the
    others; only where that leaves them apart is each compared with each.

    Args:
        hashes: (n, 8), as `pose_hashes` gives them.
        thumbnails: gives (k, 32, 32) grey values of the pictures at k places; called once.

    Returns:
        (n,) numbers from 0 on, in the order in which they first occur.
    """
    _, first, of_distinct = np.unique(_mixed(hashes), return_index=True, return_inverse=True)
    one, other, pose = near_pairs(hashes[first, 0], hashes[first])
    sizes = np.bincount(of_distinct, minlength=len(first))
    candidate = sizes > 1
    candidate[one], candidate[other] = True, True
    places = np.flatnonzero(candidate[of_distinct])
    labels = np.arange(len(hashes))
    if len(places):
        order = places[np.argsort(of_distinct[places], kind="stable")]
        clusters = _Clusters(of_distinct[order], len(first))
        comparison = _Comparison(thumbnails(order))
        _compare_within(comparison, clusters)
        _compare_across(comparison, clusters, one, other, pose)
        labels[order] = order[_first_of_each(comparison.labels)][comparison.labels]
    return pd.factorize(labels)[0]


class _Clusters:
    """Pictures with the same eight hashes, as stretches of one array."""

    def __init__(self, numbers: np.ndarray, n_numbers: int) -> None:
        self.sizes = np.bincount(numbers, minlength=n_numbers)
        self.starts = np.cumsum(self.sizes) - self.sizes
        self.numbers = numbers

    def members(self, number: int) -> np.ndarray:
        return np.arange(self.starts[number], self.starts[number] + self.sizes[number])


class _Comparison:
    """Thumbnails, and which of them were found alike so far."""

    def __init__(self, thumbnails: np.ndarray) -> None:
        self._thumbnails = thumbnails
        self.labels: np.ndarray = np.arange(len(thumbnails))

    def compare(self, one: np.ndarray, other: np.ndarray, pose: np.ndarray) -> None:
        """Join the pairs that correlate; those that earlier ones have joined are not looked at."""
        for start in range(0, len(one), _COMPARED):
            part = slice(start, start + _COMPARED)
            apart = self.labels[one[part]] != self.labels[other[part]]
            a, b, turn = one[part][apart], other[part][apart], pose[part][apart]
            alike = self._correlate(a, b, turn) >= CORRELATION
            if alike.any():
                self._join(a[alike], b[alike])

    def _correlate(self, one: np.ndarray, other: np.ndarray, pose: np.ndarray) -> np.ndarray:
        found = np.zeros(len(one), dtype=np.float32)
        for turn in np.unique(pose):
            chosen = pose == turn
            upright = standardised(self._thumbnails[one[chosen]])
            turned = standardised(turned_by(self._thumbnails[other[chosen]], int(turn)))
            found[chosen] = np.einsum("np,np->n", upright, turned)
        return found

    def _join(self, one: np.ndarray, other: np.ndarray) -> None:
        n = len(self.labels)
        joined_before = _first_of_each(self.labels)[self.labels]
        ends = (np.concatenate([one, np.arange(n)]), np.concatenate([other, joined_before]))
        graph = coo_array((np.ones(len(ends[0]), np.int8), ends), shape=(n, n))
        self.labels = connected_components(graph, directed=False)[1]


def turned_by(pictures: np.ndarray, pose: int) -> np.ndarray:
    """Turn (n, side, side) as pose 0 to 7 of `phash` and `phash_turned` are turned."""
    mirrored = pictures[:, :, ::-1] if pose >= N_POSES // 2 else pictures
    return np.rot90(mirrored, pose % (N_POSES // 2), axes=(1, 2))


def _compare_within(comparison: _Comparison, clusters: _Clusters) -> None:
    several = clusters.sizes[clusters.numbers] > 1
    one = clusters.starts[clusters.numbers][several]
    other = np.flatnonzero(several)
    comparison.compare(one, other, np.zeros(len(one), np.int64))
    apart = comparison.labels[clusters.starts[clusters.numbers]] != comparison.labels
    for number in np.unique(clusters.numbers[apart]):
        members = clusters.members(number)
        for place in members[apart[members]]:
            comparison.compare(np.full(len(members), place), members, np.zeros(len(members), np.int64))


def _compare_across(
    comparison: _Comparison, clusters: _Clusters, one: np.ndarray, other: np.ndarray, pose: np.ndarray
) -> None:
    comparison.compare(clusters.starts[one], clusters.starts[other], pose)
    more = clusters.sizes[one] * clusters.sizes[other] > 1
    for left, right, turn in zip(one[more], other[more], pose[more], strict=True):
        theirs, others = clusters.members(left), clusters.members(right)
        for place in theirs:
            if (comparison.labels[others] != comparison.labels[place]).any():
                comparison.compare(np.full(len(others), place), others, np.full(len(others), turn))


def standardised(pictures: np.ndarray) -> np.ndarray:
    """Give (n, pixels) float32 with mean 0 and length 1, all 0 where a picture is flat."""
    values = pictures.reshape(len(pictures), -1).astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return np.divide(values, lengths, out=np.zeros_like(values), where=lengths > 0)


def _first_of_each(numbers: np.ndarray) -> np.ndarray:
    """Give the first place of each number from 0 to the largest."""
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


def _numbers(texts: pd.Series, n_hashes: int) -> np.ndarray:
    content = bytes.fromhex("".join(texts))
    return np.frombuffer(content, dtype=">u8").reshape(-1, n_hashes).astype(np.uint64)
