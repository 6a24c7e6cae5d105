"""Trained models as files: `detector.keras` and an `.h5` of a network, `detector.skops` of a forest."""

import contextlib
import io
import json
import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import UserError
from pipeline.images.content_features import N_HISTORY
from pipeline.models.forest import Forest
from pipeline.storage import replacing, write_bytes
from pipeline.surroundings import settle_keras

if TYPE_CHECKING:
    import keras
    from sklearn.ensemble import ExtraTreesClassifier

DETECTOR_FILE = "detector.keras"
FOREST_FILE = "detector.skops"  # arrays and names of types, no pickle
H5_FILE = "fake_image_detection_model.h5"
HISTORY_FILE = "history.csv"
SUMMARY_FILE = "model_summary.txt"
RUN_FILE = "run.json"
TRAINED = "trained"  # folder of all these in that of a detector, beside what is decided later

LOGGED = "model"  # the detector, among what a run has logged in MLflow

# All that a forest needs beyond what skops trusts by itself. It is not among that because scikit-learn goes
# wherever its nodes point without looking whether there is anything: `_check_trees` looks.
_TRUSTED = ["sklearn.tree._tree.Tree"]
_LEAF = -1  # in the place of its children


def logged_address(run_id: str) -> str:
    """Return the address from which `mlflow.pyfunc.load_model` loads the detector of a run."""
    return f"runs:/{run_id}/{LOGGED}"


def save_model(model: Any, folder: Path, with_h5: bool) -> None:
    """Write a forest, or a network, `with_h5` in the classic form too."""
    if isinstance(model, Forest):
        save_forest(model, folder)
        return
    save_detector(model, folder)
    if with_h5:
        save_h5(model, folder)


def load_model(folder: Path) -> Any:
    """Read the network or the forest in a folder; raise UserError where it is not there, or not whole."""
    return load_forest(folder) if (folder / FOREST_FILE).is_file() else load_detector(folder)


def save_detector(model: "keras.Model", folder: Path) -> Path:
    """Write `folder/detector.keras`, in float32 whatever precision it was trained in.

    The weights lose nothing (mixed precision keeps them in float32), and the answers are the same on machines
    with and without bfloat16. The same weights give the same bytes.
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
    settle_keras()
    import keras

    import pipeline.models.layers  # noqa: F401  makes our layers known by name

    path = folder / DETECTOR_FILE
    # Of what is no archive Keras says that it is not there; a broken one makes zipfile, JSON, h5py and Keras
    # raise nearly everything.
    with naming(path), _computing_in_float32():
        if not zipfile.is_zipfile(path):
            raise ValueError("it is no ZIP archive, as a .keras file is")
        return keras.saving.load_model(path, compile=False, safe_mode=True)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Raise UserError where a file is missing, or anything goes wrong while it is read inside."""
    if not path.is_file():
        raise UserError(f"{path} is missing; train a detector with make repro, or name another folder")
    try:
        yield
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"{path} cannot be loaded as a detector ({reason}); train it again with make repro"
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
    """Remove the time of saving from a `.keras` file: Keras writes it into its list and its metadata."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in sorted(archive.namelist())}
    metadata = json.loads(parts["metadata.json"])
    del metadata["date_saved"]
    parts["metadata.json"] = json.dumps(metadata).encode()
    _write_zip(path, parts, zipfile.ZIP_STORED)


def _write_zip(file: Any, parts: dict[str, bytes], compression: int) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():  # the time of an entry is that of 1980
            archive.writestr(zipfile.ZipInfo(name), content, compression)


@contextlib.contextmanager
def _computing_in_float32() -> Iterator[None]:
    """Set Keras's policy for what is built inside: a model has its own beside those of its layers."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@contextlib.contextmanager
def _without_legacy_warning() -> Iterator[None]:
    """Silence Keras's warning that the format is old, which is why somebody asked for it."""
    logger = logging.getLogger("absl")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def save_forest(forest: Forest, folder: Path) -> Path:
    """Write `folder/detector.skops`; the same trees give the same bytes."""
    import skops.io

    write_bytes(folder / FOREST_FILE, _reproducible(skops.io.dumps(forest.trees)))
    return folder / FOREST_FILE


def load_forest(folder: Path) -> Forest:
    """Read `folder/detector.skops`; nothing in the file is executed.

    Raises:
        UserError: it is not there, not a whole forest, or holds anything else.
    """
    import skops.io

    path = folder / FOREST_FILE
    with naming(path):  # a broken file makes zipfile, JSON, NumPy and skops raise nearly everything
        trees = skops.io.loads(path.read_bytes(), trusted=_TRUSTED)
        _check_trees(trees)
    return Forest(trees)


def _check_trees(trees: "ExtraTreesClassifier") -> None:
    """Raise ValueError for what is no forest of our features, or has nodes that lead anywhere but down."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.tree import ExtraTreeClassifier

    if type(trees) is not ExtraTreesClassifier:
        raise ValueError(f"it holds a {type(trees).__name__}, expected an ExtraTreesClassifier")
    if trees.n_features_in_ != N_HISTORY or list(trees.classes_) != [0, 1]:
        raise ValueError(
            f"it was trained on {trees.n_features_in_} features and the classes {list(trees.classes_)}, "
            f"expected {N_HISTORY} features and [0, 1]"
        )
    if not all(type(tree) is ExtraTreeClassifier and _is_sound(tree.tree_) for tree in trees.estimators_):
        raise ValueError("a node of its trees leads nowhere")


def _is_sound(tree: Any) -> bool:
    count = tree.node_count
    if not 1 <= count <= tree.capacity:
        return False
    inner = np.flatnonzero(tree.children_left != _LEAF)
    children = np.stack([tree.children_left[inner], tree.children_right[inner]])
    features = tree.feature[inner]
    down = (children > inner) & (children < count)  # scikit-learn numbers a node before those below it
    return bool(down.all() and (features >= 0).all() and (features < N_HISTORY).all())


def _reproducible(content: bytes) -> bytes:
    """Remove from a skops file what differs from one saving to the next: addresses, stray memory, times.

    skops numbers objects by their addresses, so that what is shared is shared again, and names the files of
    arrays so. In a forest nothing has to be shared, and files can be counted.
    """
    names: dict[str, str] = {}

    def plain(node: dict[str, Any]) -> dict[str, Any]:
        if "__loader__" in node:
            node.pop("__id__", None)
            if "file" in node:
                node["file"] = names.setdefault(node["file"], f"{len(names)}.npy")
        return node

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        schema = json.loads(archive.read("schema.json"), object_hook=plain)
        parts = {new: _initialised(archive.read(old)) for old, new in names.items()}
    parts["schema.json"] = json.dumps(schema).encode()
    packed = io.BytesIO()
    _write_zip(packed, parts, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _initialised(part: bytes) -> bytes:
    """Zero what scikit-learn never writes in the nodes of a tree: gaps between fields, a flag of leaves."""
    array = np.load(io.BytesIO(part))
    if not array.dtype.names:
        return part
    clean = np.zeros(array.shape, array.dtype)
    for name in array.dtype.names:
        clean[name] = array[name]
    clean["missing_go_to_left"][clean["left_child"] == _LEAF] = 0
    file = io.BytesIO()
    np.save(file, clean)
    return file.getvalue()
