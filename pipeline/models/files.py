"""Trained networks as files: `detector.keras` for us, an `.h5` for those who expect the classic one."""

import contextlib
import json
import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UserError
from pipeline.storage.atomic import replacing

if TYPE_CHECKING:
    import keras

DETECTOR_FILE = "detector.keras"
H5_FILE = "fake_image_detection_model.h5"


def save_detector(model: "keras.Model", folder: Path) -> Path:
    """Write `folder/detector.keras`, in float32 whatever precision it was trained in.

    The weights lose nothing (mixed precision keeps them in float32), and the detector gives the same
    answers on machines with and without bfloat16. The same weights give the same bytes.
    """
    path = folder / DETECTOR_FILE
    with replacing(path) as partial:
        in_float32(model).save(partial)
        _without_time(partial)
    return path


def load_detector(folder: Path) -> "keras.Model":
    """Read `folder/detector.keras`; nothing in the file is executed (Keras's safe mode).

    Raises:
        UserError: it is not there, or not a whole detector.
    """
    import keras

    import pipeline.models.layers  # noqa: F401  makes our layers known by name

    path = folder / DETECTOR_FILE
    if not path.is_file():
        raise UserError(f"{path} is missing; train a detector with make repro, or name another folder")
    try:
        with _computing_in_float32():
            return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{path} cannot be loaded as a detector ({str(error).splitlines()[0]}); "
            "train it again with make repro"
        ) from error


def save_h5(model: "keras.Model", folder: Path) -> Path:
    """Write `folder/fake_image_detection_model.h5`: images in, probability of fake (batch, 1) out, float32.

    A network that needs more than the images takes a dictionary, as it did before.
    `keras.models.load_model(path, compile=False)` reads it with nothing of this project installed, as
    long as the model has no layers of our own; with them, after `import pipeline.models.layers`.
    """
    import keras

    with _computing_in_float32():
        plain = in_float32(model)
        column = keras.layers.Reshape((1,), name="column")(plain.output["logit"])
        probability = keras.layers.Activation("sigmoid", name="probability_fake")(column)
        inputs = plain.inputs[0] if len(plain.inputs) == 1 else plain.input
        classic = keras.Model(inputs, probability, name=model.name)
    path = folder / H5_FILE
    with replacing(path) as partial, _without_legacy_warning():
        classic.save(partial)
    return path


def in_float32(model: "keras.Model") -> "keras.Model":
    """Copy a model, weights included, with every layer computing in float32."""
    import keras

    def clone(layer: Any) -> Any:
        if isinstance(layer, keras.Model):  # one inside another
            return keras.models.clone_model(layer, clone_function=clone)
        return layer.__class__.from_config({**layer.get_config(), "dtype": "float32"})

    with _computing_in_float32():
        copy = clone(model)
    copy.set_weights(model.get_weights())
    # Keras copies the optimizer too, which would make the file three times as large.
    copy.optimizer, copy.compiled = None, False
    return copy


def _without_time(path: Path) -> None:
    """Take the time of saving out of a `.keras` file, which Keras writes into its list and its metadata."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in sorted(archive.namelist())}
    metadata = json.loads(parts["metadata.json"])
    del metadata["date_saved"]
    parts["metadata.json"] = json.dumps(metadata).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # whose time is that of 1980


@contextlib.contextmanager
def _computing_in_float32() -> Iterator[None]:
    """Set Keras's policy for what is built inside: a model has one of its own beside those of its layers."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextlib.contextmanager
def _without_legacy_warning() -> Iterator[None]:
    """Keras warns at every `.h5` that the format is old, which is why somebody asked for it."""
    logger = logging.getLogger("absl")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
