"""Measures genuine photographs for the specialists' p-values, and writes them as numbers into the package.

    python -m benchmarks.reference /abs/open/camera/genuine

Each photograph is measured as it is and, as most pictures meet one, after a web site has made it smaller and
saved it once more (0.75, JPEG 71). Writes `pipeline/evidence/reference.csv`; no picture goes into the
package.
"""

import argparse
import tempfile
from pathlib import Path

import cv2
from PIL import Image

from pipeline.config import Compute
from pipeline.evidence.measured import REFERENCE, measure_files
from pipeline.evidence.panel import COLUMNS
from pipeline.images.encode import Jpeg
from pipeline.images.files import find_pictures
from pipeline.images.read import read
from pipeline.storage import write_bytes, write_csv

_SCALE, _QUALITY = 0.75, 71  # of perturbations.send_through_network


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reference", description=__doc__)
    parser.add_argument("genuine", type=Path, help="folder of photographs that nothing was trained on")
    parser.add_argument("--workers", type=int, default=None, help="processes (one a core)")
    asked = parser.parse_args()
    pictures, _ = find_pictures(asked.genuine, for_tables=False)
    compute = Compute(backend="local", workers=asked.workers, scheduler=None)
    with tempfile.TemporaryDirectory() as folder:
        sent = [_sent(path, Path(folder) / f"{number:06}.jpg") for number, path in enumerate(pictures)]
        measured = measure_files([str(path) for path in [*pictures, *sent]], compute, "measure")
    known = measured[measured["error"] == ""][COLUMNS]
    write_csv(REFERENCE, known.round(6))
    print(f"{REFERENCE}: {len(known):,} rows of {len(pictures):,} photographs")


def _sent(path: Path, target: Path) -> Path:
    """Save a picture as a social network does."""
    pixels = read(path).pixels
    small = cv2.resize(pixels, None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_AREA)
    write_bytes(target, Jpeg(_QUALITY, "4:2:0").save(b"", Image.fromarray(small)))
    return target


if __name__ == "__main__":
    main()
