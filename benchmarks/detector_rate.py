"""Crops a second of the default detector in training, against tensors in memory, and the memory it takes.

    python -m benchmarks.detector_rate [--pictures DIR] [--count 400] [--rounds 5] [--side 256] [--batch 32]

`DIR` holds genuine/, fake/ and maybe masks/; without it textured JPEGs of 384×256 are drawn into a temporary
folder. What is fed are the crops of the default configuration: twins, matched saves, alterations, all made
while training runs.
"""

import argparse
import functools
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.configuration import composed
from benchmarks.figures import Figure, keep
from benchmarks.pictures import list_native, make_pictures
from benchmarks.side_by_side import Contender, Result, Work, measure, surroundings
from benchmarks.stopwatch import rate_of_fit
from pipeline.config import Config

TENSORS, FED = "tensors in memory", "made while training"
WANTED_RATE, WANTED_SHARE, WANTED_GIB = 160.0, 0.92, 4.0
STEPS = 20  # batches in a round


def tensors(side: int, batch: int, pictures: Path) -> Work:  # noqa: ARG001
    """The network alone: one finished batch again and again."""
    import tensorflow as tf

    config = _config(side, batch)
    network = _network(config)
    random = np.random.default_rng(20)
    inputs = {
        "image": random.integers(0, 256, (batch, side, side, 3)).astype(np.float32),
        "quantisation": random.integers(1, 30, (batch, 8, 8)).astype(np.float32),
    }
    targets = {
        "logit": random.integers(0, 2, batch).astype(np.float32),
        "map": random.integers(-1, 2, (batch, side // 8, side // 8)).astype(np.float32),
    }
    weights = {name: np.ones(batch, np.float32) for name in targets}
    dataset = tf.data.Dataset.from_tensors((inputs, targets, weights)).repeat().prefetch(2)
    rate_of_fit(network, dataset, batch, 3)  # traces
    return lambda _: rate_of_fit(network, dataset, batch, STEPS)


def fed(side: int, batch: int, pictures: Path) -> Work:
    """As training is: crops of decoded pictures in memory."""
    from pipeline.inputs.batches import training_batches
    from pipeline.inputs.cache import PictureCache

    config = _config(side, batch)
    network = _network(config)
    feed = training_batches(
        list_native(pictures),
        config.inputs,
        config.train.model_copy(update={"batch_size": batch}),
        seed=config.seed,
        cache=PictureCache("memory", config.runtime.cache_gib),
        policy=config.convert.policy,
    )
    rate_of_fit(network, feed.dataset, batch, STEPS)  # traces, and decodes most pictures
    return lambda _: rate_of_fit(network, feed.dataset, batch, STEPS)


def peak_gib(side: int, batch: int, pictures: Path) -> Work:
    """The most memory that a process which trains has taken."""
    train = fed(side, batch, pictures)

    def work(number: int) -> float:
        train(number)
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30

    return work


def _config(side: int, batch: int) -> Config:
    return composed(f"inputs.height={side}", f"inputs.width={side}", f"train.batch_size={batch}")


def _network(config: Config) -> Any:
    from pipeline.models.build import build
    from pipeline.training.device import prepare_machine
    from pipeline.training.optimizer import compile_for_training

    prepare_machine(config.runtime, config.train.precision, config.seed)
    network = build(config.model, config.inputs.height, config.inputs.width)
    compile_for_training(network, config.train, STEPS, np.array([0.0, 1.0]))
    return network


def print_rates(results: dict[str, Result], side: int) -> None:
    """Print the rates beside what is wanted."""
    print(f"{f'default detector, {side}×{side}':36}{'crops/s':>9}  {'lowest–highest':>15}{'wanted':>9}")
    for name in (TENSORS, FED):
        goal = f"{WANTED_RATE * (256 / side) ** 2:.0f}" if name == FED else ""
        print(f"{name:36}{results[name].median:>9.0f}  {results[name].spread:>15}{goal:>9}")
    share = results[FED].median / results[TENSORS].median
    rate = WANTED_RATE * (256 / side) ** 2
    keep(
        Figure(f"training the default, crops of {side} × {side}", results[FED].median, rate, "crops/s"),
        Figure("training the default, of its rate on tensors in memory", share, WANTED_SHARE, "%"),
    )
    print(f"{'made while training, of tensors':36}{share:>9.0%}  {'':15}{WANTED_SHARE:>9.0%}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=256, help="of a crop (256; the default detector has 128)")
    parser.add_argument("--batch", type=int, default=32)
    given = parser.parse_args()
    size = (given.side, given.batch)
    rates = [
        Contender(TENSORS, functools.partial(tensors, *size)),
        Contender(FED, functools.partial(fed, *size)),
    ]
    with tempfile.TemporaryDirectory() as temporary:
        pictures = given.pictures or Path(temporary)
        if given.pictures is None:
            make_pictures(pictures, given.count)
        results = measure(rates, pictures, given.rounds)
        print_rates(results, given.side)
        memory = measure([Contender("memory", functools.partial(peak_gib, *size))], pictures, 1)
    print(f"{'peak memory of training':36}{memory['memory'].median:>5.1f} GiB  {'':15}{WANTED_GIB:>5.0f} GiB")
    print(surroundings(results))


if __name__ == "__main__":
    main()
