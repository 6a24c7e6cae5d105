"""One pass over a table of pictures: each is opened once, whatever is asked about it.

For a detector at native resolution it is decoded once, too; others decode it once more, in their own way.
Only numbers are kept, so memory does not grow with the pictures but by these.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pipeline.detector.decision import NETWORK, Decision
from pipeline.detector.detector import Detector
from pipeline.detector.inference import NATIVE
from pipeline.detector.validation import MAP_METRICS, map_metrics
from pipeline.evaluation.localisation import cut_crops
from pipeline.evaluation.perturbations import Perturbation, perturb
from pipeline.evidence.panel import SPECIALISTS
from pipeline.images.files import Unreadable
from pipeline.images.read import read_bytes
from pipeline.inputs.load import Loaded, load, load_mask
from pipeline.parallel import shown

# Of a manifest table, what metrics and slices need.
_KEPT = ["path", "label", "target", "group", "collection", "subset", "source_format"]
_MEASURES = ["width", "height", "jpeg_quality"]  # texts in a table, empty where the file was never JPEG

CROP_COLUMNS = ["path", "group", "collection", "kind", "top", "left", "logit"]


class Examination(NamedTuple):
    """What a detector answered.

    Attributes:
        predictions: of the pictures as handed in, see `with_answers`.
        crops: of the localisation check, one row a crop, `CROP_COLUMNS`.
        perturbed: logits, one row a picture that was looked at closely (its index is the row in the table,
            from 0), one column a perturbation.
    """

    predictions: pd.DataFrame
    crops: pd.DataFrame
    perturbed: pd.DataFrame


def examine(
    detector: Detector,
    table: pd.DataFrame,
    measured: pd.DataFrame,
    closely: np.ndarray,
    perturbations: Sequence[Perturbation],
    seed: int,
) -> Examination:
    """Compute what a detector answers for pictures, and for some in parts and in other forms.

    Args:
        detector: to be tested.
        table: a manifest table.
        measured: what the specialists measured of the same pictures, of `evidence.measured`, in order.
        closely: (n,) bool, of which pictures crops and perturbations are looked at too.
        perturbations: none, or one of `perturbations.SETS`.
        seed: of the choice of crops and of noise.

    Raises:
        UserError: a picture or a mask cannot be read, or an answer is not a number.
    """
    crops: list[tuple[Any, ...]] = []
    perturbed: list[list[float]] = []
    masks: deque[np.ndarray | None] = deque()  # of pictures that the detector has taken and not answered yet

    def opened() -> Iterator[tuple[Path | bytes, Loaded | None]]:
        for number, row in enumerate(table.itertuples()):
            path = Path(str(row.path))
            if not closely[number]:
                masks.append(mask_at(str(row.mask_path), path))
                yield path, None
                continue
            content, picture = _decoded(path)
            mask = mask_at(str(row.mask_path), content)
            masks.append(mask)
            cut = cut_crops(picture, mask, bool(row.target), [seed, number])
            answers = detector.answers_for_crops(crop.picture for crop in cut)
            for crop, of_crop in zip(cut, answers, strict=True):
                place = (crop.kind, crop.top, crop.left)
                crops.append((row.path, row.group, row.collection, *place, of_crop.logit))
            changed = (perturb(picture.pixels, each, seed, number) for each in perturbations)
            perturbed.append([of_form.logit for of_form in detector.answers_for_crops(changed)])
            yield content, picture

    answers = shown(detector.answers(opened()), len(table), "evaluate")
    numbers = [
        {"logit": answer.logit, **map_metrics(answer.map, masks.popleft(), bool(target))}
        for answer, target in zip(answers, table["target"], strict=True)
    ]
    names = [each.name for each in perturbations]
    rows = np.flatnonzero(closely)
    return Examination(
        with_answers(table, measured, numbers, detector.decision),
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


def mask_at(path: str, picture: Path | bytes) -> np.ndarray | None:
    """Read the mask of a row of a manifest table, cut as its picture is loaded; None where it has none.

    Raises:
        UserError: it cannot be read.
    """
    return load_mask(Path(path), picture) if path else None


def with_answers(
    table: pd.DataFrame, measured: pd.DataFrame, numbers: Sequence[Mapping[str, float]], decision: Decision
) -> pd.DataFrame:
    """Return what is kept of the answers beside their pictures.

    `measured` are what the specialists measured, `numbers` the answers of the trained detector.

    Returns:
        a row a picture: of the table `path`, `label`, `target`, `group`, `collection`, `subset`,
        `source_format`, `width`, `height`, `jpeg_quality` (NaN where the file was never JPEG); then the
        statistic of each test, `NETWORK` and the specialists'; what `Decision.judge` says: p-values, `logit`,
        `probability_fake`, `called`, `verdict`, `reason`; and `MAP_METRICS`, which are NaN without a map,
        and for fakes without a mask.

    Raises:
        UserError: an answer is not a number.
    """
    columns = {
        name: np.array([each[name] for each in numbers], np.float64) for name in ("logit", *MAP_METRICS)
    }
    seen = measured.reset_index(drop=True).assign(**{NETWORK: columns.pop("logit")})
    kept = table[_KEPT].reset_index(drop=True)
    return pd.concat(
        [
            kept.assign(
                **{name: pd.to_numeric(table[name], errors="coerce").to_numpy() for name in _MEASURES}
            ),
            seen[[NETWORK, *SPECIALISTS]],
            decision.judge(seen),
            pd.DataFrame(columns, index=kept.index),
        ],
        axis=1,
    ).set_axis(table.index)
