"""One picture converted, in a worker process: read, hashed, saved, with its mask."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pipeline.conversion.journal import Entry, Measured, now_ns, stamp_of
from pipeline.conversion.plan import Task
from pipeline.images.files import Limits, Rejected
from pipeline.images.hashes import perceptual_hashes, pixel_sha256, sha256_of, sha256_of_file
from pipeline.images.jpeg import read_header
from pipeline.images.mask import align_mask, encode_mask
from pipeline.images.read import (
    Unreadable,
    format_of,
    open_picture,
    orientation,
    read_bytes,
    stored_size,
    upright_rgb,
)
from pipeline.storage import write_bytes


@dataclass(frozen=True)
class Job:
    """A task, what is known of an earlier conversion to the same target, and what is too large."""

    task: Task
    known: Entry | None
    limits: Limits


def convert_one(job: Job, output: Path) -> Entry | Rejected:
    """Convert one picture and its mask into `output`, unless its files are there already.

    Returns:
        what was written, or why the picture cannot be used.

    Raises:
        UserError: a file cannot be written.
    """
    task, source = job.task, job.task.source
    # Looked at before they are read: a change in between then shows as one the next time.
    source_stamp, mask_stamp = stamp_of(source.path), stamp_of(source.mask_path)
    recorded_ns = now_ns()
    try:
        content = read_bytes(source.path)
        image = open_picture(content, job.limits, source.page, str(source.path))
        stored, pose = stored_size(image), orientation(image)  # both are others once it is decoded
        measured = _measured_before(job, content, output) or _convert(task, content, image, output)
    except Unreadable as error:
        page = f"page {source.page + 1}: " if source.page else ""
        return Rejected(source.source_path, page + error.reason, lost=True)
    mask_sha256, mask_reason = _convert_mask(job, stored, pose, output)
    mask_file = output / task.mask_target if mask_sha256 else None
    stamps = (source_stamp, stamp_of(output / task.target), mask_stamp, stamp_of(mask_file))
    measured = dataclasses.replace(measured, mask_sha256=mask_sha256)
    return Entry(task.target, task.mask_target, task.policy, measured, mask_reason, stamps, recorded_ns)


def _measured_before(job: Job, content: bytes, output: Path) -> Measured | None:
    """Give what is known, if source, settings and the file that came out of them are the same."""
    known, target = job.known, output / job.task.target
    if (
        known is not None
        and known.policy == job.task.policy
        and known.measured.source_sha256 == sha256_of(content)
        and target.is_file()
        and sha256_of_file(target) == known.measured.sha256
    ):
        return known.measured
    return None


def _convert(task: Task, content: bytes, image: Image.Image, output: Path) -> Measured:
    source_format = format_of(image)
    header = read_header(content) if source_format == "JPEG" else None
    rgb = upright_rgb(image)
    saved = task.saving.save(content, rgb)
    source_sha256 = sha256_of(content)
    phash, phash_turned = perceptual_hashes(rgb)
    measured = Measured(
        source_format=source_format,
        width=rgb.width,
        height=rgb.height,
        bytes=len(saved),
        source_sha256=source_sha256,
        sha256=source_sha256 if saved is content else sha256_of(saved),
        mask_sha256="",
        pixel_sha256=pixel_sha256(rgb),
        phash=phash,
        phash_turned=phash_turned,
        jpeg_quality=header.quality if header else None,
    )
    write_bytes(output / task.target, saved)
    return measured


def _convert_mask(job: Job, stored: tuple[int, int], pose: int, output: Path) -> tuple[str, str]:
    """Write the mask in the pose of its picture.

    Returns:
        the hash of its file and "", or "" and why it cannot be used; both "" where there is none.
    """
    task, source = job.task, job.task.source
    if source.mask_path is None:
        return "", ""
    try:
        marked = align_mask(read_bytes(source.mask_path), stored, pose, source.page, job.limits)
        saved = encode_mask(marked)
    except Unreadable as error:
        return "", error.reason
    target, sha256 = output / task.mask_target, sha256_of(saved)
    if not (target.is_file() and sha256_of_file(target) == sha256):
        write_bytes(target, saved)
    return sha256, ""
