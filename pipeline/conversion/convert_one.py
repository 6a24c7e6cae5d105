"""One picture converted, in a worker process: read, hashed, saved, with its mask.

A worker imports this module, and starts the sooner the less that brings along.
"""

import errno
import logging
import sys
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import NamedTuple

from pipeline.conversion.file_table import Entry
from pipeline.conversion.journal import settled_stamp, stamp
from pipeline.errors import UserError
from pipeline.images.encode import Encoder
from pipeline.images.files import Limits, Rejected, Source, Unreadable
from pipeline.images.hashes import perceptual_hashes, pixel_sha256, sha256_of, sha256_of_file
from pipeline.images.mask import MARKING, align_mask, encode_mask
from pipeline.images.read import Picture, read
from pipeline.storage import write_bytes

LOG = logging.getLogger("pipeline.images")  # what reading a picture logs to


class Task(NamedTuple):
    """One picture to be converted."""

    source: Source
    target: str  # its file below the output folder
    encoder: Encoder  # of its pixels
    policy: str  # all that the result depends on besides the source, see `policies.signature`
    mask_target: str = ""  # the file of its mask below the output folder; "" where it has none

    @property
    def page(self) -> int | None:
        """Return which page is taken, as `read` takes it; None: the file is one picture."""
        return self.source.page if self.source.each_page else None

    @property
    def mask_read(self) -> str:
        """Write down how the mask is read: what differs must be done again; "" where it has none."""
        if self.source.mask_path is None:
            return ""
        return f"marking={MARKING},background={' '.join(self.source.mask_background)}"


def convert_listening(
    item: tuple[Task, Entry | None], output: Path, limits: Limits
) -> tuple[Entry | Rejected, list[str]]:
    """Convert a picture, and bring along what the libraries said of it: a worker has no log of its own."""
    kept = BufferingHandler(sys.maxsize)
    earlier = LOG.level, LOG.propagate
    LOG.addHandler(kept)
    LOG.setLevel(logging.INFO)
    LOG.propagate = False
    try:
        outcome = convert_one(*item, output, limits)
        return outcome, [record.getMessage() for record in kept.buffer]
    finally:
        LOG.removeHandler(kept)
        LOG.setLevel(earlier[0])
        LOG.propagate = earlier[1]


def convert_one(task: Task, known: Entry | None, output: Path, limits: Limits) -> Entry | Rejected:
    """Convert one picture and its mask into `output`, unless its files are there already.

    `known` is of an earlier conversion to the same target. Returns what is there now, or why the picture
    cannot be used.

    Raises:
        UserError: a file cannot be written.
    """
    source = task.source
    # Looked at before they are read: a change in between then shows as one the next time.
    sources = settled_stamp(source.path, source.mask_path)
    try:
        picture = read(source.path, limits, task.page)
        if known is None or not _is_converted(task, known, picture.content, output):
            known = _convert(task, picture, output)
    except Exception as error:
        of_page = f"page {source.page + 1}: " if source.page else ""
        return Rejected(source.source_path, of_page + _reason(error), True, source.collection, source.label)
    known = _with_mask(known, task, picture, output, limits)
    targets = stamp(output / task.target, output / known.mask_path if known.mask_path else None)
    return known._replace(
        stamp=f"{sources};{targets}" if sources else "",
    )


def _reason(error: Exception) -> str:
    """Return why a picture or a mask cannot be used; raise what is wrong with the machine instead.

    Whatever a picture makes the libraries raise costs that picture alone, and no more than that.
    """
    if isinstance(error, Unreadable):
        return error.reason
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.errno == errno.ENAMETOOLONG:
        return (
            "the path of what it would be converted to is too long for the file system; shorten its folders"
        )
    if isinstance(error, UserError):
        raise error
    return f"it cannot be converted ({type(error).__name__}: {error})"


def _is_converted(task: Task, known: Entry, content: bytes, output: Path) -> bool:
    """Tell whether source, settings and the file that came out of them are the same."""
    target = output / task.target
    return (
        known.policy == task.policy
        and known.source_sha256 == sha256_of(content)
        and target.is_file()
        and sha256_of_file(target) == known.sha256
    )


def _convert(task: Task, picture: Picture, output: Path) -> Entry:
    rgb, content = picture.image, picture.content
    saved = task.encoder.save(content, rgb)
    source_sha256 = sha256_of(content)
    phash, phash_turned = perceptual_hashes(rgb)
    entry = Entry(
        path=task.target,
        mask_path="",
        source_format=picture.format,
        width=rgb.width,
        height=rgb.height,
        bytes=len(saved),
        source_sha256=source_sha256,
        sha256=source_sha256 if saved is content else sha256_of(saved),
        mask_sha256="",
        pixel_sha256=pixel_sha256(rgb),
        phash=phash,
        phash_turned=phash_turned,
        jpeg_quality=picture.jpeg.quality if picture.jpeg else None,
        policy=task.policy,
    )
    write_bytes(output / task.target, saved)
    return entry


def _with_mask(entry: Entry, task: Task, picture: Picture, output: Path, limits: Limits) -> Entry:
    """Write the mask of an upright picture; return the entry with what it marks, or why it cannot be used."""
    entry = entry._replace(
        mask_path="", mask_sha256="", mask_share=None, mask_background="",
        mask_read=task.mask_read, mask_reason="",
    )  # fmt: skip
    if (mask_path := task.source.mask_path) is None:
        return entry
    try:
        found = align_mask(read(mask_path, limits, task.page), picture, task.source.mask_background)
        saved = encode_mask(found.pixels)
    except Exception as error:
        return entry._replace(mask_reason=_reason(error))
    target, sha256 = output / task.mask_target, sha256_of(saved)
    if not (target.is_file() and sha256_of_file(target) == sha256):
        write_bytes(target, saved)
    return entry._replace(
        mask_path=task.mask_target,
        mask_sha256=sha256,
        mask_share=round(float(found.pixels.mean()), 4),
        mask_background=found.background,
    )
