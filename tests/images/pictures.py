"""Small pictures, as arrays, as files of all formats, and folders of them."""

import hashlib
import io
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from PIL import Image, ImageCms

from pipeline.config import Compute
from pipeline.config_data import Convert
from pipeline.images.files import Source
from pipeline.images.read import read
from pipeline.images.tiff import ORIENTATION, SIDEWAYS, TURNS


def settings(policy: str, **changed: object) -> Convert:
    """Settings of a conversion that takes whatever share of rejected files."""
    usual = {"quality": 95, "subsampling": "4:4:4", "pages": "first"}
    usual |= {"max_rejected": 1.0, "max_megapixels": 250, "max_gib": 4}
    return Convert(policy=policy, **{**usual, **changed})


EQUAL = settings("equal")


def on_cores(workers: int) -> Compute:
    """So many processes of this machine."""
    return Compute(backend="local", workers=workers, scheduler=None)


def draw_photo(height: int = 40, width: int = 60, seed: int = 0) -> np.ndarray:
    """Draw a smooth picture with grain, (height, width, 3) uint8; another one for each seed."""
    rng = np.random.default_rng([seed, height, width])
    coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float64)
    return np.clip(smooth + rng.normal(0, 3, smooth.shape), 0, 255).astype(np.uint8)


PHOTO = draw_photo()
GREY = np.asarray(Image.fromarray(PHOTO).convert("L"))


def rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=-1)


