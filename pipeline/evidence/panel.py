"""All specialists together: what each says of a picture, and the numbers that are kept of it."""

import functools
from collections.abc import Callable, Mapping
from concurrent.futures import Executor

import cv2
import numpy as np

from pipeline.evidence import copy_move, double_jpeg, jpeg_grid, thumbnail
from pipeline.evidence.finding import Finding
from pipeline.images.jpeg import BLOCK
from pipeline.images.read import Picture

# In the order in which a person reads them. Each looks at the pixels or the file alone, and learns nothing.
SPECIALISTS: Mapping[str, Callable[[Picture], Finding]] = {
    "copy_move": copy_move.examine,
    "jpeg_grid": jpeg_grid.examine,
    "double_jpeg": double_jpeg.examine,
    "thumbnail": thumbnail.examine,
}
MEASURES = ("width", "height", "jpeg_quality", "chroma", "detail")  # what a picture is, for its kind
COLUMNS = [*MEASURES, *SPECIALISTS]
_SEEN = 3  # levels of brightness between the darkest and the lightest pixel of a block that shows anything


def look(picture: Picture) -> dict[str, Finding]:
    """Ask each specialist about a picture."""
    return {name: _ask(name, picture) for name in SPECIALISTS}


def begin_to_look(picture: Picture, others: Executor) -> Callable[[], dict[str, Finding]]:
    """Let other threads ask the specialists; return what waits for them, and asks what is left itself."""
    asked = {name: others.submit(_ask, name, picture) for name in SPECIALISTS}

    def finish() -> dict[str, Finding]:
        own = {name: _ask(name, picture) for name in reversed(asked) if asked[name].cancel()}
        return {name: own[name] if name in own else asked[name].result() for name in asked}

    return finish


def _ask(name: str, picture: Picture) -> Finding:
    _one_thread_for_blas()
    return SPECIALISTS[name](picture)


@functools.cache
def _one_thread_for_blas() -> None:
    """Let the libraries under NumPy multiply in one thread from now on.

    Specialists make thousands of small products, in which its threads would wait for one another. Once for
    the process: specialists that look at the same time would undo a limit that each sets for itself.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    threadpool_limits(limits=1, user_api="blas")


def numbers_of(picture: Picture, findings: Mapping[str, Finding]) -> dict[str, float]:
    """Return `COLUMNS` of a picture.

    Returns:
        width and height in pixels, upright; the nearest libjpeg quality of its last save, and how many chroma
        samples it has for each luma sample (4:2:0: 0.25; grey: 0), NaN where it is no JPEG; `detail`, the
        share of its 8 × 8 blocks that show anything, in [0, 1]; and the statistic of each specialist, NaN
        where that does not apply.
    """
    height, width = picture.pixels.shape[:2]
    return {
        "width": float(width),
        "height": float(height),
        "jpeg_quality": float("nan") if picture.jpeg is None else float(picture.jpeg.quality),
        "chroma": float("nan") if picture.jpeg is None else picture.jpeg.chroma,
        "detail": _detail(picture.pixels),
        **{name: float(finding.statistic) for name, finding in findings.items()},
    }


def _detail(pixels: np.ndarray) -> float:
    rows, columns = (size // BLOCK for size in pixels.shape[:2])
    if not rows * columns:
        return 0.0
    green = cv2.extractChannel(pixels, 1)[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, -1)
    darkest, lightest = (
        down.reshape(rows, columns, BLOCK) for down in (green.min(axis=1), green.max(axis=1))
    )
    return float((lightest.max(axis=2) - darkest.min(axis=2) >= _SEEN).mean())
