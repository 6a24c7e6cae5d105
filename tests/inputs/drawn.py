"""Small pictures on disk for the tests of inputs and training."""

from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from pipeline.config import NativeAugment, NativeInputs, ResizedAugment, ResizedInputs

OFF = {"untouched": 0.15, "scale": [0.7, 1.4], "blur": 3.0, "lossless": 0.3, "altered_fakes": 0.5}


def augment(**changes):
    return NativeAugment(**{**OFF, **changes})


PLAIN = ResizedAugment()
CLASSIC = ResizedAugment(rotation=20.0, width_shift=0.2, height_shift=0.2, horizontal_flip=True)
FORENSIC = augment(
    horizontal_flip=True,
    vertical_flip=True,
    transpose=True,
    tamper=0.5,
    matched_saves=True,
    handed_in=0.2,
    alter=0.3,
)


def resized(height=16, width=24, augment=PLAIN):
    return ResizedInputs(
        method="resized", height=height, width=width, rescale=1 / 255, views=1, augment=augment
    )


def native(height=32, width=32, views=1, augment=FORENSIC):
    return NativeInputs(method="native", height=height, width=width, views=views, augment=augment)


def training(batch_size, fake_fraction):
    return SimpleNamespace(batch_size=batch_size, fake_fraction=fake_fraction)


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
