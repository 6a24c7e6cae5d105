"""A labelled set of drawn photographs and fakes in a folder of its own."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from pipeline.config import Compute, Sample
from pipeline.forgery.camera import CAMERAS, photograph
from pipeline.forgery.fields import Array
from pipeline.forgery.operations import REMOVED_SHARES as REMOVED
from pipeline.forgery.operations import SHARES, copy_move, removal, splice
from pipeline.forgery.patches import Forgery, chosen_outline
from pipeline.forgery.sample_plan import (
    LOSSLESS,
    Fake,
    Neighbourhood,
    Shot,
    decoded,
    plan_sample,
    save_camera_jpeg,
    save_editor_jpeg,
    save_lossless,
    save_mask,
)
from pipeline.forgery.scenes.families import FAMILIES
from pipeline.parallel import map_chunks
from pipeline.storage import replacing_folder

# One neighbourhood of a sample, from the plan to the bytes of its files.
#

_PHOTOGRAPH, _TAMPER = 1, 2  # what random draws are for; the plan has 0
_LARGE = 0.08  # share of a picture from which a name says that the tampered part is large
_MEDIUM = 0.04


@dataclass(frozen=True)
class Photograph:
    """What the camera saved, decoded: (H, W, 3) uint8; and the masks (H, W) of the things in it."""

    pixels: Array
    objects: tuple[Array, ...]


@dataclass(frozen=True)
class Drawn:
    """One file: its name below the sample's folder, such as `fake/Tp_….tif`, and its bytes."""

    name: str
    content: bytes


def draw_neighbourhood(plan: Neighbourhood, seed: int) -> list[Drawn]:
    """Draw the pictures and masks of one neighbourhood; the same for the same plan and seed."""
    taken: dict[int, Photograph] = {}
    shots = [picture.shot for picture in plan.genuine]
    for fake in plan.fakes:
        shots += [fake.host, fake.donor]
    for shot in shots:
        if shot.number not in taken:
            taken[shot.number] = take_photograph(shot, seed)
    files = []
    for picture in plan.genuine:
        category, number = picture.shot.source_id[:3], picture.shot.source_id[3:]
        ending, content = _saved(
            taken[picture.shot.number].pixels, picture.shot, picture.save, picture.editor
        )
        files.append(Drawn(f"genuine/Au_{category}_{number}.{ending}", content))
    for fake in plan.fakes:
        forged = tamper(fake, taken[fake.host.number], taken[fake.donor.number], seed)
        ending, content = _saved(forged.pixels, fake.host, fake.save, fake.editor)
        stem = fake_stem(fake, forged)
        files += [Drawn(f"fake/{stem}.{ending}", content), Drawn(f"masks/{stem}.png", save_mask(forged.mask))]
    return files


def take_photograph(shot: Shot, seed: int) -> Photograph:
    """Draw the scene, photograph it, and save it as the camera does."""
    rng = np.random.default_rng([seed, _PHOTOGRAPH, shot.number])
    camera = CAMERAS[shot.camera]
    scene = FAMILIES[shot.family].draw(rng, (shot.height, shot.width))
    pixels = photograph(rng, scene.radiance, camera)
    return Photograph(decoded(save_camera_jpeg(pixels, camera)), scene.objects)


def tamper(fake: Fake, host: Photograph, donor: Photograph, seed: int) -> Forgery:
    """Do to the host what the plan says."""
    rng = np.random.default_rng([seed, _TAMPER, fake.number])
    shares = REMOVED if fake.deed == "removal" else SHARES
    outline = chosen_outline(rng, donor.pixels.shape[:2], donor.objects, shares)
    if fake.deed == "splice":
        return splice(rng, host.pixels, donor.pixels, outline)
    if fake.deed == "copy_move":
        return copy_move(rng, host.pixels, outline)
    return removal(host.pixels, outline)


def fake_stem(fake: Fake, forged: Forgery) -> str:
    """Name a fake as CASIA 2 does.

    `Tp_D_CRN_S_N_cha00063_art00014_11818`: D from a different picture, S from the same; C colours
    adapted, R resized or turned, N neither; E in the third place (ours) something was erased; S, M or L
    for the size; B for a soft edge; host and donor; a running number.
    """
    share = float(forged.mask.mean())
    letters = "".join(
        letter if there else "N"
        for letter, there in (
            ("C", forged.recoloured),
            ("R", forged.resampled),
            ("E", fake.deed == "removal"),
        )
    )
    origin = "D" if fake.deed == "splice" else "S"
    size = "L" if share >= _LARGE else "M" if share >= _MEDIUM else "S"
    edge = "B" if forged.feathered else "N"
    return (
        f"Tp_{origin}_{letters}_{size}_{edge}_{fake.host.source_id}_{fake.donor.source_id}_{fake.number:05d}"
    )


def _saved(pixels: Array, shot: Shot, save: str, editor: str) -> tuple[str, bytes]:
    """Save as the plan says: the file's ending and its bytes."""
    if save in LOSSLESS:
        return save, save_lossless(pixels, save, editor)
    if save == "camera":  # the gallery of the camera that took it
        return "jpg", save_camera_jpeg(pixels, CAMERAS[shot.camera])
    return "jpg", save_editor_jpeg(pixels, editor)


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
        partial(_draw_in_one_thread, seed=seed),
        plan,
        Compute(backend="local", workers=workers, scheduler=None),
        "sample",
        chunk=1,
        counts=[len(neighbourhood.genuine) + len(neighbourhood.fakes) for neighbourhood in plan],
    )
    with replacing_folder(folder) as partial_folder:
        for name in ("genuine", "fake", "masks"):
            (partial_folder / name).mkdir()
        for _, files in drawn:
            for file in files:
                (partial_folder / file.name).write_bytes(file.content)


def _draw_in_one_thread(plan: Neighbourhood, seed: int) -> list[Drawn]:
    """Keep OpenCV from using all cores in each of several processes."""
    cv2.setNumThreads(1)
    return draw_neighbourhood(plan, seed)
