"""What a worker does with pictures of an archive: hash them, or judge them by the detector that it keeps."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from pipeline.detector.decision import FAKE, UNSURE
from pipeline.detector.detector import Detector, Judged
from pipeline.errors import UserError
from pipeline.images.hashes import sha256_of
from pipeline.screening.answers import unreadable
from pipeline.screening.archive import is_address, open_binary
from pipeline.storage import write_bytes

SUSPICIOUS = (FAKE, UNSURE)  # verdicts
MAPS = "maps"  # folder of the maps of suspicious pictures

Draw = Callable[[np.ndarray, np.ndarray], bytes]  # pixels and map of a picture -> a JPEG to look at


class Plan(NamedTuple):
    """By what pictures are judged.

    Attributes:
        models: folder of the detector, absolute.
        false_alarms: share of genuine pictures that may be called fake; None: as calibrated.
        detector: the id that it has then.
        maps: folder for the maps of suspicious pictures; None: there are none.
        draw: how they are drawn.
    """

    models: str
    false_alarms: float | None
    detector: str
    maps: str | None
    draw: Draw | None


class Digest(NamedTuple):
    """What the bytes of a picture are: their hash and number; or why they cannot be had."""

    sha256: str | None
    size: int
    error: str = ""


class Looked(NamedTuple):
    """What is said of a picture, and the hash of the bytes that it is said of; None: it cannot be opened."""

    sha256: str | None
    answer: dict[str, Any]


def digest(paths: Sequence[str]) -> list[Digest]:
    """Hash the bytes of pictures."""
    return [_digest(path) for path in paths]


def _digest(path: str) -> Digest:
    try:
        with open_binary(path) as file:
            # One that is read by chunks: it need not be a file of this machine.
            hashed = hashlib.sha256()
            while block := file.read(1 << 20):
                hashed.update(block)
            return Digest(hashed.hexdigest(), file.tell())
    except UserError:
        raise
    except Exception as error:  # plugins of fsspec raise nearly everything
        return Digest(None, 0, _reason(error))


def look(paths: Sequence[str], plan: Plan) -> list[Looked]:
    """Judge pictures; draw the maps of suspicious ones where maps are wanted.

    Raises:
        UserError: the detector is not there, or another one than that of the plan.
    """
    cv2.setNumThreads(1)  # each core has pictures of its own
    detector = _detector(plan.models, plan.false_alarms, plan.detector)
    contents = [_content(path) for path in paths]
    judged = detector.verdicts(each for each in contents if isinstance(each, bytes))
    return [
        _looked(each, next(judged), plan) if isinstance(each, bytes) else Looked(None, each)
        for each in contents
    ]


def _content(path: str) -> bytes | dict[str, Any]:
    """Return the bytes of a picture, or the answer where they cannot be had."""
    try:
        with open_binary(path) as file:
            return file.read()
    except UserError:
        raise
    except Exception as error:
        return unreadable(_reason(error))


def _looked(content: bytes, judged: Judged, plan: Plan) -> Looked:
    said, picture, answer, _ = judged
    sha256 = sha256_of(content)
    if picture is None or answer is None:
        return Looked(sha256, unreadable(str(said["error"]).removeprefix("the picture cannot be read: ")))
    if plan.maps and plan.draw:
        if answer.map is None:
            raise UserError("this detector says nothing of places, so it has no maps; leave --maps out")
        if said["verdict"] in SUSPICIOUS:
            write_bytes(map_path(Path(plan.maps), sha256), plan.draw(picture.pixels_on_grid, answer.map))
    width, height = picture.upright_size
    return Looked(
        sha256,
        {
            "probability": said["probability_fake"],
            "verdict": said["verdict"],
            "reason": said["reason"],
            "width": width,
            "height": height,
            "format": picture.format,
        },
    )


def map_path(folder: Path, sha256: str) -> Path:
    """Return where the map of a picture lies; a folder holds a 256th of them.

    >>> map_path(Path("maps"), "e3b0c442").as_posix()
    'maps/e3/e3b0c442.jpg'
    """
    return folder / sha256[:2] / f"{sha256}.jpg"


@functools.lru_cache(maxsize=1)
def _detector(models: str, false_alarms: float | None, wanted: str) -> Detector:
    detector = Detector.load(Path(models), false_alarms, threads=1)
    if detector.about.id != wanted:
        raise UserError(
            f"the detector in {models} is another one here, and the screening began with {wanted}: trained"
            " or calibrated anew meanwhile; name another --output, and start again"
        )
    return detector


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def absolute(path: str) -> str:
    """Return a path as workers in other folders open it; an address stays as it is."""
    return path if is_address(path) else str(Path(path).absolute())
