"""Images a second of the input pipeline, against `ImageDataGenerator.flow_from_dataframe`.

    python -m benchmarks.input_pipeline [--pictures DIR] [--count 1920] [--rounds 5]

`DIR` holds genuine/ and fake/; without it textured JPEGs of 384×256 are drawn into a temporary folder.
All make the same thing: batches of 32 float images of 128×128 with the classic augmentations. Ours works
two to four batches ahead, so an epoch must have many of them for the first one to be measured fairly.
The last row is what no first epoch can surpass: one core that does nothing but decode, at half size.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.configuration import composed
from benchmarks.figures import Figure, keep
from benchmarks.pictures import list_frame, make_pictures
from benchmarks.side_by_side import Contender, Result, Work, measure, surroundings
from pipeline.parallel import available_cores

BATCH = 32
GENERATOR = "ImageDataGenerator.flow_from_dataframe"
FIRST, LATER, LIMIT = "ours, first epoch", "ours, later epochs (memory)", "decoding alone, one core"
WANTED = {FIRST: 6.0, LATER: 28.0}


def generator(pictures: Path) -> Work:
    """The opponent, an epoch a round."""
    from benchmarks.classic_script import flow, make_generator

    frame = list_frame(pictures).rename(columns={"path": "filename"})
    batches = flow(make_generator(), frame)
    return lambda _: _rate(len(frame), len(batches), lambda: next(batches))


def first_epoch(pictures: Path) -> Work:
    """Ours with nothing decoded before."""
    return lambda _: _epochs_of_ours(pictures, "auto")[0]


def later_epochs(pictures: Path) -> Work:
    """Ours with decoded pictures in memory."""
    return lambda _: _epochs_of_ours(pictures, "memory")[1]


def later_epochs_disk(pictures: Path) -> Work:
    """Ours with decoded pictures in a file."""
    return lambda _: _epochs_of_ours(pictures, "disk")[1]


def later_epochs_uncached(pictures: Path) -> Work:
    """Ours where nothing is kept."""
    return lambda _: _epochs_of_ours(pictures, "none")[1]


def decoding(pictures: Path) -> Work:
    """What libjpeg-turbo takes for the pictures, in one thread and from memory."""
    from pipeline.images.plain_files import decode_plain_jpeg

    contents = [Path(path).read_bytes() for path in list_frame(pictures)["path"]]
    wanted = composed("model=cnn").inputs
    each = iter(contents * 10_000)
    return lambda _: _rate(
        len(contents), len(contents), lambda: decode_plain_jpeg(next(each), (wanted.height, wanted.width))
    )


def _epochs_of_ours(pictures: Path, kind: str) -> tuple[float, float]:
    """Rates of the first and of the second and third epoch together."""
    from pipeline.inputs.batches import training_batches
    from pipeline.inputs.cache import PictureCache

    config = composed("model=cnn")
    ours = training_batches(
        list_frame(pictures),
        config.inputs,
        config.train.model_copy(update={"batch_size": BATCH, "fake_fraction": None}),
        seed=20,
        cache=PictureCache(kind, 4.0),
    )
    batches = iter(ours.dataset)
    first = _rate(ours.images_per_epoch, ours.steps, lambda: next(batches))
    return first, _rate(2 * ours.images_per_epoch, 2 * ours.steps, lambda: next(batches))


def _rate(images: int, steps: int, next_batch: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(steps):
        next_batch()
    return images / (time.perf_counter() - began)


CONTENDERS = [
    Contender(GENERATOR, generator),
    Contender(FIRST, first_epoch),
    Contender(LATER, later_epochs),
    Contender("ours, later epochs (disk)", later_epochs_disk),
    Contender("ours, later epochs (not kept)", later_epochs_uncached),
    Contender(LIMIT, decoding),
]


def print_table(results: dict[str, Result], reference: str, wanted: dict[str, float]) -> None:
    """Print medians, lowest and highest round, and the ratio to `reference`."""
    print(f"{'':42}{'images/s':>9}  {'lowest–highest':>15}{'ratio':>8}{'wanted':>8}")
    for name, result in results.items():
        ratio = result.median / results[reference].median
        goal = f"{wanted[name]:.2f}" if name in wanted else ""
        print(f"{name:42}{result.median:>9,.0f}  {result.spread:>15}{ratio:>8.2f}{goal:>8}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--count", type=int, default=1920)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        pictures = given.pictures or Path(temporary)
        if given.pictures is None:
            make_pictures(pictures, given.count)
        results = measure(CONTENDERS, pictures, given.rounds)
    print_table(results, GENERATOR, WANTED)
    print(surroundings(results))
    share = results[FIRST].median / results[LIMIT].median / available_cores()
    print(f"the first epoch has {share:.0%} of the rate at which {available_cores()} cores decode")
    for name, wanted in WANTED.items():
        ratio = results[name].median / results[GENERATOR].median
        keep(Figure(f"input pipeline: {name}, against `ImageDataGenerator`", ratio, wanted))


if __name__ == "__main__":
    main()
