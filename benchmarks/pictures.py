"""Pictures to measure with: textured JPEGs as `convert=equal` makes them, as heavy as CASIA's."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image

HEIGHT, WIDTH = 256, 384
QUALITY = 95  # of convert=equal, 4:4:4
_ENDINGS = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}


def make_pictures(folder: Path, count: int) -> None:
    """Draw `count` pictures into `folder`/{genuine,fake,masks}; a fake has a patch of another texture."""
    for number in range(count):
        label = "fake" if number % 2 else "genuine"
        random = np.random.default_rng([20, number])
        picture = _texture(random, detail=1.0)
        if label == "fake":
            top, left = random.integers(0, HEIGHT // 2), random.integers(0, WIDTH // 2)
            window = np.s_[top : top + HEIGHT // 2, left : left + WIDTH // 2]
            picture[window] = 255 - _texture(random, detail=0.3)[window]
            mask = np.zeros((HEIGHT, WIDTH), np.uint8)
            mask[window] = 255
            (folder / "masks").mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask).save(folder / "masks" / f"{number:05d}.png")
        path = folder / label / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(path, quality=QUALITY, subsampling=0)


def list_frame(folder: Path) -> pd.DataFrame:
    """List `folder`/{genuine,fake}: columns `path`, `label` and `target`, shuffled once."""
    rows = [
        {
            "path": str(path),
            "label": label,
            "target": int(label == "fake"),
            "height": str(HEIGHT),
            "width": str(WIDTH),
        }
        for label in ("genuine", "fake")
        for path in sorted((folder / label).rglob("*"))
        if path.suffix.lower() in _ENDINGS
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0, ignore_index=True)


def list_native(folder: Path) -> pd.DataFrame:
    """List the same pictures as training at native resolution takes them: with masks, groups and sources."""
    rows = []
    for row in list_frame(folder).itertuples():
        path = Path(str(row.path))
        mask = folder / "masks" / f"{path.stem}.png"
        with Image.open(path) as picture:
            width, height = picture.size
        rows.append(
            {
                "path": str(path),
                "source_file": str(path),
                "target": row.target,
                "group": path.stem,
                "collection": "pictures",
                "mask_path": str(mask) if row.target and mask.is_file() else "",
                "height": str(height),
                "width": str(width),
                "page": "",
            }
        )
    return pd.DataFrame(rows)


def _texture(random: np.random.Generator, detail: float) -> np.ndarray:
    """Noise of several grain sizes, (HEIGHT, WIDTH, 3) float32 around 100."""
    picture = np.full((HEIGHT, WIDTH, 3), 100, np.float32)
    for grain, strength in ((1, 1.2 * detail), (2, 5.0 * detail), (8, 22.0), (64, 40.0)):
        shape = (HEIGHT, WIDTH, 3) if grain == 1 else (HEIGHT // grain + 2, WIDTH // grain + 2, 3)
        coarse = strength * random.standard_normal(shape, np.float32)
        picture += (
            coarse if grain == 1 else cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        )
    return picture
