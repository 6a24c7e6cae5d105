import subprocess
import sys

import keras
import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.models.build import build, describe_in_a_line
from tests.models import check

# NumPy 2 on how Keras 3.15 reads its own weights.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CNN = {"_target_": "pipeline.models.cnn.build", "filters": [2, 3], "dense": 4, "dropout": 0.5}
DCT = {
    "_target_": "pipeline.models.dct.build",
    "frequencies": 4,
    "largest": 2,
    "absolute_frequencies": 0,
    "absolute_largest": 2,
    "filters": 4,
    "depth": 1,
    "context": False,
    "share": 0.02,
}
FOREST = {
    "_target_": "pipeline.models.forest.build",
    "trees": 20,
    "features_per_split": 0.2,
    "smallest_leaf": 0,
}


def test_the_composed_models_are_accepted(compose_config):
    check(compose_config().model)


def test_mistakes_are_listed_under_the_keys_of_the_command_line():
    with pytest.raises(UserError) as raised:
        check({**CNN, "dropout": 1.5, "dens": 3})
    assert "model.dropout: found 1.5" in str(raised.value)
    assert "did you mean model.dense?" in str(raised.value)


@pytest.mark.parametrize(
    "target",
    [
        "pipeline.models.cnnn.build",
        "pipeline.models.cnn.make",
        "cnn",
        "",
        None,
        "os.system",
        "pipeline.gate.main",
    ],
)
def test_an_unknown_model_is_refused_and_the_choices_are_named(target):
    with pytest.raises(UserError, match=r"model._target_: found .* expected .* conf/model/"):
        check({**CNN, "_target_": target})


def test_what_is_no_function_is_refused():
    with pytest.raises(UserError, match="is no function"):
        check({**CNN, "_target_": "pipeline.models.build.TARGET"})


def test_images_too_small_for_the_network_are_refused_with_what_to_change():
    with pytest.raises(UserError, match=r"images of 8×8 .* inputs.height"):
        build({**CNN, "filters": [2, 2, 2, 2]}, 8, 8)


def test_only_networks_of_one_size_are_given_the_size():
    assert build(CNN, 16, 24).input["image"].shape == (None, 16, 24, 3)
    assert build(DCT, 16, 24).input["image"].shape == (None, None, None, 3)


@pytest.mark.parametrize("spec", [CNN, DCT, FOREST])
def test_checking_imports_neither_keras_nor_scikit_learn(spec):
    code = (
        "import sys; from tests.models import check; "
        f"check({spec!r}); sys.exit(bool({{'keras', 'tensorflow', 'sklearn', 'skops'}} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("model", "other", "wanted"), [("cnn", "native", "resized"), ("srm", "resized", "native")]
)
def test_pictures_in_a_form_that_the_model_was_not_made_for_are_refused(compose_config, model, other, wanted):
    assert compose_config(f"model={model}").inputs.method == wanted
    with pytest.raises(UserError, match=f"inputs.method: found {other}, .* choose inputs={wanted}"):
        compose_config(f"model={model}", f"inputs={other}")


@pytest.mark.parametrize("method", ["native", "resized"])
def test_a_forest_measures_whole_pictures_whatever_is_asked_for(compose_config, method):
    compose_config("model=forest", f"inputs={method}")


def test_it_is_the_classic_network(compose_config):
    config = compose_config("model=cnn")
    network = build(config.model, 128, 128)
    kinds = [type(layer).__name__ for layer in network.layers[1:]]
    assert kinds == [*["Conv2D", "MaxPooling2D"] * 3, "Flatten", "Dense", "Dropout", "Dense", "Reshape"]
    assert [layer.filters for layer in network.layers if hasattr(layer, "filters")] == [32, 64, 128]
    assert network.count_params() == 3_304_769


@pytest.mark.usefixtures("mixed_policy")
def test_it_answers_with_one_logit_a_picture_in_float32_also_in_mixed_precision():
    network = build(CNN, 16, 24)
    assert network.layers[1].compute_dtype == "bfloat16"
    answer = network({"image": np.zeros((5, 16, 24, 3), np.float32)})
    assert set(answer) == {"logit"}
    assert tuple(answer["logit"].shape) == (5,)
    assert answer["logit"].dtype == "float32"


