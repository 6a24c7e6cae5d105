import io
import subprocess
import zipfile

import numpy as np
import pytest
import skops.io
from PIL import Image
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier

from pipeline.checking import TARGET
from pipeline.errors import UserError
from pipeline.images.content_features import N_HISTORY, history_features
from pipeline.models.detector_files import FOREST_FILE, load_forest, save_forest
from pipeline.models.forest import Forest, build
from tests.images.pictures import draw_photo, encoded
from tests.models import check
from tests.models.test_build import FOREST

SMALL = {name: value for name, value in FOREST.items() if name != TARGET}


def _saved(pixels, quality):
    return np.array(Image.open(io.BytesIO(encoded(pixels, "JPEG", quality=quality, subsampling=0))))


def _pictures(first, count):
    """As many genuine ones (saved once) as fakes (saved before at another quality), and their targets."""
    photos = [draw_photo(64, 96, seed) for seed in range(first, first + 2 * count)]
    genuine = [_saved(each, 90) for each in photos[::2]]
    fake = [_saved(_saved(each, 60), 90) for each in photos[1::2]]
    return genuine + fake, np.repeat([0, 1], count)


@pytest.fixture(scope="module")
def learnt():
    """(features, targets) of 60 pictures to learn from."""
    pictures, targets = _pictures(0, 30)
    return np.stack([history_features(each) for each in pictures]), targets


@pytest.fixture(scope="module")
def forest(learnt):
    return build(**SMALL).fit(*learnt, seed=1)


def test_it_learns_to_tell_pictures_that_were_saved_before(forest):
    pictures, targets = _pictures(100, 15)
    logits = forest.logits(np.stack([history_features(each) for each in pictures]))
    assert ((logits >= 0) == targets).mean() >= 0.9


def test_it_answers_for_pictures_of_any_size_with_a_logit(forest):
    pictures = [draw_photo(64, 96), draw_photo(30, 7)]
    logits = forest.logits(np.stack([history_features(each) for each in pictures]))
    assert (logits.shape, logits.dtype) == ((2,), np.float64)
    assert forest.logits(np.empty((0, N_HISTORY))).shape == (0,)


def test_logits_are_finite_and_rank_as_the_trees_do_whatever_the_company(forest, learnt):
    features, targets = learnt
    share, logits = forest.trees.predict_proba(features)[:, 1], forest.logits(features)
    assert share.min() == 0
    assert share.max() == 1
    assert np.isfinite(logits).all()
    assert np.array_equal(np.argsort(share, kind="stable"), np.argsort(logits, kind="stable"))
    assert np.array_equal(logits >= 0, targets == 1)
    assert np.isclose(np.abs(logits).max(), np.log(2 * 20 + 1))
    alone = np.concatenate([forest.logits(features[i : i + 1]) for i in range(len(features))])
    assert np.array_equal(alone, logits)


def test_the_same_seed_gives_the_same_answers_on_any_number_of_cores(learnt):
    features, _ = learnt
    noisy = features[::-1] / 2 + features / 2
    one, two, other = (
        build(**SMALL).fit(*learnt, seed=seed, workers=workers).logits(noisy)
        for seed, workers in ((1, 1), (1, 2), (2, 1))
    )
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_classes_of_different_sizes_weigh_the_same(learnt):
    features, targets = learnt
    constant = np.zeros_like(features)  # nothing to learn, so each tree is one leaf
    rows = np.r_[0:30, 30:35]
    assert np.allclose(build(**SMALL).fit(constant[rows], targets[rows], seed=1).logits(constant), 0)


@pytest.mark.parametrize(("target", "missing"), [(0, "fake"), (1, "genuine")])
def test_a_missing_class_is_named(learnt, target, missing):
    features, _ = learnt
    with pytest.raises(UserError, match=f"no {missing} picture"):
        build(**SMALL).fit(features, np.full(len(features), target), seed=1)


