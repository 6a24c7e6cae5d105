"""What an XMP packet says of how a picture came to be: programs, dates, the history that editors keep.

Reference: XMP specification, parts 1 and 2 (ISO 16684-1; Adobe, 2016): xmp:, xmpMM: and stEvt:.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

from pipeline.images.file_facts import one_line

_LONGEST = 200  # characters of a value
_MOST = 100  # events of a history that are shown
_MOST_BYTES = 4 << 20
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
# What is looked for, by its name without the namespace: prefixes and versions of these vary.
_SINGLE = {
    "CreatorTool": "made by",
    "CreateDate": "made on",
    "ModifyDate": "changed on",
    "MetadataDate": "metadata changed on",
    "DigitalSourceType": "digital source type",
    "Credit": "credit",
    "DerivedFrom": "derived from",
}
_SOURCE_TYPES = {  # IPTC NewsCodes
    "trainedAlgorithmicMedia": "made by a generative model, as the file itself says",
    "compositeWithTrainedAlgorithmicMedia": "partly made by a generative model, as the file itself says",
    "compositeSynthetic": "composed with synthetic parts, as the file itself says",
    "algorithmicMedia": "made by an algorithm, as the file itself says",
    "digitalCapture": "taken by a camera, as the file itself says",
}


class Event(NamedTuple):
    """One step of a history as the file tells it; "" where it does not say."""

    when: str
    action: str
    program: str
    changed: str


class Xmp(NamedTuple):
    """What a packet says: (name, value) of what stands for itself, and the history, oldest first."""

    values: tuple[tuple[str, str], ...]
    history: tuple[Event, ...]


def read_xmp(packet: bytes) -> Xmp | None:
    """Read an XMP packet; None where there is none that can be read."""
    # Entities can unfold to more than the memory holds, and no program writes them there.
    if not packet or len(packet) > _MOST_BYTES or re.search(rb"<!(DOCTYPE|ENTITY)", packet, re.IGNORECASE):
        return None
    try:
        root = ElementTree.fromstring(packet.strip(b"\0 \r\n\t"))
    except (ElementTree.ParseError, ValueError, LookupError):
        return None
    values: dict[str, str] = {}
    for element in root.iter():
        for name, value in _properties(element):
            if (known := _SINGLE.get(name)) and value and known not in values:
                values[known] = f"{value}{_meaning(value)}"
        if _local(element.tag) == "DocumentAncestors" and (n := sum(1 for _ in element.iter(f"{_RDF}li"))):
            values["documents that went into it"] = f"{n:,}"
    return Xmp(tuple(values.items()), tuple(_history(root)))


def source_type(uri: str) -> str:
    """Return in words what an IPTC digital source type says; "" for one that is not known."""
    return _SOURCE_TYPES.get(uri.rstrip("/").rpartition("/")[2], "")


def _meaning(value: str) -> str:
    words = source_type(value)
    return f" ({words})" if words else ""


def _history(root: ElementTree.Element) -> Iterator[Event]:
    found = next((each for each in root.iter() if _local(each.tag) == "History"), None)
    if found is None:
        return
    for number, step in enumerate(found.iter(f"{_RDF}li")):
        if number == _MOST:
            return
        told = {name: value for part in step.iter() for name, value in _properties(part) if value}
        action = " ".join(filter(None, [told.get("action"), told.get("parameters")]))
        yield Event(told.get("when", ""), action, told.get("softwareAgent", ""), told.get("changed", ""))


def _properties(element: ElementTree.Element) -> Iterator[tuple[str, str]]:
    """Yield an element's own name and text, and its attributes: XMP may be written either way."""
    text = element.text or element.get(f"{_RDF}resource")
    yield _local(element.tag), one_line(text, _LONGEST)
    for name, value in element.attrib.items():
        yield _local(name), one_line(value, _LONGEST)


def _local(name: str) -> str:
    return name.rpartition("}")[2]
