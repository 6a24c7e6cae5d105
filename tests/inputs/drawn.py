"""Small pictures on disk for the tests of inputs and training."""

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from pipeline.config import Augment, Preprocess

PLAIN = Augment(rotation=0.0, width_shift=0.0, height_shift=0.0, horizontal_flip=False)
CLASSIC = Augment(rotation=20.0, width_shift=0.2, height_shift=0.2, horizontal_flip=True)


def preprocess(height=16, width=24):
    return Preprocess(height=height, width=width, rescale=1 / 255)


def blotches(number, height=48, width=64):
    """A smooth colourful picture, another for each number."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def draw_table(folder, genuine=6, fake=6):
    """Save PNGs; a fake is bright in its upper half. Gives a table as the manifest has it."""
    rows = []
    for number in range(genuine + fake):
        is_fake = number >= genuine
        picture = blotches(number)
        if is_fake:
            picture[: len(picture) // 2] = 255
        path = folder / f"{number:03d}.png"
        Image.fromarray(picture).save(path)
        rows.append({"path": str(path), "target": int(is_fake)})
    return pd.DataFrame(rows)
