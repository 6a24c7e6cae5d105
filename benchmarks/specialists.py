"""How long does each specialist look at a picture, on one core, and how much memory do they take?

    python -m benchmarks.specialists PICTURE…

Prints CPU seconds of each, all together, and the peak of this process. Without pictures two are drawn: 384 ×
256, and 12 megapixels.
"""

import argparse
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from pipeline.evidence.panel import SPECIALISTS
from pipeline.forgery.dead_leaves import STYLES, draw_scene
from pipeline.images.encode import Jpeg
from pipeline.images.read import Picture, read

_DRAWN = ((256, 384), (3000, 4000))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.specialists", description=__doc__)
    parser.add_argument("pictures", nargs="*", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    rows = []
    for picture in map(read, asked.pictures) if asked.pictures else _drawn():
        height, width = picture.pixels.shape[:2]
        row: dict[str, str | float] = {"picture": f"{width} × {height}"}
        for name, examine in SPECIALISTS.items():
            start = time.process_time()
            examine(picture)
            row[name] = round(time.process_time() - start, 3)
        row["all"] = round(sum(value for value in row.values() if isinstance(value, float)), 3)
        row["MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        rows.append(row)
    print(pd.DataFrame(rows).to_string(index=False))


def _drawn() -> Iterator[Picture]:
    """Yield pictures of the sizes that are promised."""
    for height, width in _DRAWN:
        rng = np.random.default_rng(0)
        radiance = draw_scene(rng, (256, 384), STYLES[0]).radiance
        pixels = (255 * np.clip(radiance / np.quantile(radiance, 0.99), 0, 1) ** 0.45).astype(np.uint8)
        large = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC)
        noisy = np.clip(large + rng.normal(0, 4, large.shape), 0, 255).astype(np.uint8)
        yield read(Jpeg(92, "4:2:0").save(b"", Image.fromarray(noisy)))


if __name__ == "__main__":
    main()
