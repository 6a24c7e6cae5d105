"""A labelled set of drawn photographs and fakes in a folder of its own."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from pipeline.config import Compute
from pipeline.config_data import Sample
from pipeline.forgery.camera import (
    CAMERAS,
    LOSSLESS,
    decoded,
    photograph,
    save_camera_jpeg,
    save_editor_jpeg,
    save_lossless,
    save_mask,
)
from pipeline.forgery.dead_leaves import STYLES, draw_scene, fractal
from pipeline.forgery.operations import SAMPLE, tamper
from pipeline.forgery.patches import Array, Forgery
from pipeline.forgery.sample_plan import Fake, Group, Shot, plan_sample
from pipeline.parallel import map_chunks
from pipeline.storage import replacing_folder

_PHOTOGRAPH, _TAMPER = 1, 2  # what random draws are for; the plan has 0
_LARGE, _MEDIUM = 0.08, 0.04  # shares of a picture from which a name says L, M


@dataclass(frozen=True)
class Photograph:
    """What the camera saved, decoded: (H, W, 3) uint8; and the masks (H, W) of the things in it."""

    pixels: Array
    objects: tuple[Array, ...]


def draw_sample(folder: Path, settings: Sample, seed: int, workers: int | None = None) -> None:
    """Draw `folder`/{genuine,fake,masks} anew, whole or not at all.

    Args:
        folder: replaced as a whole; what was in it is gone.
        settings: how many pictures, and how large at least (up to 12 % more, so that sizes vary).
        seed: the same seed and settings give the same bytes, whatever the number of workers.
        workers: processes; None is one a core.

    Raises:
        UserError: the folder cannot be written.
    """
    plan = plan_sample(settings, seed)
    drawn = map_chunks(
        partial(draw_group, seed=seed),
        plan,
        Compute(backend="local", workers=workers, scheduler=None),
        "sample",
        chunk=1,
        counts=[len(group.genuine) + len(group.fakes) for group in plan],
    )
    with replacing_folder(folder) as partial_folder:
        for name in ("genuine", "fake", "masks"):
            (partial_folder / name).mkdir()
        for _, files in drawn:
            for name, content in files.items():
                (partial_folder / name).write_bytes(content)


def draw_group(plan: Group, seed: int) -> dict[str, bytes]:
    """Return the files of one group, name below the sample's folder (`fake/Tp_….tif`) -> bytes."""
    cv2.setNumThreads(1)  # the cores are shared out already
    shots = {picture.shot for picture in plan.genuine}
    shots |= {shot for fake in plan.fakes for shot in (fake.host, fake.donor)}
    photographs = {shot: take_photograph(shot, seed) for shot in shots}
    files = {}
    for genuine in plan.genuine:
        ending, content = _saved(
            photographs[genuine.shot].pixels, genuine.shot, genuine.encoder, genuine.editor
        )
        category, number = genuine.shot.source_id[:3], genuine.shot.source_id[3:]
        files[f"genuine/Au_{category}_{number}.{ending}"] = content
    for fake in plan.fakes:
        forged = forge(fake, photographs[fake.host], photographs[fake.donor], seed)
        ending, content = _saved(forged.pixels, fake.host, fake.encoder, fake.editor)
        stem = fake_stem(fake, forged)
        files[f"fake/{stem}.{ending}"] = content
        files[f"masks/{stem}.png"] = save_mask(forged.mask)
    return files


def take_photograph(shot: Shot, seed: int) -> Photograph:
    """Draw the scene, photograph it, and save it as the camera does."""
    rng = np.random.default_rng([seed, _PHOTOGRAPH, shot.number])
    camera = CAMERAS[shot.camera]
    scene = draw_scene(rng, (shot.height, shot.width), STYLES[shot.style])
    pixels = photograph(rng, scene.radiance, camera)
    return Photograph(decoded(save_camera_jpeg(pixels, camera)), scene.objects)


def _saved(pixels: Array, shot: Shot, encoder: str, editor: str) -> tuple[str, bytes]:
    """Save as the plan says: the file's ending and its bytes."""
    if encoder in LOSSLESS:
        return encoder, save_lossless(pixels, encoder, editor)
    if encoder == "camera":  # the gallery of the camera that took it
        return "jpg", save_camera_jpeg(pixels, CAMERAS[shot.camera])
    return "jpg", save_editor_jpeg(pixels, editor)


def forge(fake: Fake, host: Photograph, donor: Photograph, seed: int) -> Forgery:
    """Do what the plan says, with a thing in the donor or, less often, with a part drawn free hand."""
    rng = np.random.default_rng([seed, _TAMPER, fake.number])
    shares = SAMPLE.removed if fake.operation == "removal" else SAMPLE.shares
    fitting = [thing for thing in donor.objects if shares[0] <= thing.mean() <= shares[1]]
    if fitting and rng.random() < 0.8:
        outline = fitting[int(rng.integers(len(fitting)))]
    else:
        outline = free_outline(rng, donor.pixels.shape[:2], float(rng.uniform(*shares)))
    return tamper(rng, fake.operation, host.pixels, donor.pixels, outline)


def free_outline(rng: np.random.Generator, shape: tuple[int, int], share: float) -> Array:
    """Draw round about `share` (0 to 0.5) of a picture of `shape` by free hand: one piece, no holes.

    Returns:
        (H, W) bool, at least one pixel True.
    """
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    ratio = np.exp(rng.uniform(-0.6, 0.6))
    radius = np.sqrt(share * shape[0] * shape[1] / np.pi)
    tall, wide = radius / np.sqrt(ratio), radius * np.sqrt(ratio)
    middle = [
        rng.uniform(min(half, side / 2), max(side - half, side / 2))
        for half, side in zip((tall, wide), shape, strict=True)
    ]
    ripple = fractal(rng, shape, 4.5, largest=2 * radius)
    distance = np.hypot((rows - middle[0]) / tall, (columns - middle[1]) / wide)
    inside = (distance < 1.0 + rng.uniform(0.05, 0.2) * ripple).astype(np.uint8)
    found, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = np.zeros(shape, np.uint8)
    outline[int(middle[0]), int(middle[1])] = not found
    if found:
        cv2.drawContours(outline, [max(found, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    return outline > 0


def fake_stem(fake: Fake, forged: Forgery) -> str:
    """Return the name of a fake, made as those of CASIA 2 are.

    `Tp_D_CRN_S_N_cha00063_art00014_11818`: D from a different picture, S from the same; C colours
    adapted, R resized or turned, N neither; E in the third place (ours) something was erased; S, M or L
    for the size; B for a soft edge; host and donor; a running number.
    """
    done = {"C": forged.recoloured, "R": forged.resampled, "E": fake.operation == "removal"}
    letters = "".join(letter if is_done else "N" for letter, is_done in done.items())
    share = float(forged.mask.mean())
    origin = "D" if fake.operation == "splice" else "S"
    size = "L" if share >= _LARGE else "M" if share >= _MEDIUM else "S"
    edge = "B" if forged.feathered else "N"
    sources = f"{fake.host.source_id}_{fake.donor.source_id}"
    return f"Tp_{origin}_{letters}_{size}_{edge}_{sources}_{fake.number:05d}"
