"""The rows of the audit's chart: the strongest of each kind of shortcut, before and after conversion."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pipeline.auditing import features
from pipeline.auditing.features import BY_NAME
from pipeline.auditing.findings import ALL_WORDS
from pipeline.auditing.names import ALL, CONVERTED, PROBE, RAW
from pipeline.auditing.probes import PROBES, Probe
from pipeline.reports.numbers import Figure

FAMILIES = {
    features.FORMAT: "file format",
    features.COMPRESSION: "JPEG settings",
    features.STRUCTURE: "structure of the file",
    features.METADATA: "EXIF and other notes",
    features.BYTES: "size in bytes",
    features.SIZE: "width and height",
}


class Side(NamedTuple):
    """One end of a row: what was strongest there, and how strong; no words where nothing varies."""

    words: str
    figure: Figure

    @property
    def is_same_in_all(self) -> bool:
        """Whether nothing of this kind varies, so that nothing had to be measured."""
        return self == SAME


class Row(NamedTuple):
    """One kind of shortcut."""

    title: str
    raw: Side
    converted: Side


SAME_IN_ALL = "same in all"  # in the place of a figure
SAME = Side("the same in all", Figure(0.5, None, None))
NOT_MEASURED = Side("", Figure(None, None, None))


def chart_rows(part: Mapping[str, Any]) -> list[Row]:
    """Cut what was found in a part into rows: each family, all of them together, and the probes."""
    rows = [
        Row(title, _strongest(part[RAW], family), _strongest(part[CONVERTED], family))
        for family, title in FAMILIES.items()
    ]
    rows.append(Row(ALL_WORDS, _together(part[RAW]), _together(part[CONVERTED])))
    rows += [
        Row(probe.words, _probed(part[RAW], probe), _probed(part[CONVERTED], probe))
        for probe in PROBES.values()
    ]
    return rows


def as_figure(estimate: Mapping[str, Any]) -> Figure:
    """Give an estimate of the audit as a figure with its interval."""
    return Figure(estimate["roc_auc"], estimate["low"], estimate["high"])


def _strongest(found: Mapping[str, Any], family: str) -> Side:
    for name, estimate in found["features"].items():  # strongest first
        if BY_NAME[name].family == family:
            return Side(BY_NAME[name].words, as_figure(estimate))
    return SAME


def _together(found: Mapping[str, Any]) -> Side:
    for name, estimate in found[ALL].items():
        return Side(name, as_figure(estimate))
    return SAME


def _probed(found: Mapping[str, Any], probe: Probe) -> Side:
    estimate = found[PROBE].get(probe.name)
    return NOT_MEASURED if estimate is None else Side(probe.model, as_figure(estimate))
