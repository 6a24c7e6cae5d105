"""Small pictures and their features, made for the tests of the audit."""

import io

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.auditing.file_features import FEATURES, NUMBER, header_features


def scene(seed=0, height=64, width=96):
    """A smooth picture with some noise: (height, width, 3) uint8."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 256, (6, 9, 3), dtype=np.uint8))
    pixels = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), dtype=float)
    return np.clip(pixels + random.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8)


def encoded(pixels, kind="JPEG", **settings):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **settings)
    return buffer.getvalue()


def decoded(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def features_of(content, name="a.jpg"):
    with Image.open(io.BytesIO(content)) as image:
        return header_features(content, name, *image.size)


def feature_table(n, **columns):
    """A table of features in which only `columns` vary."""
    same = {
        name: np.full(n, 1.0) if feature.kind == NUMBER else np.full(n, "x", object)
        for name, feature in FEATURES.items()
    }
    return pd.DataFrame(same).assign(**columns)
