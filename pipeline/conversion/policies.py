"""Policies: what labelled pictures are saved as, so that a file does not tell its label.

A policy is one function, from the pictures and what is known of them to the way in which each is saved. To
add one: write the function, put it into `POLICIES`, its name into `policy` of `pipeline.config_data.Convert`.
"""

import functools
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import PIL

from pipeline.config_data import Convert
from pipeline.images.encode import Copied, Encoder, Jpeg, JpegLike, Png, Stripped
from pipeline.images.files import Source, format_of_name
from pipeline.images.read import READING

# Donors: whose settings a picture is saved with, so that both classes have the same distribution of saves.
# They are the distinct settings of the fake JPEGs of a collection, each as heavy as many fakes have it. A
# picture takes one by weighted rendezvous hashing: the same one always, and where a collection grows, only
# pictures that go over to settings which have become more frequent change theirs (D. Thaler and C. V.
# Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM Transactions on Networking 6(1),
# 1998; weights as in C. Schindelhauer and G. Schomaker, "Weighted distributed hash tables", SPAA 2005).

FEWEST = 5  # fake JPEGs that make a distribution; of fewer, each would give its settings to many pictures
_AT_ONCE = 1 << 20  # pairs of a picture and settings


@dataclass(frozen=True)
class Pool:
    """Settings to choose from."""

    donors: tuple[JpegLike, ...]  # distinct settings, sorted by their words
    weights: tuple[int, ...]  # how many fakes have each
    own: bool  # they are the collection's own fakes'

    def draw(self, names: Sequence[str]) -> list[JpegLike]:
        """Return the settings of each picture, by its name alone."""
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
    """Return the pool of each collection.

    It is of its own fakes; of those of all collections to train on, where it has fewer than `FEWEST`; None
    where these have fewer as well. `last_saves` is, by the source path of fakes, the settings that another
    picture can be saved with too; None where a fake is no JPEG, or one that counts as none.
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


LOG = logging.getLogger(__name__)

LastSaves = Mapping[str, JpegLike | None]
Policy = Callable[[Sequence[Source], Convert, LastSaves], list[Encoder]]


def raw(sources: Sequence[Source], settings: Convert, last_saves: LastSaves) -> list[Encoder]:  # noqa: ARG001
    """The bytes as handed in."""
    return [Copied() for _ in sources]


def tif_only(sources: Sequence[Source], settings: Convert, last_saves: LastSaves) -> list[Encoder]:  # noqa: ARG001
    """The classic: what is called .tif or .tiff becomes JPEG, the rest is copied."""
    jpeg = Jpeg(settings.quality, settings.subsampling)
    return [
        jpeg if format_of_name(PurePosixPath(source.target)) == "TIFF" else Copied() for source in sources
    ]


def equal(sources: Sequence[Source], settings: Convert, last_saves: LastSaves) -> list[Encoder]:  # noqa: ARG001
    """Every picture saved once more with the same JPEG settings, both classes alike."""
    return [Jpeg(settings.quality, settings.subsampling) for _ in sources]


def lossless(sources: Sequence[Source], settings: Convert, last_saves: LastSaves) -> list[Encoder]:  # noqa: ARG001
    """The pixels as they are, in PNG."""
    return [Png() for _ in sources]


def matched(sources: Sequence[Source], settings: Convert, last_saves: LastSaves) -> list[Encoder]:
    """Both classes with the same distribution of last saves: that of the collection's fake JPEGs.

    A fake JPEG keeps its compressed data and loses all else. A genuine picture, and a fake that is no JPEG
    or counts as none (see `plan.survey`), is saved with the settings of a donor. Where a
    collection has too few fake JPEGs for a distribution of its own, they keep nothing and are saved like
    its other pictures: their settings would give them away.
    """
    pools = pools_of(sources, last_saves)
    _log_what_is_missing(pools, settings)
    encoders: list[Encoder] = [Jpeg(settings.quality, settings.subsampling)] * len(sources)
    for collection, pool in pools.items():
        if pool is None:
            continue
        to_save = []
        for index, source in enumerate(sources):
            if source.collection != collection:
                continue
            if pool.own and source.label == "fake" and last_saves.get(source.source_path) is not None:
                encoders[index] = Stripped()
            else:
                to_save.append(index)
        donors = pool.draw([sources[index].target for index in to_save])
        for index, donor in zip(to_save, donors, strict=True):
            encoders[index] = donor
    return encoders


POLICIES: dict[str, Policy] = {
    policy.__name__: policy for policy in (raw, tif_only, equal, matched, lossless)
}


@functools.lru_cache(maxsize=4096)
def signature(policy: str, encoder: str) -> str:
    """Write down all that a converted file depends on besides its source: what differs must be done again.

    `encoder` is its words.

    `equal(quality=95,subsampling=4:4:4,reading=1,pillow=13.0.0)`, `tif_only(copied,reading=1,pillow=13.0.0)`.
    The last two stand for how pictures are decoded and encoded.
    """
    return f"{policy}({encoder},reading={READING},pillow={PIL.__version__})"


def _log_what_is_missing(pools: Mapping[str, Pool | None], settings: Convert) -> None:
    """Log in one line which collections have no distribution of their own."""
    borrowing = [name for name, pool in pools.items() if pool is not None and not pool.own]
    without = [name for name, pool in pools.items() if pool is None]
    for names, how in (
        (borrowing, "like the fakes of the collections to train on"),
        (without, f"alike, at quality {settings.quality} {settings.subsampling}"),
    ):
        if names:
            LOG.info(
                "convert=matched: fewer than %d fake JPEGs in %s; all pictures there are saved %s",
                FEWEST, ", ".join(sorted(names)), how,
            )  # fmt: skip
