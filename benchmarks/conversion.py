"""TIFFs to JPEG: the conversion beside a plain Pillow loop and libvips, all three with the same hashes.

    python -m benchmarks.conversion [--workers 2] [--rounds 3] [--small 4000] [--large 32]

Draws TIFFs of 384x256 and of 12 megapixels in a temporary folder, every second one LZW-compressed,
and converts each set by turns with the loop, with `convert_pictures`, start of the worker processes
included, and with pyvips in as many processes as we have workers. Checks that the first two write the same
bytes and all the same hashes of pixels. Each line is the fastest of several rounds.
"CPU ms" is the processors' time for one picture, "others" the number of cores that other programs kept
busy meanwhile: above 0.1 the ratio says little. Memory is the peak of all processes together, with a
quarter of the pictures and with all of them.
"""

import argparse
import csv
import hashlib
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from benchmarks.figures import Figure, keep

QUALITY: Final = 95
SUBSAMPLING: Final = "4:4:4"
SIZES = {"384x256": (256, 384), "12 megapixels": (3000, 4000)}
WANTED = {"384x256": 1.8, "12 megapixels": 1.9}
COMPARED = ["source_sha256", "pixel_sha256", "phash", "phash_turned"]


def convert_plainly(folder: Path, output: Path, count: int, workers: int) -> None:
    """Convert one picture after the other, as one writes it down first."""
    import pandas as pd

    from pipeline.images.hashes import perceptual_hashes  # quicker than the library's of one pose

    del workers
    rows = []
    for path in sorted(folder.rglob("*.tif"))[:count]:
        target = output / path.relative_to(folder).with_suffix(".jpg")
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as stored:
            image = stored.convert("RGB")
        image.save(target, quality=QUALITY, subsampling=SUBSAMPLING)
        pixels = hashlib.sha256(f"{image.height}x{image.width}x3;".encode() + image.tobytes())
        phash, phash_turned = perceptual_hashes(image)
        rows.append(
            {
                "path": target.relative_to(output).as_posix(),
                "width": image.width,
                "height": image.height,
                "bytes": target.stat().st_size,
                "source_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
                "pixel_sha256": pixels.hexdigest(),
                "phash": phash,
                "phash_turned": phash_turned,
            }
        )
    pd.DataFrame(rows).to_csv(output / "files.csv", index=False)


def convert_with_vips(folder: Path, output: Path, count: int, workers: int) -> None:
    """Convert with libvips in fresh processes (in forked ones it hangs), a chunk of files at a time."""
    import pandas as pd

    paths = sorted(folder.rglob("*.tif"))[:count]
    output.mkdir(exist_ok=True)
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        rows = pool.starmap(vips_row, [(path, folder, output) for path in paths], chunksize=16)
    pd.DataFrame(rows).to_csv(output / "files.csv", index=False)


def vips_row(path: Path, folder: Path, output: Path) -> dict[str, object]:
    """Convert one picture with libvips and give its row."""
    import pyvips  # type: ignore[import-untyped]

    from pipeline.images.hashes import perceptual_hashes

    target = output / path.relative_to(folder).with_suffix(".jpg")
    content = path.read_bytes()
    image = pyvips.Image.new_from_buffer(content, "", access="sequential")
    pixels = image.write_to_memory()
    saved = pyvips.Image.new_from_memory(pixels, image.width, image.height, 3, "uchar").jpegsave_buffer(
        Q=QUALITY, subsample_mode="off", keep="none"
    )
    target.write_bytes(saved)
    size = f"{image.height}x{image.width}x3;".encode()
    phash, phash_turned = perceptual_hashes(Image.frombuffer("RGB", (image.width, image.height), pixels))
    return {
        "path": target.relative_to(output).as_posix(),
        "width": image.width,
        "height": image.height,
        "bytes": len(saved),
        "source_sha256": hashlib.sha256(content).hexdigest(),
        "sha256": hashlib.sha256(saved).hexdigest(),
        "pixel_sha256": hashlib.sha256(size + pixels).hexdigest(),
        "phash": phash,
        "phash_turned": phash_turned,
    }


def convert_ours(folder: Path, output: Path, count: int, workers: int) -> None:
    """Convert as the stage does."""
    from pipeline.config import Compute
    from pipeline.config_data import Convert
    from pipeline.conversion.conversion import convert_pictures
    from pipeline.images.files import Source

    settings = Convert(
        policy="equal",
        quality=QUALITY,
        subsampling=SUBSAMPLING,
        pages="first",
        max_rejected=0.0,
        max_megapixels=250,
        max_gib=4,
    )
    compute = Compute(backend="local", workers=workers, scheduler=None)
    sources = []
    for path in sorted(folder.rglob("*.tif"))[:count]:
        name = path.relative_to(folder).as_posix()
        sources.append(Source(path, name, name, "fake", "set", "test"))
    convert_pictures(sources, [], output, settings, compute)


CONTENDERS: dict[str, Callable[[Path, Path, int, int], None]] = {
    "plain loop": convert_plainly,
    "ours": convert_ours,
    "pyvips": convert_with_vips,
}


