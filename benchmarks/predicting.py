"""What an answer costs: CPU and wall seconds and memory of `predict`, the whole process, from its start.

    python -m benchmarks.predicting [--models models] [--against DIR --against-models DIR/models]
                                    [--folder DIR] [--count 300] [--rounds 3] [--large]

Asked are one JPEG of 12 megapixels and a folder of `count` JPEGs of 0.3 to 2 megapixels; both are drawn, or
the folder is yours. With --against the code of another checkout, with a detector of its own, is asked about
the same pictures in turns. With --large one JPEG of 100 megapixels is asked about too.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from pipeline.forgery.dead_leaves import STYLES, draw_scene
from pipeline.images.encode import Jpeg

_LEAST, _MOST = 0.3e6, 2e6  # pixels of those in the folder
_ONE, _LARGE = (3000, 4000), (8660, 11548)
_SCENE = (256, 384)
WANTED = {"one": {"CPU s": 2.5, "wall s": 2.0}, "large": {"MiB": 1024.0}}
_TIMES_THE_RATE = 2.5


class Checkout(NamedTuple):
    """Code that predicts, and the detector that it does it with."""

    code: Path
    models: Path


class Cost(NamedTuple):
    """Of a process, from its start to its end."""

    cpu: float  # seconds
    wall: float  # seconds
    memory: float  # MiB at most


def draw_photograph(path: Path, size: tuple[int, int], seed: int, quality: int = 92) -> None:
    """Write a JPEG of a drawn scene with noise, of (height, width)."""
    rng = np.random.default_rng(seed)
    radiance = draw_scene(rng, _SCENE, STYLES[seed % len(STYLES)]).radiance
    pixels = (255 * np.clip(radiance / np.quantile(radiance, 0.99), 0, 1) ** 0.45).astype(np.uint8)
    large = cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_CUBIC)
    for top in range(0, size[0], 256):  # the noise of a large picture is never there all at once
        strip = large[top : top + 256]
        strip[:] = np.clip(strip + rng.normal(0, 4, strip.shape), 0, 255).astype(np.uint8)
    path.write_bytes(Jpeg(quality, "4:2:0").save(b"", Image.fromarray(large)))


def draw_folder(folder: Path, count: int) -> None:
    """Write photographs of many sizes and qualities."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        height = int(np.sqrt(rng.uniform(_LEAST, _MOST) / 1.5))
        size = (height, round(1.5 * height))
        draw_photograph(folder / f"{number:05}.jpg", size, number, int(rng.integers(70, 96)))


def cost_of(checkout: Checkout, asked: Path) -> Cost:
    """Let `predict` answer in a process of its own."""
    command = [sys.executable, "-m", "pipeline.predict", str(asked), "--models", str(checkout.models)]
    # Modules are compiled once, as where a program is installed.
    compiled = Path(tempfile.gettempdir()) / "fakes-benchmark-pycache"
    environment = {**os.environ, "PYTHONPATH": str(checkout.code), "PYTHONPYCACHEPREFIX": str(compiled)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, cwd=checkout.code, env=environment, stdout=subprocess.DEVNULL, stderr=errors
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{' '.join(command)}\n{errors.read().decode(errors='replace')}")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / unit)


def measure(checkouts: dict[str, Checkout], asked: Path, rounds: int) -> dict[str, list[Cost]]:
    """Ask each in turns, after once that warms the disk and compiles."""
    costs: dict[str, list[Cost]] = {name: [] for name in checkouts}
    for number in range(rounds + 1):
        for name, checkout in checkouts.items():
            cost = cost_of(checkout, asked)
            if number:
                costs[name].append(cost)
    return costs


def print_costs(title: str, costs: dict[str, list[Cost]], n_pictures: int, wanted: dict[str, float]) -> None:
    """Print the medians, and the rate where it is a folder."""
    kinds = {"CPU s": 0, "wall s": 1, "MiB": 2}
    rows = {
        kind: {name: statistics.median(each[place] for each in found) for name, found in costs.items()}
        for kind, place in kinds.items()
    }
    if n_pictures > 1:
        rows = {f"{kind} a picture" if "s" in kind else kind: row for kind, row in rows.items()}
        for kind in ("CPU s a picture", "wall s a picture"):
            rows[kind] = {name: value / n_pictures for name, value in rows[kind].items()}
        rows["pictures a CPU s"] = {name: 1 / value for name, value in rows["CPU s a picture"].items()}
        if "before" in costs:
            wanted = {"pictures a CPU s": _TIMES_THE_RATE * rows["pictures a CPU s"]["before"]}
    print(f"{title:36}" + "".join(f"{name:>10}" for name in costs) + f"{'wanted':>10}")
    for kind, row in rows.items():
        goal = f"{wanted[kind]:.4g}" if kind in wanted else ""
        print(f"  {kind:34}" + "".join(f"{value:>10.3g}" for value in row.values()) + f"{goal:>10}")


def main() -> None:
    """Draw, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--against", type=Path, help="another checkout of this repository")
    parser.add_argument("--against-models", type=Path, help="its detector (its models/)")
    parser.add_argument("--folder", type=Path, help="of pictures, instead of those drawn")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", action="store_true", help="100 megapixels too")
    given = parser.parse_args()
    checkouts = {}
    if given.against:
        models = given.against_models or given.against / "models"
        checkouts["before"] = Checkout(given.against.resolve(), models.resolve())
    checkouts["now"] = Checkout(Path(__file__).resolve().parents[1], given.models.resolve())
    with tempfile.TemporaryDirectory() as temporary:
        one, large, folder = (Path(temporary) / name for name in ("one.jpg", "large.jpg", "folder"))
        draw_photograph(one, _ONE, 0)
        print_costs("one JPEG of 12 megapixels", measure(checkouts, one, given.rounds), 1, WANTED["one"])
        if given.large:
            draw_photograph(large, _LARGE, 1)
            only_now = {"now": checkouts["now"]}
            print_costs("one JPEG of 100 megapixels", measure(only_now, large, 1), 1, WANTED["large"])
        if given.folder is None:
            draw_folder(folder, given.count)
        asked = given.folder.resolve() if given.folder else folder
        n_pictures = sum(each.is_file() for each in asked.rglob("*"))
        print_costs(f"a folder of {n_pictures:,}", measure(checkouts, asked, given.rounds), n_pictures, {})


if __name__ == "__main__":
    main()
