"""A trained forest as a file, `detector.skops`: arrays and names of types, no pickle."""

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import UserError
from pipeline.images.histograms import N_FEATURES
from pipeline.models.forest import Forest
from pipeline.storage.atomic import write_bytes

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesClassifier

FOREST_FILE = "detector.skops"

# All that a forest needs beyond what skops trusts by itself. It is not among that because scikit-learn goes
# wherever its nodes point without looking whether there is anything: `_check_trees` looks.
_TRUSTED = ["sklearn.tree._tree.Tree"]
_SCHEMA = "schema.json"
_LEAF = -1  # in the place of its children


def save_forest(forest: Forest, folder: Path) -> Path:
    """Write `folder/detector.skops`; the same trees give the same bytes."""
    import skops.io

    path = folder / FOREST_FILE
    write_bytes(path, _the_same_each_time(skops.io.dumps(forest.trees)))
    return path


def load_forest(folder: Path) -> Forest:
    """Read `folder/detector.skops`; nothing in the file is executed.

    Raises:
        UserError: it is not there, not a whole forest, or holds anything else.
    """
    import skops.io

    path = folder / FOREST_FILE
    if not path.is_file():
        raise UserError(f"{path} is missing; train a detector with make repro, or name another folder")
    try:
        trees = skops.io.loads(path.read_bytes(), trusted=_TRUSTED)
        _check_trees(trees)
    except Exception as error:  # a broken file makes zipfile, JSON, NumPy and skops raise nearly everything
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"{path} cannot be loaded as a detector ({reason}); train it again with make repro"
        ) from error
    return Forest(trees)


def _check_trees(trees: "ExtraTreesClassifier") -> None:
    """Refuse what is no forest for our features, and trees whose nodes lead anywhere but further down.

    Raises:
        ValueError: it is so.
    """
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.tree import ExtraTreeClassifier

    if type(trees) is not ExtraTreesClassifier:
        raise ValueError(f"it holds a {type(trees).__name__}, expected an ExtraTreesClassifier")
    if trees.n_features_in_ != N_FEATURES or list(trees.classes_) != [0, 1]:
        raise ValueError(
            f"it was trained on {trees.n_features_in_} features and the classes {list(trees.classes_)}, "
            f"expected {N_FEATURES} features and [0, 1]"
        )
    if not all(type(each) is ExtraTreeClassifier and _is_sound(each.tree_) for each in trees.estimators_):
        raise ValueError("a node of its trees leads nowhere")


def _is_sound(tree: Any) -> bool:
    count = tree.node_count
    if not 1 <= count <= tree.capacity:
        return False
    inner = np.flatnonzero(tree.children_left != _LEAF)
    children = np.stack([tree.children_left[inner], tree.children_right[inner]])
    features = tree.feature[inner]
    down = (children > inner) & (children < count)  # scikit-learn numbers a node before those below it
    return bool(down.all() and (features >= 0).all() and (features < N_FEATURES).all())


def _the_same_each_time(content: bytes) -> bytes:
    """Take out of a skops file what differs from one saving to the next: addresses, stray memory, times.

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
        schema = json.loads(archive.read(_SCHEMA), object_hook=plain)
        parts = {new: _initialised(archive.read(old)) for old, new in names.items()}
    parts[_SCHEMA] = json.dumps(schema).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, part in parts.items():
            each = zipfile.ZipInfo(name)  # whose time is that of 1980
            archive.writestr(each, part, compress_type=zipfile.ZIP_DEFLATED)
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
