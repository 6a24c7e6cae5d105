import subprocess
import sys
import time
import zipfile

import keras
import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.models.build import build
from pipeline.models.detector_files import (
    DETECTOR_FILE,
    H5_FILE,
    in_float32,
    load_detector,
    save_detector,
    save_h5,
)
from tests.conftest import ROOT
from tests.models.test_build import CNN, DCT

# NumPy 2 on how Keras 3.15 reads its own weights.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

IMAGES = np.random.default_rng(0).random((3, 16, 24, 3), dtype=np.float32)


def _logits(network):
    return network({"image": IMAGES})["logit"].numpy()


@pytest.mark.usefixtures("mixed_policy")
def test_a_detector_trained_in_mixed_precision_answers_in_float32_everywhere(tmp_path):
    network = build(CNN, 16, 24)
    save_detector(network, tmp_path)
    in_training = load_detector(tmp_path)
    keras.config.set_dtype_policy("float32")
    later = load_detector(tmp_path)
    assert {layer.compute_dtype for layer in later.layers} == {"float32"}
    assert np.array_equal(_logits(in_training), _logits(later))
    assert np.allclose(_logits(network), _logits(later), atol=0.02)


@pytest.mark.usefixtures("mixed_policy")
def test_the_h5_gives_the_probability_of_fake_without_our_code(tmp_path):
    network = build(CNN, 16, 24)
    save_h5(network, tmp_path)
    save_detector(network, tmp_path)
    np.save(tmp_path / "images.npy", IMAGES)
    code = (
        "import keras, numpy, sys; "
        f"model = keras.models.load_model('{H5_FILE}', compile=False); "
        "numpy.save('answer.npy', model(numpy.load('images.npy')).numpy()); "
        "sys.exit('pipeline' in sys.modules)"
    )
    subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, check=True)
    expected = 1 / (1 + np.exp(-_logits(load_detector(tmp_path))))
    answer = np.load(tmp_path / "answer.npy")
    assert answer.shape == (3, 1)
    assert np.allclose(answer[:, 0], expected, atol=1e-6)


def test_a_detector_that_is_missing_or_broken_or_holds_code_is_named_with_what_to_do(tmp_path):
    with pytest.raises(UserError, match=rf"{DETECTOR_FILE} is missing; train a detector"):
        load_detector(tmp_path)
    (tmp_path / DETECTOR_FILE).write_bytes(b"half a file")
    with pytest.raises(
        UserError, match=rf"{DETECTOR_FILE} cannot be loaded .* no ZIP archive.* train it again"
    ):
        load_detector(tmp_path)
    for content in ("3", "[]", "{}", '{"module": 3}'):
        with zipfile.ZipFile(tmp_path / DETECTOR_FILE, "w") as archive:
            for name in ("config.json", "metadata.json"):
                archive.writestr(name, content)
        with pytest.raises(UserError, match=rf"{DETECTOR_FILE} cannot be loaded .* train it again"):
            load_detector(tmp_path)
    inputs = keras.Input((2,))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x * 2)(inputs)).save(tmp_path / DETECTOR_FILE)
    with pytest.raises(UserError, match="cannot be loaded"):
        load_detector(tmp_path)


def test_a_trained_detector_is_saved_without_the_optimizer(tmp_path):
    network = build(CNN, 16, 24)
    network.compile(optimizer="adam", loss={"logit": "binary_crossentropy"})
    network.optimizer.build(network.trainable_variables)
    with zipfile.ZipFile(save_detector(network, tmp_path)) as saved:
        assert b"optimizer" not in saved.read("model.weights.h5")
    assert len(network.optimizer.variables) > 1  # the one in training keeps its own


def test_it_answers_as_before_and_the_same_weights_give_the_same_bytes_at_any_time(tmp_path, monkeypatch):
    network = build(CNN, 16, 24)
    first = save_detector(network, tmp_path).read_bytes()
    assert np.array_equal(_logits(load_detector(tmp_path)), _logits(network))
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    monkeypatch.setattr("time.localtime", lambda *_: time.gmtime(2_000_000_000))
    assert save_detector(network, tmp_path).read_bytes() == first
    assert b"date_saved" not in first


def test_a_detector_with_layers_of_our_own_loads_where_nothing_else_was_imported(tmp_path):
    save_detector(build(DCT, 16, 24), tmp_path)
    code = (
        "from pathlib import Path; from pipeline.models.detector_files import load_detector; "
        f"load_detector(Path({str(tmp_path)!r}))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.usefixtures("mixed_policy")
def test_the_h5_of_a_network_with_several_inputs_takes_them_by_name(tmp_path):
    network = build(DCT, 16, 24)
    save_h5(network, tmp_path)
    save_detector(network, tmp_path)
    loaded = keras.models.load_model(tmp_path / H5_FILE, compile=False)
    inputs = {"image": IMAGES.round(1) * 255, "quantisation": np.full((3, 8, 8), 4, np.float32)}
    expected = 1 / (1 + np.exp(-load_detector(tmp_path)(inputs)["logit"].numpy()))
    assert np.allclose(loaded(inputs).numpy()[:, 0], expected, atol=1e-6)


@pytest.mark.usefixtures("mixed_policy")
def test_the_copy_in_float32_has_the_same_weights_also_of_a_network_inside_another():
    inputs = keras.Input((4,), name="image")
    x = keras.layers.BatchNormalization()(keras.layers.Dense(3)(inputs))
    inner = keras.Model(inputs, x, name="inner")
    network = keras.Model({"image": inputs}, {"logit": keras.layers.Dense(1)(inner(inputs))})
    copy = in_float32(network)
    assert {layer.compute_dtype for layer in [*copy.layers, *copy.get_layer("inner").layers]} == {"float32"}
    pairs = zip(network.get_weights(), copy.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)
    assert copy.get_layer("inner") is not inner
