"""Small pictures and folders of them."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.config import Compute, Convert
from pipeline.images.files import Source
from pipeline.images.tiff import ORIENTATION


def settings(policy: str, **changed: object) -> Convert:
    """Settings of a conversion that takes whatever share of rejected files."""
    usual = {
        "quality": 95,
        "subsampling": "4:4:4",
        "pages": "first",
        "max_rejected": 1.0,
        "max_megapixels": 250,
        "max_gib": 4,
    }
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


def turned_by(orientation: int | None, order: str = "<") -> Image.Exif:
    """An EXIF block of a camera that was held this way; None: that does not say."""
    block = Image.Exif()
    block.endian = order
    block[0x010F] = "a camera"
    if orientation is not None:
        block[ORIENTATION] = orientation
    return block


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
