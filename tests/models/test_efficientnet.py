"""Where the weights of `efficientnet` come from; what else it must do is in test_every_model.py."""

import keras
import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.models.build import build

# NumPy 2 on how Keras 3.15 reads its own weights.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SPEC = {"_target_": "pipeline.models.efficientnet.build", "weights": None, "dropout": 0.2}
LAYER = "stem_conv"


def _stem(_, input_tensor=None, input_shape=None):
    """The first layers, which are built in no time."""
    start = keras.Input(input_shape) if input_tensor is None else input_tensor
    x = keras.layers.Conv2D(4, 3, strides=2, name=LAYER)(start)
    return keras.Model(
        keras.utils.get_source_inputs(start), keras.layers.BatchNormalization(name="stem_bn")(x)
    )


@pytest.fixture
def only_the_stem(monkeypatch):
    monkeypatch.setattr("pipeline.models.efficientnet._backbone", _stem)


def _check_weights_are_read(backbone, path):
    backbone.save_weights(path) if path.endswith(".weights.h5") else backbone.save(path)
    network = build({**SPEC, "weights": path}, 64, 64)
    expected = backbone.get_weights()
    found = network.get_weights()[: len(expected)]
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.usefixtures("only_the_stem")
@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras"])
def test_weights_are_read_from_a_file(ending, tmp_path):
    _check_weights_are_read(_stem(None, input_shape=(32, 32, 3)), str(tmp_path / f"pretrained{ending}"))


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras"])
def test_weights_of_the_whole_network_are_read_from_a_file(ending, tmp_path):
    backbone = keras.applications.EfficientNetV2B0(include_top=False, weights=None)
    _check_weights_are_read(backbone, str(tmp_path / f"pretrained{ending}"))


@pytest.mark.usefixtures("only_the_stem")
def test_weights_are_read_from_another_detector_of_this_kind(tmp_path):
    path = str(tmp_path / "detector.keras")
    first = build(SPEC, 32, 32)
    first.save(path)
    second = build({**SPEC, "weights": path}, 64, 64)
    kernels = [each.get_layer(LAYER).kernel.numpy() for each in (first, second)]
    assert np.array_equal(*kernels)


def test_a_refused_download_says_what_to_do(monkeypatch):
    def refuse(*_, **__):
        raise Exception("URL fetch failure on https://…: 503")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", refuse)
    with pytest.raises(UserError, match=r"model\.weights=imagenet: .*503.* name its path in model\.weights"):
        build({**SPEC, "weights": "imagenet"}, 64, 64)


@pytest.mark.parametrize("name", ["nowhere.weights.h5", "weights.txt"])
def test_a_path_without_weights_is_refused(name, tmp_path):
    (tmp_path / "weights.txt").write_text("no weights")
    path = str(tmp_path / name)
    with pytest.raises(UserError, match=r"expected null, imagenet, or a file that ends with"):
        build({**SPEC, "weights": path}, 64, 64)


@pytest.mark.usefixtures("only_the_stem")
@pytest.mark.parametrize("name", ["broken.weights.h5", "broken.h5", "broken.keras"])
def test_a_file_that_cannot_be_read_is_named(name, tmp_path):
    (tmp_path / name).write_bytes(b"half a file")
    with pytest.raises(UserError, match=rf"{name}: not the weights of an EfficientNetV2-B0"):
        build({**SPEC, "weights": str(tmp_path / name)}, 64, 64)


@pytest.mark.usefixtures("only_the_stem")
@pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
def test_weights_of_another_network_are_refused(ending, tmp_path):
    inputs = keras.Input((8, 8, 3))
    other = keras.Model(inputs, keras.layers.Conv2D(2, 5, name=LAYER)(inputs))
    path = str(tmp_path / f"other{ending}")
    other.save_weights(path) if ending == ".weights.h5" else other.save(path)
    with pytest.raises(UserError, match="not the weights of an EfficientNetV2-B0"):
        build({**SPEC, "weights": path}, 64, 64)
