"""The list of what an audit learns from pixels, with the words that people are given for each.

A new probe is a `Probe` here and a function under its name in `measure.py`.
"""

from dataclasses import dataclass

HISTORY, CONTENT = "compression_history", "content"


@dataclass(frozen=True)
class Probe:
    """One way of looking at pixels that cannot see tampering as such.

    Attributes:
        name: of what it learns from; in the results of an audit.
        words: the same for a person.
        column: the same as the head of a column.
        model: what learns, and from what.
    """

    name: str
    words: str
    column: str
    model: str


PROBES = {
    probe.name: probe
    for probe in (
        Probe(HISTORY, "compression history in the pixels", "compression history", "forest on histograms"),
        Probe(CONTENT, "what a thumbnail shows", "thumbnail", "likeness of 8 × 8 colours"),
    )
}
