"""Images a second in training, against the classic script and against tensors that lie in memory.

    python -m benchmarks.training_rate [--pictures DIR] [--count 640] [--rounds 5] [--seeds 3] [--epochs 6]

`DIR` holds genuine/ and fake/; without it textured JPEGs of 384×256 are drawn into a temporary folder.
All train the classic network on batches of 32 images of 128×128. The second table holds the validation
loss after `--epochs` on pictures held out, which precision must not change.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.configuration import composed
from benchmarks.input_pipeline import BATCH, print_table
from benchmarks.pictures import list_frame, make_pictures
from benchmarks.side_by_side import Contender, Result, Work, measure, surroundings
from benchmarks.stopwatch import rate_of_fit
from pipeline.config import Config

PLAIN: list[str] = ["inputs.augment=null"]
CLASSIC: list[str] = []  # choices beside the classic network
STEPS = 40  # batches in a round
TRAIN_SHARE = 0.75
SCRIPT, TENSORS = "classic script (float32)", "ours, tensors in memory"
CACHED, AUGMENTED = "ours, not augmented", "ours, augmented"


def script(pictures: Path) -> Work:
    """The opponent: its generator and its network."""
    from benchmarks.classic_script import flow, make_generator, make_model

    batches = flow(make_generator(), list_frame(pictures).rename(columns={"path": "filename"}))
    model = make_model()
    return lambda _: rate_of_fit(model, batches, BATCH, len(batches), epochs=max(1, STEPS // len(batches)))


def tensors(pictures: Path) -> Work:
    """Ours, fed with finished batches: what the network itself can do here."""
    import tensorflow as tf

    network = _network("auto")
    finished = next(iter(_feed(list_frame(pictures), PLAIN, "memory").dataset))
    dataset = tf.data.Dataset.from_tensors(finished).repeat().prefetch(2)
    return lambda _: rate_of_fit(network, dataset, BATCH, STEPS)


def not_augmented(pictures: Path) -> Work:
    """Ours from the second epoch on, decoded pictures in memory."""
    return _ours(pictures, PLAIN, "memory")


def augmented(pictures: Path) -> Work:
    """The same with the classic augmentations."""
    return _ours(pictures, CLASSIC, "memory")


def decoding(pictures: Path) -> Work:
    """The same with nothing kept, so that every picture is decoded: what the first epoch costs."""
    return _ours(pictures, CLASSIC, "none")


def _ours(pictures: Path, augment: list[str], cache: str) -> Work:
    network = _network("auto")
    feed = _feed(list_frame(pictures), augment, cache)
    rate_of_fit(network, feed.dataset, BATCH, feed.steps)  # decodes what is kept, and traces
    return lambda _: rate_of_fit(network, feed.dataset, BATCH, STEPS)


def _config(*augment: str) -> Config:
    return composed("model=cnn", f"train.batch_size={BATCH}", *augment)


def _network(precision: str, seed: int = 20) -> Any:
    from pipeline.models.build import build
    from pipeline.training.device import prepare_machine
    from pipeline.training.optimizer import compile_for_training

    config = _config()
    prepare_machine(config.runtime, precision, seed)
    network = build(config.model, config.inputs.height, config.inputs.width)
    compile_for_training(network, config.train, STEPS, np.array([0.0, 1.0]))
    return network


def _feed(table: pd.DataFrame, augment: list[str], cache: str, seed: int = 20) -> Any:
    from pipeline.inputs.batches import training_batches
    from pipeline.inputs.cache import PictureCache

    config = _config(*augment)
    return training_batches(
        table,
        config.inputs,
        config.train.model_copy(update={"batch_size": BATCH, "fake_fraction": None}),
        seed=seed,
        cache=PictureCache(cache, 4.0),
    )


def _loss_of_script(pictures: Path, epochs: int) -> Work:
    """The script's network and generator, on our division of the pictures and with our labels' meaning."""
    import keras

    from benchmarks.classic_script import flow, make_generator, make_model

    train, validation = _halves(pictures)

    def work(seed: int) -> float:
        keras.utils.set_random_seed(seed)
        model = make_model()
        model.fit(
            flow(make_generator(), train.rename(columns={"path": "filename"})), epochs=epochs, verbose=0
        )
        images, targets = _validation_tensors(validation)
        # The generator numbers the classes by the alphabet: 1 is genuine.
        return float(model.evaluate(images, 1 - targets, verbose=0)[0])

    return work


def _loss_of_ours(precision: str, pictures: Path, epochs: int) -> Work:
    train, validation = _halves(pictures)

    def work(seed: int) -> float:
        network = _network(precision, seed)
        feed = _feed(train, CLASSIC, "memory", seed)
        network.fit(feed.dataset, steps_per_epoch=feed.steps, epochs=epochs, shuffle=False, verbose=0)
        images, targets = _validation_tensors(validation)
        return float(network.evaluate({"image": images}, {"logit": targets}, verbose=0)[0])

    return work


def _halves(pictures: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    frame = list_frame(pictures)
    cut = int(len(frame) * TRAIN_SHARE)
    return frame[:cut], frame[cut:]


def _validation_tensors(validation: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    from pipeline.inputs.load import load

    inputs = _config().inputs
    images = np.stack([load(Path(path), inputs).pixels for path in validation["path"]])
    return images * np.float32(inputs.rescale), validation["target"].to_numpy(np.float32)


class _LossWork:
    """Prepares a contender of the second table; a class, because processes are handed what they run."""

    def __init__(self, make: Callable[..., Work], *arguments: Any, epochs: int) -> None:
        self.make, self.arguments, self.epochs = make, arguments, epochs

    def __call__(self, pictures: Path) -> Work:
        return self.make(*self.arguments, pictures, self.epochs)


RATES = [
    Contender(SCRIPT, script),
    Contender(TENSORS, tensors),
    Contender(CACHED, not_augmented),
    Contender(AUGMENTED, augmented),
    Contender("ours, augmented, every picture decoded", decoding),
]


def print_rates(results: dict[str, Result]) -> None:
    """Print the rates against the script, and against the network's own."""
    print_table(results, SCRIPT, {AUGMENTED: 2.5})
    own = results[TENSORS].median
    for name, wanted in ((CACHED, 0.95), (AUGMENTED, 0.80)):
        share = results[name].median / own
        print(f"{name}: {share:.0%} of its rate on tensors in memory (wanted: {wanted:.0%})")


def print_losses(results: dict[str, Result], epochs: int) -> None:
    """Print mean and standard deviation over the seeds."""
    print(f"\nvalidation loss after {epochs} epochs, mean ± standard deviation over the seeds")
    for name, result in results.items():
        values = np.array(result.values)
        each = " ".join(f"{value:.3f}" for value in values)
        print(f"{name:42}{values.mean():.3f} ± {values.std(ddof=1) if len(values) > 1 else 0:.3f}   ({each})")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--count", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6)
    given = parser.parse_args()
    losses = [
        Contender(SCRIPT, _LossWork(_loss_of_script, epochs=given.epochs)),
        Contender("ours, float32", _LossWork(_loss_of_ours, "float32", epochs=given.epochs)),
        Contender("ours, precision=auto", _LossWork(_loss_of_ours, "auto", epochs=given.epochs)),
    ]
    with tempfile.TemporaryDirectory() as temporary:
        pictures = given.pictures or Path(temporary)
        if given.pictures is None:
            make_pictures(pictures, given.count)
        rates = measure(RATES, pictures, given.rounds)
        print_rates(rates)
        print(surroundings(rates))
        if given.seeds:
            print_losses(measure(losses, pictures, given.seeds), given.epochs)


if __name__ == "__main__":
    main()
