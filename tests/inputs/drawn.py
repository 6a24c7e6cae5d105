"""Small pictures on disk for the tests of inputs and training."""

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from pipeline.config import Augment, Preprocess

OFF = {
    "rotation": 0.0, "width_shift": 0.0, "height_shift": 0.0,
    "horizontal_flip": False, "vertical_flip": False, "transpose": False,
    "tamper": 0.0, "matched_saves": False, "untouched": 0.15, "handed_in": 0.0,
    "alter": 0.0, "scale": [0.7, 1.4], "blur": 3.0, "quality": [30, 100], "lossless": 0.3,
    "altered_fakes": 0.5,
}  # fmt: skip


def augment(**changes):
    return Augment(**{**OFF, **changes})


PLAIN = augment()
CLASSIC = augment(rotation=20.0, width_shift=0.2, height_shift=0.2, horizontal_flip=True)
FORENSIC = augment(
    horizontal_flip=True,
    vertical_flip=True,
    transpose=True,
    tamper=0.5,
    matched_saves=True,
    handed_in=0.2,
    alter=0.3,
)


def preprocess(height=16, width=24):
    return Preprocess(method="resize", height=height, width=width, rescale=1 / 255, views=1)


def native(height=32, width=32, views=1):
    return Preprocess(method="native", height=height, width=width, rescale=1.0, views=views)


def blotches(number, height=48, width=64):
    """A smooth colourful picture, another for each number."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def draw_table(folder, genuine=6, fake=6, kind="png", masks=True):
    """Save pictures; a fake is bright in its upper half, as its mask says. Gives a table as manifests are."""
    rows = []
    for number in range(genuine + fake):
        is_fake = number >= genuine
        picture = blotches(number)
        mask_path = ""
        if is_fake:
            picture[: len(picture) // 2] = 255
            if masks:
                mask = np.zeros(picture.shape[:2], np.uint8)
                mask[: len(mask) // 2] = 255
                mask_path = str(folder / f"{number:03d}_mask.png")
                Image.fromarray(mask).save(mask_path)
        path = folder / f"{number:03d}.{kind}"
        Image.fromarray(picture).save(path)
        rows.append(
            {
                "path": str(path), "target": int(is_fake), "group": str(number), "collection": "drawn",
                "mask_path": mask_path, "height": "48", "width": "64", "page": "", "source_file": str(path),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
