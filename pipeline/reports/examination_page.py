"""The page of one picture: from the verdict to the detail, in one file that asks nothing of anywhere.

Names and metadata come from strangers: all of it is escaped, and the page forbids any script but its own.
"""

import base64
import contextlib
import hashlib
import importlib.metadata
import platform
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.detector.decision import CANNOT_TELL, FAKE, GENUINE, NETWORK, NO_TRACE, UNSURE, probability
from pipeline.detector.detector import Detector
from pipeline.evidence.finding import Finding
from pipeline.examination.credentials import BROKEN, EXPIRED, TRUSTED, UNTRUSTED
from pipeline.examination.examination import Examination, Support
from pipeline.reports.picture_layers import (
    MOST_SHOWN,
    Layer,
    grey_png,
    jpeg_uri,
    lines,
    map_layer,
    scale_colours,
    shown,
)
from pipeline.reports.rendering import BAD, GOOD, NOTE, TEMPLATES, WARNING, render

SMALL = 520  # pixels of the longer side of a picture in a card
# Verdict -> how it is coloured, and what it claims: the picture, not the person who brought it.
VERDICTS = {
    FAKE: (BAD, "At most {rate} of genuine pictures look as suspicious to any of the tests."),
    UNSURE: (WARNING, "More suspicious than most genuine pictures, but not so rare as {rate}, the rate set."),
    GENUINE: (
        GOOD,
        "No trace of tampering was found, and in pictures like this our own tampering mostly is. No proof.",
    ),
    NO_TRACE: (
        NOTE,
        "No trace of tampering was found; in pictures like this it often leaves none that is found here.",
    ),
    CANNOT_TELL: (NOTE, "Nothing can be said of a picture like this."),
}
# Test -> its name and what it looks for, for a person.
TESTS = {
    NETWORK: ("Trained detector", "what it has learnt from genuine and tampered pictures, block by block"),
    "copy_move": (
        "Copy-move",
        "a part of the picture that is in it twice: moved, turned, scaled or mirrored",
    ),
    "jpeg_grid": ("JPEG grid", "blocks of a JPEG that begin elsewhere than the rest: a part pasted or moved"),
    "double_jpeg": ("Double JPEG", "a region that was saved once in a picture that was saved twice"),
    "thumbnail": ("Thumbnail", "a difference between the picture and the small copy in its own file"),
}
_OF_CREDENTIALS = {BROKEN: BAD, EXPIRED: WARNING, UNTRUSTED: NOTE, TRUSTED: GOOD}
_VIEWER = "examination.js"
_PROGRAMS = (
    *("fake-image-detection", "onnxruntime", "numpy", "opencv-python-headless", "pillow"),
    "c2pa-python",
)
_SILENT, _NOT_APPLICABLE = "silent", "does not apply"


class Card(NamedTuple):
    """What one test shows of the picture."""

    test: str
    name: str
    looks_for: str
    words: str
    share: str
    speaks: bool
    layer: Layer | None
    lines: Sequence[Sequence[float]]


def write_maps(folder: Path, found: Examination) -> list[str]:
    """Write the map of each test as it came, NPY and PNG, into `folder`; return the names of the files.

    The NPY has a number for each block of 8 × 8 pixels: the logit of being tampered of the trained detector,
    in [0, 1] of specialists. The PNG has 255 where the probability, or the number, is 1.
    """
    names = []
    maps = {name: finding.map for name, finding in found.findings.items()} | {NETWORK: found.answer.map}
    for name, values in maps.items():
        if values is None or not values.size:
            continue
        np.save(folder / f"{name}.npy", values.astype(np.float32))
        (folder / f"{name}.png").write_bytes(grey_png(probability(values) if name == NETWORK else values))
        names += [f"{name}.npy", f"{name}.png"]
    return names