def test_a_saved_forest_answers_as_before_and_has_the_same_bytes(forest, learnt, tmp_path, monkeypatch):
    path = save_forest(forest, tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == [FOREST_FILE] == [path.name]
    assert np.array_equal(load_forest(tmp_path).logits(learnt[0]), forest.logits(learnt[0]))
    first = path.read_bytes()
    again = build(**SMALL).fit(*learnt, seed=1, workers=2)
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    assert save_forest(again, tmp_path).read_bytes() == first
    assert save_forest(load_forest(tmp_path), tmp_path).read_bytes() == first


def test_memory_that_trees_leave_unwritten_does_not_get_into_the_file(forest, learnt, tmp_path):
    first = save_forest(forest, tmp_path).read_bytes()
    again = build(**SMALL).fit(*learnt, seed=1)
    for each in again.trees.estimators_:
        state = each.tree_.__getstate__()
        nodes = state["nodes"]
        leaves = nodes["left_child"] == -1
        nodes["missing_go_to_left"][leaves] = 7
        nodes.view(np.uint8).reshape(len(nodes), -1)[:, 57:] = 7  # the gap after the last field
        each.tree_.__setstate__(state)
    assert save_forest(again, tmp_path).read_bytes() == first


def test_a_saved_forest_holds_no_pickle_and_trees_alone_are_trusted(forest, tmp_path):
    path = save_forest(forest, tmp_path)
    assert skops.io.get_untrusted_types(file=path) == ["sklearn.tree._tree.Tree"]
    with zipfile.ZipFile(path) as archive:
        arrays = set(archive.namelist()) - {"schema.json"}
        assert all(isinstance(np.load(io.BytesIO(archive.read(each))), np.ndarray) for each in arrays)


def test_a_missing_or_broken_forest_is_named_with_what_to_do(forest, tmp_path):
    with pytest.raises(UserError, match=rf"{FOREST_FILE} is missing; train a detector"):
        load_forest(tmp_path)
    path = save_forest(forest, tmp_path)
    whole = path.read_bytes()
    middle = len(whole) // 2
    for broken in (b"", b"half a file", whole[:middle], whole[:middle] + b"\0" * 99 + whole[middle + 99 :]):
        path.write_bytes(broken)
        with pytest.raises(UserError, match=rf"{FOREST_FILE} cannot be loaded .* train it again"):
            load_forest(tmp_path)


def _dump(tmp_path, content):
    skops.io.dump(content, tmp_path / FOREST_FILE)


def test_a_file_with_a_type_that_is_not_trusted_is_refused_before_it_is_made(tmp_path):
    _dump(tmp_path, subprocess.Popen)
    with pytest.raises(UserError, match=r"subprocess\.Popen"):
        load_forest(tmp_path)


def test_what_is_no_forest_for_our_features_is_refused(tmp_path):
    two = np.eye(2)
    _dump(tmp_path, DummyClassifier().fit(two, [0, 1]))
    with pytest.raises(UserError, match="holds a DummyClassifier"):
        load_forest(tmp_path)
    _dump(tmp_path, ExtraTreesClassifier(2).fit(two, [0, 1]))
    with pytest.raises(UserError, match=rf"trained on 2 features .* expected {N_HISTORY}"):
        load_forest(tmp_path)
    _dump(tmp_path, ExtraTreesClassifier(2).fit(np.eye(2, N_HISTORY), [7, 8]))
    with pytest.raises(UserError, match=r"classes \[.*7.*8.*\], expected"):
        load_forest(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("left_child", 9999), ("right_child", 0), ("feature", N_HISTORY), ("feature", -7), ("node_count", None)],
)
def test_a_tree_that_would_lead_outside_its_memory_is_refused(learnt, tmp_path, field, value):
    forest = build(**SMALL).fit(*learnt, seed=1)
    tree = forest.trees.estimators_[3].tree_
    state = tree.__getstate__()
    if field == "node_count":
        state["node_count"] += 1
    else:
        state["nodes"][field][0] = value
    tree.__setstate__(state)
    save_forest(forest, tmp_path)
    with pytest.raises(UserError, match="leads nowhere"):
        load_forest(tmp_path)


def test_the_configuration_describes_it(compose_config):
    config = compose_config("model=forest", "model.trees=7", "model.features_per_split=1")
    check(config.model)
    grown = build(**{name: value for name, value in config.model.items() if name != TARGET})
    assert isinstance(grown, Forest)
    assert "7 extremely randomised trees" in grown.describe()
    assert grown.trees.max_features == 1.0  # a share, where 1 would be a number of features
    assert isinstance(grown.trees.max_features, float)


@pytest.mark.parametrize(
    ("key", "value"),
    [("trees", 0), ("trees", 1.5), ("features_per_split", 1.1), ("smallest_leaf", 0.6), ("leaves", 3)],
)
def test_wrong_arguments_are_refused_by_name(key, value):
    with pytest.raises(UserError, match=rf"model\.{key}"):
        check({**FOREST, key: value})
