"""Policies: what labelled pictures are saved as, so that a file does not tell its label.

A policy is one function, from the pictures and what is known of them to the way in which each is saved. To
add one: write the function, put it into `POLICIES`, and its name into `policy` of `pipeline.config.Convert`.
"""

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath

import PIL

from pipeline.config import Convert
from pipeline.images.donors import FEWEST, Pool, pools_of
from pipeline.images.formats import format_of_name
from pipeline.images.read import READING
from pipeline.images.savings import Copied, Jpeg, JpegLike, Png, Saving, Stripped
from pipeline.images.sources import Source

LOG = logging.getLogger(__name__)

LastSaves = Mapping[str, JpegLike | None]
Policy = Callable[[Sequence[Source], Convert, LastSaves], list[Saving]]


def raw(sources: Sequence[Source], settings: Convert, last_saves: LastSaves) -> list[Saving]:  # noqa: ARG001
    """The bytes as handed in."""
    return [Copied() for _ in sources]


def tif_only(sources: Sequence[Source], settings: Convert, last_saves: LastSaves) -> list[Saving]:  # noqa: ARG001
    """The classic: what is called .tif or .tiff becomes JPEG, the rest is copied."""
    jpeg = Jpeg(settings.quality, settings.subsampling)
    return [
        jpeg if format_of_name(PurePosixPath(source.target)) == "TIFF" else Copied() for source in sources
    ]


def equal(sources: Sequence[Source], settings: Convert, last_saves: LastSaves) -> list[Saving]:  # noqa: ARG001
    """Every picture saved once more with the same JPEG settings, both classes alike."""
    return [Jpeg(settings.quality, settings.subsampling) for _ in sources]


def lossless(sources: Sequence[Source], settings: Convert, last_saves: LastSaves) -> list[Saving]:  # noqa: ARG001
    """The pixels as they are, in PNG."""
    return [Png() for _ in sources]


def matched(sources: Sequence[Source], settings: Convert, last_saves: LastSaves) -> list[Saving]:
    """Both classes with the same distribution of last saves: that of the collection's fake JPEGs.

    A fake JPEG keeps its compressed data and loses all else. A genuine picture, and a fake that is no JPEG
    or counts as none (see `survey`), is saved with the settings of a donor (see `donors`). Where a
    collection has too few fake JPEGs for a distribution of its own, they keep nothing and are saved like
    its other pictures: their settings would give them away.
    """
    pools = pools_of(sources, last_saves)
    _say_what_is_missing(pools, settings)
    savings: list[Saving] = [Jpeg(settings.quality, settings.subsampling)] * len(sources)
    for collection, pool in pools.items():
        if pool is None:
            continue
        to_save = []
        for place, source in enumerate(sources):
            if source.collection != collection:
                continue
            if pool.own and source.label == "fake" and last_saves.get(source.source_path) is not None:
                savings[place] = Stripped()
            else:
                to_save.append(place)
        donors = pool.draw([sources[place].target for place in to_save])
        for place, donor in zip(to_save, donors, strict=True):
            savings[place] = donor
    return savings


POLICIES: dict[str, Policy] = {
    "raw": raw,
    "tif_only": tif_only,
    "equal": equal,
    "matched": matched,
    "lossless": lossless,
}


@functools.lru_cache(maxsize=4096)
def signature(policy: str, saving: Saving) -> str:
    """Say all that a converted file depends on besides its source: what differs must be done again.

    `equal(quality=95,subsampling=4:4:4,reading=1,pillow=13.0.0)`, `tif_only(copied,reading=1,pillow=13.0.0)`.
    The last two stand for how pictures are decoded and encoded.
    """
    return f"{policy}({saving.words},reading={READING},pillow={PIL.__version__})"


def _say_what_is_missing(pools: Mapping[str, Pool | None], settings: Convert) -> None:
    """Tell in one line which collections have no distribution of their own."""
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
