"""Which pictures a sample holds: sources, cameras, sizes, encoders, operations; none tells the class.

Both classes get all but the tampering alike. Encoders have the same shares in both; each source is the host
of about as many fakes as it is handed out genuine, so scenes, cameras and sizes have the same shares too; and
each genuine picture, like each fake, has been opened and saved once more after the camera saved it.

A fake draws from its own small group only, so that the pictures that share a source, directly or by way of
others, are few.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.config_data import Sample
from pipeline.forgery.camera import CAMERAS, EDITORS
from pipeline.forgery.dead_leaves import STYLES

GROUP_SIZE = 3  # pictures of one class in a group
GROWTH = 0.12  # pictures are up to so much larger than asked for, so that sizes vary
HIDDEN_EVERY = 5  # every fifth group has a source that is not handed out

ENCODERS = {"camera": 0.25, "editor": 0.25, "png": 0.15, "tif": 0.35}
OPERATIONS = {"splice": 0.50, "copy_move": 0.30, "removal": 0.20}


@dataclass(frozen=True)
class Shot:
    """One photograph as the camera took it, a source: `number` is the digits of its id."""

    number: int
    style: int
    camera: int
    height: int
    width: int

    @property
    def source_id(self) -> str:
        """The id in names: category and number, as CASIA 2 writes them."""
        return f"{STYLES[self.style].category}{self.number:05d}"


@dataclass(frozen=True)
class Genuine:
    """A photograph to be handed out untouched; `encoder` is a key of `ENCODERS`."""

    shot: Shot
    encoder: str
    editor: str


@dataclass(frozen=True)
class Fake:
    """A photograph to be tampered with; `donor` is the host itself unless the operation is a splice."""

    number: int
    operation: str
    host: Shot
    donor: Shot
    encoder: str
    editor: str


@dataclass(frozen=True)
class Group:
    """Pictures that may share sources; none shares one with another group's."""

    genuine: tuple[Genuine, ...]
    fakes: tuple[Fake, ...]


def plan_sample(settings: Sample, seed: int) -> list[Group]:
    """Assign all that is not drawn in a picture itself; the same for the same seed and settings.

    >>> plan = plan_sample(Sample(genuine=4, fake=4, width=96, height=64), seed=20)
    >>> [(len(group.genuine), len(group.fakes)) for group in plan]
    [(2, 2), (2, 2)]
    """
    rng = np.random.default_rng([seed, 0])
    count = -(-max(settings.genuine, settings.fake) // GROUP_SIZE)
    genuine_in, fakes_in = _even(settings.genuine, count), _even(settings.fake, count)
    shots_in = [
        max(genuine, 2 if fakes else 0) + (number % HIDDEN_EVERY == HIDDEN_EVERY - 1 and fakes > 0)
        for number, (genuine, fakes) in enumerate(zip(genuine_in, fakes_in, strict=True))
    ]
    shots_of = _shots(rng, settings, shots_in)
    genuine_encoders = iter(_shuffled(rng, ENCODERS, settings.genuine))
    fake_encoders = iter(_shuffled(rng, ENCODERS, settings.fake))
    operations = iter(enumerate(_shuffled(rng, OPERATIONS, settings.fake), start=1))
    plan: list[Group] = []
    for shots, genuine, fakes in zip(shots_of, genuine_in, fakes_in, strict=True):
        untouched = [Genuine(shot, next(genuine_encoders), _editor(rng)) for shot in shots[:genuine]]
        tampered = []
        for index in range(fakes):
            number, operation = next(operations)
            host = shots[index % len(shots)]
            donor = shots[(index + 1) % len(shots)] if operation == "splice" else host
            tampered.append(Fake(number, operation, host, donor, next(fake_encoders), _editor(rng)))
        plan.append(Group(tuple(untouched), tuple(tampered)))
    return plan


def _shots(rng: np.random.Generator, settings: Sample, shots_in: list[int]) -> list[list[Shot]]:
    """Draw scene, camera and size of each source; the cameras of one group differ."""
    total = sum(shots_in)
    heights, widths = (
        np.round(side * (1 + GROWTH * rng.permutation(total) / max(total - 1, 1))).astype(int)
        for side in (settings.height, settings.width)
    )
    styles = rng.permutation(np.arange(total) % len(STYLES))
    shots: list[list[Shot]] = []
    first = 0
    for count in shots_in:
        cameras = rng.permutation(len(CAMERAS))
        shots.append(
            [
                Shot(n + 1, int(styles[n]), int(camera), int(heights[n]), int(widths[n]))
                for n, camera in zip(range(first, first + count), cameras, strict=False)
            ]
        )
        first += count
    return shots


def _even(total: int, parts: int) -> list[int]:
    """Cut `total` into `parts` that differ by one at most."""
    return [total // parts + (index < total % parts) for index in range(parts)]


def _shuffled(rng: np.random.Generator, shares: dict[str, float], total: int) -> list[str]:
    """Draw `total` keys in these shares, as exactly as whole numbers can."""
    ends = np.round(np.cumsum(list(shares.values())) * total).astype(int)
    counts = np.diff(ends, prepend=0)
    return [str(kind) for kind in rng.permutation(np.repeat(list(shares), counts))]


def _editor(rng: np.random.Generator) -> str:
    return EDITORS[int(rng.integers(len(EDITORS)))]