def examination_page(detector: Detector, found: Examination, command: Sequence[str], maps: str = "") -> str:
    """Return the page of a picture.

    Args:
        detector: that has judged it.
        found: what there is to show.
        command: words that make the page again.
        maps: name of the folder of raw maps beside it; "" where there is none.
    """
    about, rate = detector.about, detector.decision.false_alarms
    pixels = found.picture.pixels
    image = shown(pixels)
    cards = _cards(found)
    script = (TEMPLATES / _VIEWER).read_text(encoding="utf-8")
    level, claim = VERDICTS[found.said["verdict"]]
    return render(
        "examination.html",
        {
            "found": found,
            "said": found.said,
            "reason": _reason(found.said),
            "level": level,
            "claim": claim.format(rate=f"{rate:.2%}".replace(".00", "")),
            "rate": rate,
            "cards": cards,
            "layers": _layers(found, cards),
            "chosen": _chosen(cards),
            "lines": [line for card in cards for line in card.lines],
            "width": pixels.shape[1],
            "height": pixels.shape[0],
            "picture": jpeg_uri(image),
            "small": jpeg_uri(shown(pixels, SMALL), 85),
            "smaller": image.size != pixels.shape[1::-1],
            "most_shown": MOST_SHOWN / 1e6,
            "scale": scale_colours(),
            "thumbnail": None if found.thumbnail is None else jpeg_uri(shown(found.thumbnail, SMALL)),
            "views": [(view, _uris(view.pictures)) for view in found.views],
            "against": _against(found),
            "of_credentials": _OF_CREDENTIALS.get(found.credentials.state, NOTE),
            "about": about,
            "measured": about.measured_on,
            "matched_speaks": any(card.lines and card.speaks for card in cards),
            "versions": _versions(),
            "command": shlex.join(command),
            "maps": maps,
            "script": script,
            "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        },
        {"p_value": _p_value},
    )


def _versions() -> dict[str, str]:
    """Return the versions of what an answer may depend on."""
    versions = {"Python": platform.python_version()}
    for name in _PROGRAMS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def _cards(found: Examination) -> list[Card]:
    """Return a card a test, in the order in which the verdict rests on them."""
    pixels, cards = found.picture.pixels, []
    for support in found.supports:
        name, looks_for = TESTS[support.test]
        if support.test == NETWORK:
            values = found.answer.map
            layer = None
            if values is not None and values.size:
                start = found.picture.grid_start
                layer = map_layer(NETWORK, name, probability(values), pixels, start)
            words = "" if values is not None else "This detector answers for the picture as a whole."
            share = _share(support, found.answer.logit)
            cards.append(Card(NETWORK, name, looks_for, words, share, _speaks(support), layer, ()))
            continue
        finding = found.findings.get(support.test) or Finding(float("nan"), "It was not asked.")
        layer = None
        if finding.map is not None and finding.map.size:
            layer = map_layer(support.test, name, finding.map, pixels)
        matched = () if finding.matches is None else lines(finding.matches)
        share = _share(support, finding.statistic)
        speaks = _speaks(support)
        cards.append(Card(support.test, name, looks_for, finding.words, share, speaks, layer, matched))
    return cards


def _layers(found: Examination, cards: Sequence[Card]) -> list[Layer]:
    """Return what can be laid over the picture, maps first."""
    layers = [card.layer for card in cards if card.layer is not None]
    if found.against is not None and found.against[1].original is not None:
        compared = found.against[1]
        assert compared.original is not None
        assert compared.difference is not None
        layers += [
            Layer("original", "the claimed original", jpeg_uri(shown(compared.original))),
            Layer("difference", "difference to it", jpeg_uri(shown(_grey(compared.difference)), 85)),
        ]
    return layers


def _chosen(cards: Sequence[Card]) -> str:
    """Return the layer that lies over the picture at first: of the test that speaks loudest."""
    return next((card.layer.key for card in cards if card.layer is not None), "")


def _against(found: Examination) -> dict[str, Any] | None:
    if found.against is None:
        return None
    name, compared = found.against
    images = {}
    if compared.original is not None and compared.difference is not None:
        images = {
            "the picture": jpeg_uri(shown(found.picture.pixels, 900), 85),
            "the claimed original, laid on it": jpeg_uri(shown(compared.original, 900), 85),
            "the difference, at fixed gain": jpeg_uri(shown(_grey(compared.difference), 900), 85),
        }
    return {"name": name, "words": compared.words, "images": images}


def _uris(pictures: Mapping[str, np.ndarray]) -> dict[str, str]:
    return {name: jpeg_uri(shown(picture), 85) for name, picture in pictures.items()}


def _grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, axis=2)


def _speaks(support: Support) -> bool:
    return support.p_value is not None and support.p_value < 1


def _share(support: Support, statistic: float) -> str:
    """Say how rare what a test found is among genuine pictures."""
    if support.p_value is None:
        return _NOT_APPLICABLE if np.isnan(statistic) else "no genuine pictures of this kind to compare with"
    if support.p_value >= 1:
        return _SILENT
    return f"{_p_value(support.p_value)} of genuine pictures look as suspicious"


def _reason(said: Mapping[str, Any]) -> str:
    """Return what a verdict rests on, with the name of its test for a person, as a sentence."""
    test, colon, rest = str(said["reason"]).partition(": ")
    words = f"{TESTS[test][0]}: {rest}" if colon and test in TESTS else str(said["reason"])
    return f"{words[0].upper()}{words[1:]}."


def _p_value(value: float) -> str:
    return f"{value:.2%}" if value >= 1e-4 else "less than 0.01%"
