"""Which pictures a sample holds: sources, cameras, sizes, deeds and formats, none of which tells the class.

Everything but the tampering is dealt to both classes alike. Formats have the same shares in both;
each source is the host of about as many fakes as it is handed out genuine, so scenes, cameras and
sizes have the same shares too; and each genuine picture, like each fake, has been opened and saved
once more after the camera saved it.

Sources are dealt into small neighbourhoods, and a fake draws from its own neighbourhood only, so that
the pictures that share a source, directly or by way of others, are few.
"""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from pipeline.config import Sample
from pipeline.forgery.camera import CAMERAS, Camera
from pipeline.forgery.fields import Array
from pipeline.forgery.scenes.families import FAMILIES

# How cameras and editors save: formats, JPEG tables and what they write beside the pixels.
#

_SUBSAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}

# Two editors of our own, each with tables that are no libjpeg quality, as those of real editors are not.
# A table is `start` + `rise` x (frequency down + frequency across), rounded; finer for brightness.
_EDITORS = {
    "Atelier 3": {"brightness": (2.0, 1.1), "colour": (3.0, 1.9), "subsampling": "4:4:4"},
    "Retouche 11": {"brightness": (3.0, 1.5), "colour": (4.0, 2.4), "subsampling": "4:2:0"},
}
EDITORS = tuple(_EDITORS)
LOSSLESS = ("png", "tif")


def save_camera_jpeg(pixels: Array, camera: Camera) -> bytes:
    """Encode (H, W, 3) uint8 as the camera does, or its own gallery after an edit."""
    return _encoded(
        pixels, "JPEG", camera.name, quality=camera.jpeg_quality, subsampling=_SUBSAMPLING[camera.subsampling]
    )


def save_editor_jpeg(pixels: Array, editor: str) -> bytes:
    """Encode (H, W, 3) uint8 as JPEG with the tables of one of `EDITORS`."""
    own: dict[str, Any] = _EDITORS[editor]
    tables = [_table(*own["brightness"]), _table(*own["colour"])]
    return _encoded(pixels, "JPEG", editor, qtables=tables, subsampling=_SUBSAMPLING[own["subsampling"]])


def save_lossless(pixels: Array, ending: str, editor: str) -> bytes:
    """Encode (H, W, 3) uint8 as PNG or TIFF, each editor with a compression of its own."""
    if ending == "png":
        return _encoded(pixels, "PNG", editor, compress_level=6)
    return _encoded(pixels, "TIFF", editor, compression="tiff_lzw" if editor == EDITORS[0] else None)


def decoded(content: bytes) -> Array:
    """The pixels that a viewer shows of what was saved here: (H, W, 3) uint8."""
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture.convert("RGB"))


def _encoded(pixels: Array, kind: str, software: str, **settings: Any) -> bytes:
    """Save with Pillow; name what saved it in EXIF."""
    picture = Image.fromarray(pixels)
    exif = picture.getexif()
    exif[0x0131] = software  # Software
    content = io.BytesIO()
    given = {key: value for key, value in settings.items() if value is not None}
    picture.save(content, kind, exif=exif, **given)
    return content.getvalue()


def _table(start: float, rise: float) -> list[int]:
    """A quantisation table that grows with frequency, row by row as Pillow takes it."""
    down, across = np.mgrid[0:8, 0:8]
    return [int(value) for value in np.clip(np.round(start + rise * (down + across)), 1, 255).ravel()]


def save_mask(mask: Array) -> bytes:
    """Encode (H, W) bool as PNG of one channel: 0 untouched, 255 tampered."""
    content = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(content, "PNG")
    return content.getvalue()


NEIGHBOURS = 3  # pictures of one class in a neighbourhood
GROWTH = 0.12  # pictures are up to so much larger than asked for, so that sizes vary
HIDDEN_EVERY = 5  # every fifth neighbourhood has a source that is not handed out

SAVES = {"camera": 0.25, "editor": 0.25, "png": 0.15, "tif": 0.35}
DEEDS = {"splice": 0.50, "copy_move": 0.30, "removal": 0.20}


