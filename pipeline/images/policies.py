"""Policies: what a labelled picture is saved as, so that its file does not tell its label.

A policy is one function, from the name of a file and the settings to the JPEG settings with which the
picture is saved once more, or to None where its bytes are taken as they are. To add one: write the
function, put it into `POLICIES`, and its name into `policy` of `pipeline.config.Convert`.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

import PIL
from PIL import Image

from pipeline.config import Convert
from pipeline.images.formats import format_of_name
from pipeline.images.read import READING


@dataclass(frozen=True)
class Jpeg:
    """How a JPEG is saved: baseline, by the encoder that Pillow brings, without any metadata.

    Attributes:
        quality: of libjpeg, 1 to 100.
        subsampling: of the chrominance: "4:4:4", "4:2:2" or "4:2:0".
    """

    quality: int
    subsampling: str

    @property
    def ending(self) -> str:
        """What the names of such files end in."""
        return ".jpg"

    def encode(self, rgb: Image.Image) -> bytes:
        """Give the bytes of the file."""
        buffer = io.BytesIO()
        rgb.save(buffer, "JPEG", quality=self.quality, subsampling=self.subsampling)
        return buffer.getvalue()


def raw(name: PurePosixPath, settings: Convert) -> Jpeg | None:  # noqa: ARG001
    """The bytes as handed in."""
    return None


def tif_only(name: PurePosixPath, settings: Convert) -> Jpeg | None:
    """The classic: what is called .tif or .tiff becomes JPEG, the rest is copied."""
    return equal(name, settings) if format_of_name(name) == "TIFF" else None


def equal(name: PurePosixPath, settings: Convert) -> Jpeg | None:  # noqa: ARG001
    """Every picture saved once more with the same JPEG settings, both classes alike."""
    return Jpeg(settings.quality, settings.subsampling)


POLICIES: dict[str, Callable[[PurePosixPath, Convert], Jpeg | None]] = {
    "raw": raw,
    "tif_only": tif_only,
    "equal": equal,
}


def signature(policy: str, encoding: Jpeg | None) -> str:
    """Say all that a converted file depends on besides its source: what differs must be done again.

    `equal(quality=95,subsampling=4:4:4,reading=1,pillow=13.0.0)`, `tif_only(copied,reading=1,pillow=13.0.0)`.
    The last two stand for how pictures are decoded and encoded.
    """
    saved = f"quality={encoding.quality},subsampling={encoding.subsampling}" if encoding else "copied"
    return f"{policy}({saved},reading={READING},pillow={PIL.__version__})"
