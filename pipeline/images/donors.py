"""Whose settings a picture is saved with, so that both classes have the same distribution of last saves.

Donors are the distinct settings of the fake JPEGs of a collection, each as heavy as many fakes have it. A
picture takes one by weighted rendezvous hashing: the same one always, and where a collection grows, only
pictures that go over to settings which have become more frequent change theirs.

Reference: D. Thaler and C. V. Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM
Transactions on Networking 6(1), 1998; weights as in C. Schindelhauer and G. Schomaker, "Weighted distributed
hash tables", SPAA 2005.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.images.savings import JpegLike
from pipeline.images.sources import Source

FEWEST = 5  # fake JPEGs that make a distribution; of fewer, each would give its settings to many pictures
_AT_ONCE = 1 << 20  # pairs of a picture and settings


@dataclass(frozen=True)
class Pool:
    """Settings to choose from.

    Attributes:
        donors: distinct settings, sorted by their words.
        weights: how many fakes have each.
        own: they are the collection's own fakes'.
    """

    donors: tuple[JpegLike, ...]
    weights: tuple[int, ...]
    own: bool

    def draw(self, names: Sequence[str]) -> list[JpegLike]:
        """Give each picture its settings, by its name alone."""
        weights = np.array(self.weights, dtype=np.float64)
        donors = np.array([_hash(donor.words) for donor in self.donors], dtype=np.uint64)
        chosen: list[JpegLike] = []
        step = max(_AT_ONCE // len(donors), 1)
        for start in range(0, len(names), step):
            pictures = np.array([_hash(name) for name in names[start : start + step]], dtype=np.uint64)
            shares = _uniform(pictures[:, None] ^ donors)
            nearest = np.argmin(-np.log(shares) / weights, axis=1)
            chosen += [self.donors[index] for index in nearest]
        return chosen


def pools_of(sources: Sequence[Source], last_saves: Mapping[str, JpegLike | None]) -> dict[str, Pool | None]:
    """Give each collection its pool.

    Args:
        sources: all pictures.
        last_saves: by the source path of fakes, the settings that another picture can be saved with too;
            None where a fake is no JPEG, or one that counts as none.

    Returns:
        by collection: of its own fakes; of those of all collections to train on, where it has fewer than
        `FEWEST`; None where these have fewer as well.
    """
    counts: dict[str, Counter[JpegLike]] = {source.collection: Counter() for source in sources}
    training: Counter[JpegLike] = Counter()
    for source in sources:
        donor = last_saves.get(source.source_path) if source.label == "fake" and source.page == 0 else None
        if donor is not None:
            counts[source.collection][donor] += 1
            training[donor] += source.role == "train"
    common = _pool(+training, own=False)
    return {collection: _pool(found, own=True) or common for collection, found in counts.items()}


def _pool(found: Counter[JpegLike], own: bool) -> Pool | None:
    if found.total() < FEWEST:
        return None
    donors = sorted(found, key=lambda donor: donor.words)
    return Pool(tuple(donors), tuple(found[donor] for donor in donors), own)


def _hash(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def _uniform(bits: np.ndarray) -> np.ndarray:
    """Mix 64-bit numbers (the finaliser of SplitMix64) and spread them over (0, 1)."""
    mixed = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