@dataclass(frozen=True)
class Shot:
    """One photograph as the camera took it, a source: `number` is the digits of its id."""

    number: int
    family: int
    camera: int
    height: int
    width: int

    @property
    def source_id(self) -> str:
        """The id in names: category and number, as CASIA 2 writes them."""
        return f"{FAMILIES[self.family].category}{self.number:05d}"


@dataclass(frozen=True)
class Genuine:
    """A photograph to be handed out untouched; `save` is a key of `SAVES`."""

    shot: Shot
    save: str
    editor: str


@dataclass(frozen=True)
class Fake:
    """A photograph to be tampered with; `donor` is the host itself unless the deed is a splice."""

    number: int
    deed: str
    host: Shot
    donor: Shot
    save: str
    editor: str


@dataclass(frozen=True)
class Neighbourhood:
    """Pictures that may share sources; none shares one with another neighbourhood's."""

    genuine: tuple[Genuine, ...]
    fakes: tuple[Fake, ...]


def plan_sample(settings: Sample, seed: int) -> list[Neighbourhood]:
    """Deal everything that is not drawn in a picture itself; the same for the same seed and settings."""
    rng = np.random.default_rng([seed, 0])
    count = -(-max(settings.genuine, settings.fake) // NEIGHBOURS)
    genuine_in, fakes_in = _even(settings.genuine, count), _even(settings.fake, count)
    shots_in = [
        max(genuine, 2 if fakes else 0) + (number % HIDDEN_EVERY == HIDDEN_EVERY - 1 and fakes > 0)
        for number, (genuine, fakes) in enumerate(zip(genuine_in, fakes_in, strict=True))
    ]
    shots = _deal_shots(rng, settings, shots_in)
    genuine_saves, fake_saves = (_deal(rng, SAVES, total) for total in (settings.genuine, settings.fake))
    deeds = _deal(rng, DEEDS, settings.fake)
    plan: list[Neighbourhood] = []
    taken_genuine = taken_fakes = 0
    for here, genuine, fakes in zip(shots, genuine_in, fakes_in, strict=True):
        untouched = [
            Genuine(shot, genuine_saves[taken_genuine + index], _editor(rng))
            for index, shot in enumerate(here[:genuine])
        ]
        tampered = []
        for index in range(fakes):
            number = taken_fakes + index
            host = here[index % len(here)]
            donor = here[(index + 1) % len(here)] if deeds[number] == "splice" else host
            tampered.append(Fake(number + 1, deeds[number], host, donor, fake_saves[number], _editor(rng)))
        plan.append(Neighbourhood(tuple(untouched), tuple(tampered)))
        taken_genuine, taken_fakes = taken_genuine + genuine, taken_fakes + fakes
    return plan


def _deal_shots(rng: np.random.Generator, settings: Sample, shots_in: list[int]) -> list[list[Shot]]:
    """Give each source its scene, camera and size; the cameras of one neighbourhood differ."""
    total = sum(shots_in)
    heights, widths = (
        np.round(side * (1 + GROWTH * rng.permutation(total) / max(total - 1, 1))).astype(int)
        for side in (settings.height, settings.width)
    )
    families = rng.permutation(np.arange(total) % len(FAMILIES))
    shots, taken = [], 0
    for here in shots_in:
        cameras = rng.permutation(len(CAMERAS))
        numbers = range(taken, taken + here)
        shots.append(
            [
                Shot(n + 1, int(families[n]), int(cameras[index]), int(heights[n]), int(widths[n]))
                for index, n in enumerate(numbers)
            ]
        )
        taken += here
    return shots


def _even(total: int, parts: int) -> list[int]:
    """Cut `total` into `parts` that differ by one at most."""
    return [total // parts + (index < total % parts) for index in range(parts)]


def _deal(rng: np.random.Generator, shares: dict[str, float], total: int) -> list[str]:
    """Shuffle `total` cards whose kinds have these shares, as exactly as whole cards can."""
    ends = np.round(np.cumsum(list(shares.values())) * total).astype(int)
    counts = np.diff(ends, prepend=0)
    return [str(kind) for kind in rng.permutation(np.repeat(list(shares), counts))]


def _editor(rng: np.random.Generator) -> str:
    """One of the editors."""
    return EDITORS[int(rng.integers(len(EDITORS)))]
