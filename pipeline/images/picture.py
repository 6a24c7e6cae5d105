"""One picture converted, in a worker process: read, hashed, saved, with its mask."""

import dataclasses
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.images.hashes import perceptual_hash, pixel_sha256, sha256_of, sha256_of_file
from pipeline.images.journal import Entry, Measured, now_ns, stamp_of
from pipeline.images.jpeg import read_header
from pipeline.images.mask import align_mask, encode_mask
from pipeline.images.plan import Task
from pipeline.images.read import Unreadable, format_of, open_picture, orientation, read_bytes, upright_rgb
from pipeline.images.sources import Rejected
from pipeline.storage.atomic import write_bytes


@dataclass(frozen=True)
class Job:
    """A task, and what is known of an earlier conversion to the same target."""

    task: Task
    known: Entry | None


def convert_all(jobs: Sequence[Job], output: Path) -> list[Entry | Rejected]:
    """Convert pictures one after the other, in the order of `jobs`.

    Raises:
        UserError: a file cannot be written.
    """
    with warnings.catch_warnings():
        # What is wrong with a picture is an error or harmless; on the terminal it would tear the bar.
        warnings.simplefilter("ignore")
        return [convert_one(job.task, job.known, output) for job in jobs]


def convert_one(task: Task, known: Entry | None, output: Path) -> Entry | Rejected:
    """Convert one picture and its mask into `output`, unless its files are there already.

    Returns:
        what was written, or why the picture cannot be used.

    Raises:
        UserError: a file cannot be written.
    """
    # Looked at before they are read: a change in between then shows as one the next time.
    source_stamp, mask_stamp = stamp_of(task.source.path), stamp_of(task.source.mask_path)
    recorded_ns = now_ns()
    try:
        content = read_bytes(task.source.path)
        measured = _measured_before(task, known, content, output) or _convert(task, content, output)
        mask_sha256, mask_reason = _convert_mask(task, content, output)
    except Unreadable as error:
        return Rejected(task.source.source_path, error.reason)
    mask_file = output / task.mask_target if mask_sha256 else None
    stamps = (source_stamp, stamp_of(output / task.target), mask_stamp, stamp_of(mask_file))
    measured = dataclasses.replace(measured, mask_sha256=mask_sha256)
    return Entry(task.target, task.mask_target, task.policy, measured, mask_reason, stamps, recorded_ns)


def _measured_before(task: Task, known: Entry | None, content: bytes, output: Path) -> Measured | None:
    """Give what is known, if source, settings and the file that came out of them are the same."""
    target = output / task.target
    if (
        known is not None
        and known.policy == task.policy
        and known.measured.source_sha256 == sha256_of(content)
        and target.is_file()
        and sha256_of_file(target) == known.measured.sha256
    ):
        return known.measured
    return None


def _convert(task: Task, content: bytes, output: Path) -> Measured:
    image = open_picture(content)
    source_format = format_of(image)
    header = read_header(content) if source_format == "JPEG" else None
    rgb = upright_rgb(image)
    saved = task.encoding.encode(rgb) if task.encoding else content
    source_sha256 = sha256_of(content)
    measured = Measured(
        source_format=source_format,
        width=rgb.width,
        height=rgb.height,
        bytes=len(saved),
        source_sha256=source_sha256,
        sha256=sha256_of(saved) if task.encoding else source_sha256,
        mask_sha256="",
        pixel_sha256=pixel_sha256(rgb),
        phash=perceptual_hash(rgb),
        jpeg_quality=header.quality if header else None,
    )
    write_bytes(output / task.target, saved)
    return measured


def _convert_mask(task: Task, content: bytes, output: Path) -> tuple[str, str]:
    """Write the mask in the pose of its picture.

    Returns:
        the hash of its file and "", or "" and why it cannot be used; both "" where there is none.
    """
    if task.source.mask_path is None:
        return "", ""
    image = open_picture(content)
    pose = orientation(image)
    # Pillow gives the size of a TIFF as it is once turned, that of other formats as it is stored.
    stored = image.size[::-1] if image.format == "TIFF" and pose in (5, 6, 7, 8) else image.size
    try:
        saved = encode_mask(align_mask(read_bytes(task.source.mask_path), stored, pose))
    except Unreadable as error:
        return "", error.reason
    target, sha256 = output / task.mask_target, sha256_of(saved)
    if not (target.is_file() and sha256_of_file(target) == sha256):
        write_bytes(target, saved)
    return sha256, ""
