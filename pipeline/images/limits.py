"""How large a picture may be: looked at in its header, before anything is decoded."""

from dataclasses import dataclass

from pipeline.images.unreadable import Unreadable


@dataclass(frozen=True)
class Limits:
    """Beyond these a picture is refused: the scan of a wall, or a small file that unpacks to fill the memory.

    Attributes:
        megapixels: of one page, in millions of pixels.
        gib: of memory for the pixels of one page as they are decoded, in GiB.
    """

    megapixels: float
    gib: float

    def check(self, width: int, height: int, bytes_each: float = 4) -> None:
        """Refuse a picture that is too large, or that has no pixel at all.

        Args:
            width: in pixels.
            height: in pixels.
            bytes_each: that a decoded pixel takes, all its samples together; Pillow takes 4.

        Raises:
            Unreadable: see above.
        """
        if width < 1 or height < 1:
            raise Unreadable(f"it says that it has {width}x{height} pixels")
        if width * height > self.megapixels * 1e6:
            raise Unreadable(
                f"it has {width}x{height} pixels, larger than the limit of {self.megapixels:g} megapixels; "
                "if it is meant to be that large, raise convert.max_megapixels"
            )
        if width * height * bytes_each > self.gib * 2**30:
            gib = width * height * bytes_each / 2**30
            raise Unreadable(
                f"its {width}x{height} pixels take {gib:.3g} GiB decoded, more than the limit of "
                f"{self.gib:g} GiB; if it is meant to be that large, raise convert.max_gib"
            )


# For those who read pictures without a configuration, as the model that MLflow has logged: what
# conf/convert/*.yaml says.
LIMITS = Limits(megapixels=250, gib=4)