def main() -> None:
    """Measure every contender on both sizes and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conversion", description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", type=int, default=4000, help="pictures of 384x256")
    parser.add_argument("--large", type=int, default=32, help="pictures of 12 megapixels")
    parser.add_argument("--contender", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    parser.add_argument("--folders", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        folder, output = options.folders
        run_once(options.contender, folder, output, options.count, options.workers)
        return
    print(f"{os.cpu_count()} cores, {options.workers} workers, best of {options.rounds} rounds in turns\n")
    heads = f"{'pictures/s':>11}{'ratio':>7}{'CPU ms':>8}{'others':>8}{'MiB, 1/4':>10}{'MiB, all':>10}"
    print(f"{'pictures':<22}{'':<11}{heads}")
    for (name, size), count in zip(SIZES.items(), (options.small, options.large), strict=True):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch, "tif")
            # In a process of its own: what it takes would count as the peak of every process started later.
            drawing = multiprocessing.get_context("spawn").Process(
                target=draw_tiffs, args=(folder, size, count)
            )
            drawing.start()
            drawing.join()
            report(name, measure(folder, count, options.workers, options.rounds), count)


def draw_tiffs(folder: Path, size: tuple[int, int], count: int) -> None:
    """Write smooth pictures with grain, each another one, every second one LZW-compressed."""
    folder.mkdir()
    random = np.random.default_rng(20)
    coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize(size[::-1], Image.Resampling.BICUBIC), dtype=np.float32)
    picture = np.clip(smooth + random.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)
    for number in range(count):
        rolled = Image.fromarray(np.roll(picture, 7 * number, axis=1))
        rolled.save(folder / f"{number:05d}.tif", compression="tiff_lzw" if number % 2 else "raw")


def measure(folder: Path, count: int, workers: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Run the contenders in turns; the last round of each counts a quarter of the pictures."""
    results: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    for number in range(rounds + 1):
        n_pictures = count if number < rounds else max(count // 4, 1)
        tables = {}
        for name in CONTENDERS:
            output = folder.with_name("out")
            command = [sys.executable, "-m", "benchmarks.conversion", "--contender", name]
            command += ["--folders", str(folder), str(output)]
            command += ["--count", str(n_pictures), "--workers", str(workers)]
            ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            results[name].append(json.loads(ended.stdout))
            tables[name] = read_hashes(output)
            subprocess.run(["rm", "-r", str(output)], check=True)
            output.with_name(".out.journal").unlink(missing_ok=True)
        of_pixels = [[row[2:] for row in table] for table in tables.values()]
        if tables["plain loop"] != tables["ours"] or of_pixels[0] != of_pixels[2]:
            sys.exit("the contenders wrote other bytes or hashes")
        if len(of_pixels[0]) != n_pictures:
            sys.exit(f"{n_pictures} pictures, {len(of_pixels[0])} rows")
    return results


def run_once(contender: str, folder: Path, output: Path, count: int, workers: int) -> None:
    """Convert once in this process and print seconds and memory as JSON."""
    output.mkdir()
    began, busy = time.perf_counter(), busy_seconds()
    CONTENDERS[contender](folder, output, count, workers)
    seconds, busy = time.perf_counter() - began, busy_seconds() - busy
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    # The system tells the largest child's peak alone; the workers are alike.
    mib = (own.ru_maxrss + (workers * children.ru_maxrss if children.ru_maxrss else 0)) / 1024
    cpu_seconds = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    others = max(busy - cpu_seconds, 0) / seconds
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "mib": mib, "others": others}))


def busy_seconds() -> float:
    """Seconds that all cores together were busy since the machine started; 0 where it does not tell."""
    table = Path("/proc/stat")
    if not table.is_file():
        return 0.0
    user, nice, system = table.read_text().split(maxsplit=4)[1:4]
    return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK")


def read_hashes(output: Path) -> list[tuple[str, ...]]:
    """Give what both must agree on, after checking it against the files."""
    with (output / "files.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    for row in rows[:: max(len(rows) // 50, 1)]:
        if hashlib.sha256((output / row["path"]).read_bytes()).hexdigest() != row["sha256"]:
            sys.exit(f"{row['path']} has another hash than its table says")
    return sorted((row["path"], row["sha256"], *(row[column] for column in COMPARED)) for row in rows)


def report(name: str, results: dict[str, list[dict[str, float]]], count: int) -> None:
    """Print a line for each contender, from the rounds that the rest of the machine disturbed least."""
    best = {contender: min(runs[:-1], key=lambda run: run["seconds"]) for contender, runs in results.items()}
    for contender, run in best.items():
        ratio = best["plain loop"]["seconds"] / run["seconds"]
        memory = max(each["mib"] for each in results[contender][:-1])
        print(
            f"{f'{count} of {name}':<22}{contender:<11}{count / run['seconds']:>11.1f}{ratio:>7.2f}"
            f"{run['cpu_seconds'] / count * 1000:>8.1f}{run['others']:>8.2f}"
            f"{results[contender][-1]['mib']:>10.0f}{memory:>10.0f}"
        )
    ratio = best["plain loop"]["seconds"] / best["ours"]["seconds"]
    keep(Figure(f"conversion of TIFFs of {name}, against the plain loop", ratio, WANTED[name]))


if __name__ == "__main__":
    main()
