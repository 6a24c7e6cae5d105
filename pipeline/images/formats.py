"""The picture formats that are taken, by their names in Pillow, and the endings of their files."""

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

_FORMAT_OF_ENDING = {ending: name for name, endings in ENDINGS.items() for ending in endings}


def format_of_name(path: PurePath) -> str | None:
    """Give the format that the ending of `path` promises, in upper or lower case; None for others."""
    return _FORMAT_OF_ENDING.get(path.suffix.lower())
