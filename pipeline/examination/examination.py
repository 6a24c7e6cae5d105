"""One picture looked at from all sides: what is judged, and beside it what is shown and not judged."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.detector.conformal import strata_of
from pipeline.detector.decision import NETWORK
from pipeline.detector.detector import Detector, Judged
from pipeline.detector.inference import Answer
from pipeline.evidence.finding import Finding
from pipeline.evidence.panel import numbers_of
from pipeline.evidence.thumbnail import read_thumbnail
from pipeline.examination.claimed_original import Compared, compare
from pipeline.examination.credentials import Credentials, read_credentials
from pipeline.examination.file_statement import FileStatement, read_statement
from pipeline.examination.views import View, make_views
from pipeline.images.files import LIMITS, Limits, Unreadable
from pipeline.images.read import Picture, read


@dataclass(frozen=True)
class Support:
    """What a test says of the picture, and what its p-value is taken from.

    Attributes:
        test: its name.
        p_value: share of genuine pictures of that kind that look as suspicious; None where it does not apply,
            1 where a specialist is silent.
        genuine: how many genuine pictures of this size and quality it was compared with.
        in_all: how many of any size.
    """

    test: str
    p_value: float | None
    genuine: int
    in_all: int


@dataclass(frozen=True, eq=False)
class Examination:
    """What there is to show of one picture.

    Attributes:
        name: of the file, without folders.
        sha256: of its bytes, in hexadecimal.
        picture: as it was read.
        said: what `Detector.look` says of it.
        answer: of the trained detector.
        findings: specialist -> what it found.
        supports: what the verdict rests on, a row a test.
        kind: size and quality of the pictures that it is compared with, in words.
        statement: what the file says; it goes into no verdict.
        credentials: Content Credentials; they do not either.
        thumbnail: that the file brings along, (h, w, 3) uint8; None where there is none.
        views: no evidence.
        against: name of the claimed original, and how they compare; None where none was given.
    """

    name: str
    sha256: str
    picture: Picture
    said: Mapping[str, Any]
    answer: Answer
    findings: Mapping[str, Finding]
    supports: tuple[Support, ...]
    kind: str
    statement: FileStatement
    credentials: Credentials
    thumbnail: np.ndarray | None
    views: tuple[View, ...]
    against: tuple[str, Compared] | None


def examine(
    detector: Detector,
    original: Path | bytes,
    name: str,
    *,
    against: Path | None = None,
    trusted: str | None = None,
    limits: Limits = LIMITS,
) -> Examination:
    """Look at a picture from all sides.

    Args:
        detector: that judges it.
        original: a file, or the content of one.
        name: of the file.
        against: a file that is claimed to be the original.
        trusted: certificates (PEM) whose Content Credentials are trusted.
        limits: beyond which it is refused.

    Raises:
        Unreadable: the picture, or the claimed original, cannot be read.
    """
    checked = read(original, limits)
    other = None if against is None else read(against, limits)
    judged = detector.look(checked.content)
    if judged.answer is None or judged.picture is None:
        raise Unreadable(str(judged.said["error"]), name)
    picture = judged.picture
    numbers = pd.DataFrame([{**numbers_of(picture, judged.findings), NETWORK: judged.answer.logit}])
    size, quality = strata_of(numbers).iloc[0][["size", "quality"]]
    return Examination(
        name=name,
        sha256=hashlib.sha256(picture.content).hexdigest(),
        picture=picture,
        said=judged.said,
        answer=judged.answer,
        findings=judged.findings,
        supports=tuple(_supports(detector, judged, size, quality)),
        kind=f"{size}, {quality}",
        statement=read_statement(picture, name),
        credentials=read_credentials(picture.content, picture.format, trusted),
        thumbnail=_thumbnail(picture),
        views=tuple(make_views(picture.pixels)),
        against=None
        if against is None or other is None
        else (against.name, compare(picture.pixels, other.pixels)),
    )


def _thumbnail(picture: Picture) -> np.ndarray | None:
    try:
        return read_thumbnail(picture)
    except Unreadable:  # of which the specialist speaks
        return None


def _supports(detector: Detector, judged: Judged, size: str, quality: str) -> list[Support]:
    """Return what each test says; the one that speaks loudest first, those that do not apply last."""
    rows, p_values = [], judged.said["p_values"] or {}
    references = detector.decision.tests
    for test in dict.fromkeys([*references, *judged.findings]):
        genuine = in_all = 0
        if test in references:
            table = references[test].table
            genuine = int(((table["size"] == size) & (table["quality"] == quality)).sum())
            in_all = len(table)
        rows.append(Support(test, p_values.get(test), genuine, in_all))
    return sorted(rows, key=lambda row: 2.0 if row.p_value is None else row.p_value)
