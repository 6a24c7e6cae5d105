"""Which collections a detector was trained on, and which it was tested on."""

from pipeline.reports.content import ReportContent
from pipeline.reports.numbers import COLLECTION, elsewhere_parts

TRAIN, TEST = "train", "test"


def roles(content: ReportContent) -> dict[str, str]:
    """Give each collection its role, `TRAIN` or `TEST`.

    The configuration knows them, also those of which no picture happened to be tested. Where it is not at
    hand, the tested parts tell.
    """
    away = elsewhere_parts(content.intervals)
    configured = (content.data or {}).get("collections", {})
    of_parts = {
        part.removeprefix(COLLECTION): TEST if part in away else TRAIN
        for part in content.intervals["part"].unique()
        if part.startswith(COLLECTION)
    }
    return of_parts | {name: found["role"] for name, found in configured.items() if "role" in found}


def trained_on(content: ReportContent) -> list[str]:
    """Name the collections that were trained on."""
    return [name for name, role in roles(content).items() if role == TRAIN]