def over_white(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Lay (height, width, channels) over white, by (height, width, 1) from 0 to 255; rounded."""
    opacity = alpha / 255
    return np.rint(colours * opacity + 255 * (1 - opacity))


def in_lab(picture: Image.Image) -> Image.Image:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.profileToProfile(picture, srgb, lab, outputMode="LAB")


def encoded(picture: np.ndarray | Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(buffer, kind, **options)
    return buffer.getvalue()


def saved(picture: np.ndarray | Image.Image, **options: object) -> bytes:
    return encoded(picture, "JPEG", **options)


def tiff(samples: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    photometric = "rgb" if samples.ndim == 3 else "minisblack"
    tifffile.imwrite(buffer, samples, metadata=None, **{"photometric": photometric, **options})
    return buffer.getvalue()


def segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload


def with_segment(content: bytes, marker: int, payload: bytes) -> bytes:
    """Put one more segment at the beginning of a JPEG."""
    return content[:2] + segment(marker, payload) + content[2:]


def as_photoshop_writes(pixels: np.ndarray) -> bytes:
    """All that tells an editor: blocks of its own, tables in one segment, restarts, pictures behind."""
    tables = [[2 + n // 8 for n in range(64)], [3 + n // 8 for n in range(64)]]
    content = saved(pixels, qtables=tables, subsampling=0, optimize=True, restart_marker_rows=1)
    together, position = dict.fromkeys((0xE0, 0xDB, 0xC0, 0xDD, 0xC4), b""), 2
    while content[position + 1] != 0xDA:
        marker, end = content[position + 1], position + 2 + int.from_bytes(content[position + 2 :][:2], "big")
        together[marker] += content[position + 4 : end]
        position = end
    header = b"".join(segment(marker, payload) for marker, payload in together.items())
    content = b"\xff\xd8" + header + content[position:]
    thumbnail = saved(pixels[:8, :8])
    for marker, payload in [
        (0xFE, b"made with care"),
        (0xEE, b"Adobe\0\x64\0\0\0\0\x01"),
        (0xED, b"Photoshop 3.0\x008BIM" + thumbnail),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
    ]:
        content = with_segment(content, marker, payload)
    return content + b"MPF behind" + thumbnail


def read_rgb(source: Path | bytes, **options: object) -> np.ndarray:
    return read(source, **options).pixels


def turned_by(orientation: int | None, order: str = "<") -> Image.Exif:
    """An EXIF block of a camera that was held this way; None: that does not say."""
    block = Image.Exif()
    block.endian = order
    block[0x010F] = "a camera"
    if orientation is not None:
        block[ORIENTATION] = orientation
    return block


def turned_without_loss(jpeg: bytes, orientation: int) -> bytes:
    """Store a JPEG whose sides are multiples of 8 the way a camera held so would have: the same coefficients.

    Colours must not be subsampled. Saved with the tables that it had, on the blocks that it had, a picture
    keeps its coefficients.
    """
    picture, header = Image.open(io.BytesIO(jpeg)), read(jpeg).jpeg
    tables = [np.array(table).reshape(8, 8) for table in header.tables[:2]]
    turn = TURNS.get(orientation)
    if turn is not None:
        back = {Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270}
        back |= {after: before for before, after in back.items()}
        picture = picture.transpose(back.get(turn, turn))
    if orientation in SIDEWAYS:
        tables = [table.T for table in tables]
    numbers = [table.ravel().tolist() for table in tables]
    return saved(picture, qtables=numbers, subsampling=0, exif=turned_by(orientation))


def list_folder(root: Path) -> list[Source]:
    """List `root`/{genuine,fake}, with masks from `root`/masks, as one collection to train on."""
    sources = []
    for label in ("genuine", "fake"):
        for path in sorted((root / label).rglob("*")):
            if path.is_file():
                below = path.relative_to(root).as_posix()
                mask = root / "masks" / f"{path.stem}.png"
                found = mask if label == "fake" and mask.exists() else None
                sources.append(Source(path, below, f"set/{below}", label, "set", "train", mask_path=found))
    return sources


def digests(folder: Path) -> dict[str, str]:
    """Hash every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def read_rows(folder: Path, name: str = "files.csv") -> pd.DataFrame:
    """Read a table beside the converted pictures, as texts."""
    return pd.read_csv(folder / name, dtype=str, keep_default_na=False)


def make_dataset(root: Path) -> Path:
    """Make 5 genuine and 5 fake pictures of all common formats; the first three fakes have masks."""
    for label in ("genuine", "fake", "masks"):
        (root / label).mkdir(parents=True)
    for label, first in (("genuine", 0), ("fake", 50)):
        for i, ending in enumerate(["jpg", "png", "tif", "bmp", "webp"]):
            picture = Image.fromarray(draw_photo(seed=first + i))
            picture.save(root / label / f"{label[0]}{i}.{ending}")
            if label == "fake" and i < 3:
                marked = np.zeros((40, 60), np.uint8)
                marked[5 + i : 20, 10:30] = 255
                Image.fromarray(marked).save(root / "masks" / f"{label[0]}{i}.png")
    return root


# Small ICC profiles (ICC.1:2001-04), written by hand.

D50 = (0.9642, 1.0, 0.8249)
# Primaries of sRGB adapted to D50 (IEC 61966-2-1, annex; ICC.1, annex E).
PRIMARIES = {"r": (0.4361, 0.2225, 0.0139), "g": (0.3851, 0.7169, 0.0971), "b": (0.1431, 0.0606, 0.7141)}


def linear_rgb() -> bytes:
    """The colours of sRGB with a straight curve: pictures look darker without it than they are."""
    tags = {f"{colour}XYZ": _xyz(value) for colour, value in PRIMARIES.items()}
    tags |= {f"{colour}TRC": _straight() for colour in PRIMARIES}
    return _profile("mntr", "RGB ", "XYZ ", {**tags, "wtpt": _xyz(D50)})


def linear_grey() -> bytes:
    """Grey with a straight curve."""
    return _profile("mntr", "GRAY", "XYZ ", {"kTRC": _straight(), "wtpt": _xyz(D50)})


def cmyk_profile() -> bytes:
    """A press whose inks are light: no mixture is darker than half of the paper's lightness."""
    grid, table = 2, b""
    for corner in range(grid**4):
        inks = [corner >> shift & 1 for shift in (3, 2, 1, 0)]
        lightness = 255 * (1 - 0.5 * min(sum(inks), 2) / 2)
        table += bytes([round(lightness), 128, 128])
    line = bytes(range(256))
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    lut = b"mft1" + bytes(4) + bytes([4, 3, grid, 0]) + identity + line * 4 + table + line * 3
    return _profile("prtr", "CMYK", "Lab ", {"A2B0": lut, "A2B1": lut, "wtpt": _xyz(D50)})


def _straight() -> bytes:
    return b"curv" + bytes(8)


def _xyz(value: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(each * 65536) for each in value))


def _described(text: str) -> bytes:
    data = text.encode("ascii") + b"\0"
    return b"desc" + bytes(4) + struct.pack(">I", len(data)) + data + bytes(78)


def _profile(kind: str, space: str, connection: str, tags: dict[str, bytes]) -> bytes:
    tags = {"desc": _described("made for a test"), "cprt": b"text" + bytes(4) + b"none\0", **tags}
    offset = 128 + 4 + 12 * len(tags)
    table, data = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += name.encode() + struct.pack(">II", offset + len(data), len(content))
        data += padded
    size = offset + len(data)
    head = struct.pack(
        ">I4sI4s4s4s", size, bytes(4), 0x02400000, kind.encode(), space.encode(), connection.encode()
    )
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += struct.pack(">3i", *(round(each * 65536) for each in D50))
    return head + bytes(128 - len(head)) + table + data
