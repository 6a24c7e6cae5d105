"""Ways to save a picture: copied, as JPEG by settings or like another one, stripped, as PNG."""

import hashlib
import io
from dataclasses import dataclass
from typing import Protocol

from PIL import Image, ImageFile

from pipeline.images.files import Unreadable
from pipeline.images.jpeg import JpegParts, take_apart

_SUBSAMPLING = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0"}  # by the factors of the brightness


class Saving(Protocol):
    """A way to save one picture."""

    def __hash__(self) -> int:
        """Ways with the same settings are one."""

    @property
    def ending(self) -> str | None:
        """What names of such files end in; None: as before."""

    @property
    def words(self) -> str:
        """Say all that the file depends on besides the picture, without spaces."""

    def save(self, content: bytes, rgb: Image.Image) -> bytes:
        """Give the file, from the file as handed in and from its picture as it is looked at.

        Raises:
            Unreadable: the file cannot be saved this way.
        """


@dataclass(frozen=True)
class Copied:
    """The bytes as handed in."""

    ending: str | None = None
    words: str = "copied"

    def save(self, content: bytes, rgb: Image.Image) -> bytes:  # noqa: ARG002
        """Give `content`."""
        return content


@dataclass(frozen=True)
class Png:
    """The pixels as they are, in PNG."""

    ending: str | None = ".png"
    words: str = "png"

    def save(self, content: bytes, rgb: Image.Image) -> bytes:  # noqa: ARG002
        """Give the pixels without any metadata."""
        buffer = io.BytesIO()
        rgb.save(buffer, "PNG")
        return buffer.getvalue()


@dataclass(frozen=True)
class Jpeg:
    """A baseline JPEG by the encoder that Pillow brings, without any metadata.

    Attributes:
        quality: of libjpeg, 1 to 100.
        subsampling: of the chrominance: "4:4:4", "4:2:2" or "4:2:0".
    """

    quality: int
    subsampling: str
    ending: str | None = ".jpg"

    @property
    def words(self) -> str:
        """Name the settings."""
        return f"quality={self.quality},subsampling={self.subsampling}"

    def save(self, content: bytes, rgb: Image.Image) -> bytes:  # noqa: ARG002
        """Encode the pixels."""
        buffer = io.BytesIO()
        rgb.save(buffer, "JPEG", quality=self.quality, subsampling=self.subsampling)
        return buffer.getvalue()


@dataclass(frozen=True)
class JpegLike:
    """A JPEG with the settings of another one: whoever looks at the two from outside sees no difference.

    Attributes:
        tables: quantisation tables of brightness and colours, each 64 numbers row by row.
        subsampling: of the chrominance: "4:4:4", "4:2:2" or "4:2:0".
        progressive: in several scans, from coarse to fine.
        optimised: with Huffman tables of its own.
        restart_rows: rows of blocks between restart markers; 0: none, or counted in blocks.
        restart_blocks: blocks between them, where they are no full rows.
    """

    tables: tuple[tuple[int, ...], ...]
    subsampling: str
    progressive: bool = False
    optimised: bool = False
    restart_rows: int = 0
    restart_blocks: int = 0
    ending: str | None = ".jpg"

    @property
    def words(self) -> str:
        """Name the settings, the tables by a hash."""
        said = [f"tables={hashlib.sha256(str(self.tables).encode()).hexdigest()[:12]}"]
        said.append(f"subsampling={self.subsampling}")
        said += ["progressive"] * self.progressive + ["optimised"] * self.optimised
        said += [f"restart_rows={self.restart_rows}"] * (self.restart_rows > 0)
        said += [f"restart_blocks={self.restart_blocks}"] * (self.restart_blocks > 0)
        return ",".join(said)

    def save(self, content: bytes, rgb: Image.Image) -> bytes:  # noqa: ARG002
        """Encode the pixels."""
        try:
            return self._encoded(rgb)
        except OSError:
            # Pillow guesses how many bytes the file will have, and fails where noise needs more.
            usual = ImageFile.MAXBLOCK
            ImageFile.MAXBLOCK = max(usual, 16 * rgb.width * rgb.height)
            try:
                return self._encoded(rgb)
            finally:
                ImageFile.MAXBLOCK = usual

    def _encoded(self, rgb: Image.Image) -> bytes:
        buffer = io.BytesIO()
        rgb.save(
            buffer,
            "JPEG",
            qtables=[list(table) for table in self.tables],
            subsampling=self.subsampling,
            progressive=self.progressive,
            optimize=self.optimised,
            restart_marker_rows=self.restart_rows,
            restart_marker_blocks=self.restart_blocks,
        )
        return buffer.getvalue()


@dataclass(frozen=True)
class Stripped:
    """A JPEG with its compressed data as they are and nothing else of what it held."""

    ending: str | None = ".jpg"
    words: str = "stripped"

    def save(self, content: bytes, rgb: Image.Image) -> bytes:  # noqa: ARG002
        """Give the plain file around the same data."""
        parts = take_apart(content)
        if parts is None:  # it could be taken apart when the settings were looked up
            raise Unreadable("it changed while it was converted; run the same command again")
        return parts.plain()


def settings_of(parts: JpegParts) -> JpegLike | None:
    """Give the settings with which another picture can be saved like this one; None: it cannot."""
    subsampling = _SUBSAMPLING.get(parts.sampling[0])
    if subsampling is None or parts.table_of not in {(0, 0, 0), (0, 1, 1), (0, 1, 2)}:
        return None
    blocks_in_row = -(-parts.width // (8 * parts.sampling[0][0]))
    rows, rest = divmod(parts.restart_interval, blocks_in_row)
    return JpegLike(
        tables=parts.tables,
        subsampling=subsampling,
        progressive=parts.progressive,
        optimised=parts.optimised,
        restart_rows=0 if rest else rows,
        restart_blocks=parts.restart_interval if rest else 0,
    )
