"""A labelled set of drawn photographs and fakes in a folder of its own."""

import concurrent.futures
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from pipeline.config import Sample
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
from pipeline.parallel import available_cores, worker_pool
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


_AHEAD = 4  # neighbourhoods handed to each worker before its first is back, so that memory stays flat


def draw_sample(
    folder: Path, settings: Sample, seed: int, workers: int | None = None, progress: bool = True
) -> None:
    """Draw `folder`/{genuine,fake,masks} anew, whole or not at all.

    Args:
        folder: replaced as a whole; what was in it is gone.
        settings: how many pictures, and how large at least (up to 12 % more, so that sizes vary).
        seed: the same seed and settings give the same bytes, whatever the number of workers.
        workers: processes; None is one a core.
        progress: whether to show a bar with rate and remaining time, where there is a terminal.

    Raises:
        UserError: the folder cannot be written.
    """
    plan = plan_sample(settings, seed)
    total = settings.genuine + settings.fake
    with (
        replacing_folder(folder) as partial,
        tqdm(
            total=total,
            desc="sample",
            unit=" pictures",
            dynamic_ncols=True,
            disable=None if progress else True,
        ) as bar,
    ):
        for name in ("genuine", "fake", "masks"):
            (partial / name).mkdir()
        for files in _drawn(plan, seed, min(workers or available_cores(), len(plan))):
            for file in files:
                (partial / file.name).write_bytes(file.content)
            bar.update(sum(not file.name.startswith("masks/") for file in files))


def _drawn(plan: Sequence[Neighbourhood], seed: int, workers: int) -> Iterator[list[Drawn]]:
    """Draw every neighbourhood, in processes where more than one is asked for; in any order."""
    if workers == 1:
        yield from (draw_neighbourhood(neighbourhood, seed) for neighbourhood in plan)
        return
    with worker_pool(workers, _one_thread) as pool:
        waiting: set[concurrent.futures.Future[list[Drawn]]] = set()
        for neighbourhood in plan:
            waiting.add(pool.submit(draw_neighbourhood, neighbourhood, seed))
            if len(waiting) >= _AHEAD * workers:
                done, waiting = concurrent.futures.wait(
                    waiting, return_when=concurrent.futures.FIRST_COMPLETED
                )
                yield from (future.result() for future in done)
        yield from (future.result() for future in concurrent.futures.as_completed(waiting))


def _one_thread() -> None:
    """Keep OpenCV from using all cores in each of several processes."""
    cv2.setNumThreads(1)
