"""One pass over a table of pictures: each is opened once, whatever is asked about it.

For a detector at native resolution it is decoded once, too; others decode it once more, in their own way.
Only numbers are kept, so memory does not grow with the pictures but by these.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.images.read import Unreadable, read_bytes
from pipeline.inputs.load import Loaded, load
from pipeline.scoring.control import cut_crops
from pipeline.scoring.detector import Detector, mask_at, numbers_of, with_answers
from pipeline.scoring.perturbations import Perturbation, perturb
from pipeline.scoring.scorers import NATIVE, Picture

CROP_COLUMNS = ["path", "group", "collection", "kind", "top", "left", "logit"]


class Examination(NamedTuple):
    """What a detector answered.

    Attributes:
        predictions: of the pictures as handed in, see `detector.predict_table`.
        crops: one row a crop of the control, `CROP_COLUMNS`, see `control`.
        perturbed: logits, one row a picture that was looked at closely (its index is the row in the table,
            from 0), one column a perturbation.
    """

    predictions: pd.DataFrame
    crops: pd.DataFrame
    perturbed: pd.DataFrame


def examine(
    detector: Detector,
    table: pd.DataFrame,
    closely: np.ndarray,
    perturbations: Sequence[Perturbation],
    seed: int,
) -> Examination:
    """Ask a detector about pictures as handed in, and about some in parts and in other forms.

    Args:
        detector: to be tested.
        table: a manifest table.
        closely: (n,) bool, of which pictures crops and perturbations are looked at too.
        perturbations: none, or one of `perturbations.SETS`.
        seed: of the choice of crops and of noise.

    Raises:
        UserError: a picture or a mask cannot be read, or an answer is not a number.
    """
    crops: list[tuple[Any, ...]] = []
    perturbed: list[list[float]] = []
    masks: deque[np.ndarray | None] = deque()  # of pictures that the detector has taken and not answered yet

    def opened() -> Iterator[tuple[Picture, Loaded | None]]:
        for number, row in enumerate(table.itertuples()):
            path = Path(str(row.path))
            mask = mask_at(str(row.mask_path))
            masks.append(mask)
            if not closely[number]:
                yield path, None
                continue
            content, picture = _decoded(path)
            cut = cut_crops(picture, mask, bool(row.target), [seed, number])
            looks = detector.looks_at_crops(crop.picture for crop in cut)
            for crop, of_crop in zip(cut, looks, strict=True):
                place = (crop.kind, crop.top, crop.left)
                crops.append((row.path, row.group, row.collection, *place, of_crop.logit))
            changed = _changed(picture, perturbations, seed, number)
            perturbed.append([of_form.logit for of_form in detector.looks_at_crops(changed)])
            yield content, picture

    looks = detector.looks_at_decoded(opened())
    numbers = [
        numbers_of(look, masks.popleft(), bool(target))
        for look, target in zip(looks, table["target"], strict=True)
    ]
    names = [each.name for each in perturbations]
    rows = np.flatnonzero(closely)
    return Examination(
        with_answers(table, numbers, detector.decision),
        pd.DataFrame(crops, columns=CROP_COLUMNS),
        pd.DataFrame(np.array(perturbed, np.float64).reshape(len(rows), len(names)), rows, names),
    )


def _decoded(path: Path) -> tuple[bytes, Loaded]:
    """Read a file once: its content, and its pixels at native resolution."""
    content = read_bytes(path)
    try:
        return content, load(content, NATIVE)
    except Unreadable as error:
        raise Unreadable(error.reason, str(path)) from error


def _changed(
    picture: Loaded, perturbations: Sequence[Perturbation], seed: int, number: int
) -> Iterator[Loaded]:
    """Change a picture one way after the other, each when it is asked for."""
    for each in perturbations:
        yield perturb(picture.pixels, each, seed, number)
