"""What the best shortcut reads, in words that need no knowledge of files, for large print."""

from pipeline.auditing import features
from pipeline.auditing.features import BY_NAME
from pipeline.auditing.findings import ALL_WORDS
from pipeline.auditing.probes import CONTENT, HISTORY, PROBES
from pipeline.reports.content import ReportContent

_PLAIN = {
    PROBES[HISTORY].words: "how the file was saved before",
    PROBES[CONTENT].words: "what the picture shows",
    ALL_WORDS: "what the file says besides the picture",
}
_OF_FAMILY = {
    features.FORMAT: "the kind of file",
    features.SIZE: "the width and height of the picture",
    features.BYTES: "the size of the file",
    features.COMPRESSION: "how the file was compressed",
    features.STRUCTURE: "how the file is put together",
    features.METADATA: "what software wrote into the file",
}


def shortcut_words(content: ReportContent) -> str:
    """Name the best shortcut on the test split as the audit does; "" where none is known."""
    table = content.shortcuts
    return "" if table is None else next(iter(table.loc[table["part"] == "test", "words"]), "")


def plain_trick(words: str) -> str:
    """Say in plain words what a shortcut reads; one without such words keeps its own."""
    family = next((feature.family for feature in BY_NAME.values() if feature.words == words), "")
    return _PLAIN.get(words) or _OF_FAMILY.get(family) or words or "the best one"