# Where the weights of `efficientnet` come from; what else it must do is in test_every_model.py.
EFFICIENTNET = {"_target_": "pipeline.models.efficientnet.build", "weights": None, "dropout": 0.2}
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


def assert_weights_are_read(backbone, path):
    backbone.save_weights(path) if path.endswith(".weights.h5") else backbone.save(path)
    expected = backbone.get_weights()
    weights = build({**EFFICIENTNET, "weights": path}, 64, 64).get_weights()[: len(expected)]
    assert all(np.array_equal(one, other) for one, other in zip(weights, expected, strict=True))


@pytest.mark.usefixtures("only_the_stem")
@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras"])
def test_weights_are_read_from_a_file(ending, tmp_path):
    assert_weights_are_read(_stem(None, input_shape=(32, 32, 3)), str(tmp_path / f"pretrained{ending}"))


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".weights.h5", ".h5", ".keras"])
def test_weights_of_the_whole_network_are_read_from_a_file(ending, tmp_path):
    backbone = keras.applications.EfficientNetV2B0(include_top=False, weights=None)
    assert_weights_are_read(backbone, str(tmp_path / f"pretrained{ending}"))


@pytest.mark.usefixtures("only_the_stem")
def test_weights_are_read_from_another_detector_of_this_kind(tmp_path):
    path = str(tmp_path / "detector.keras")
    first = build(EFFICIENTNET, 32, 32)
    first.save(path)
    second = build({**EFFICIENTNET, "weights": path}, 64, 64)
    kernels = [each.get_layer(LAYER).kernel.numpy() for each in (first, second)]
    assert np.array_equal(*kernels)


def test_a_refused_download_says_what_to_do(monkeypatch):
    def refuse(*_, **__):
        raise Exception("URL fetch failure on https://…: 503")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", refuse)
    with pytest.raises(UserError, match=r"model\.weights=imagenet: .*503.* name its path in model\.weights"):
        build({**EFFICIENTNET, "weights": "imagenet"}, 64, 64)


@pytest.mark.parametrize(
    ("name", "found"),
    [("nowhere.weights.h5", "no such file; in .* there is weights.txt"), ("weights.txt", "another kind")],
)
def test_a_path_without_weights_is_refused(name, found, tmp_path):
    (tmp_path / "weights.txt").write_text("no weights")
    path = str(tmp_path / name)
    with pytest.raises(UserError, match=rf"{found}.*expected null, imagenet, or a file that ends with"):
        build({**EFFICIENTNET, "weights": path}, 64, 64)


@pytest.mark.usefixtures("only_the_stem")
@pytest.mark.parametrize("name", ["broken.weights.h5", "broken.h5", "broken.keras"])
def test_a_file_that_cannot_be_read_is_named(name, tmp_path):
    (tmp_path / name).write_bytes(b"half a file")
    with pytest.raises(UserError, match=rf"{name}: not the weights of an EfficientNetV2-B0"):
        build({**EFFICIENTNET, "weights": str(tmp_path / name)}, 64, 64)


@pytest.mark.usefixtures("only_the_stem")
@pytest.mark.parametrize("ending", [".weights.h5", ".keras"])
def test_weights_of_another_network_are_refused(ending, tmp_path):
    inputs = keras.Input((8, 8, 3))
    other = keras.Model(inputs, keras.layers.Conv2D(2, 5, name=LAYER)(inputs))
    path = str(tmp_path / f"other{ending}")
    other.save_weights(path) if ending == ".weights.h5" else other.save(path)
    with pytest.raises(UserError, match="not the weights of an EfficientNetV2-B0"):
        build({**EFFICIENTNET, "weights": path}, 64, 64)


def test_a_model_is_told_in_a_line(compose_config):
    def line(choice):
        config = compose_config(*choice)
        return describe_in_a_line(build(config.model, config.inputs.height, config.inputs.width))

    assert (
        line(["model.filters=8", "model.weights=null"])
        == "9,635 parameters, takes image (any × any × 3), quantisation (8 × 8)"
    )
    assert line(["model=forest"]) == "200 extremely randomised trees on 667 features of a whole picture"
