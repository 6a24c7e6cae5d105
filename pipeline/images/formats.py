"""The picture formats that are taken, by their names in Pillow: how their files end and begin."""

from pathlib import PurePath

ENDINGS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "AVIF": (".avif",),
    "JPEG2000": (".jp2", ".j2k", ".jpx"),
}
BEGINNINGS = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "BMP": (b"BM",),
    "WEBP": (b"RIFF",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "JPEG2000": (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n"),
}
BEGINNING_BYTES = 32  # that `format_of_content` needs

_FORMAT_OF_ENDING = {ending: name for name, endings in ENDINGS.items() for ending in endings}
_AVIF_BRANDS = (b"avif", b"avis")


def format_of_name(path: PurePath) -> str | None:
    """Give the format that the ending of `path` promises, in upper or lower case; None for others."""
    return _FORMAT_OF_ENDING.get(path.suffix.lower())


def format_of_content(content: bytes) -> str | None:
    """Give the format that a file begins as; None for others.

    Args:
        content: the file, or its first `BEGINNING_BYTES`.
    """
    if content[4:8] == b"ftyp":
        return "AVIF" if any(brand in content[8:BEGINNING_BYTES] for brand in _AVIF_BRANDS) else None
    if content.startswith(b"RIFF") and content[8:12] != b"WEBP":
        return None
    if (
        content.startswith(b"BM") and content[6:10] != b"\0" * 4
    ):  # two reserved numbers; "BM" begins words too
        return None
    return next((name for name, starts in BEGINNINGS.items() if content.startswith(starts)), None)
