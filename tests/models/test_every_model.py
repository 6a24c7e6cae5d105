"""What holds for each network of `conf/model/`: a new file there is tested here without another line."""

import functools
import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml

from pipeline.checking import TARGET, build_function
from pipeline.errors import UserError
from pipeline.models.build import build
from pipeline.models.detector_files import load_detector, save_detector
from pipeline.models.export import write_portable
from pipeline.models.portable import load_portable
from tests.conftest import ROOT
from tests.models import check

# NumPy 2 on how Keras 3.15 reads its own weights.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

# A network answers as fast as it can for these; what is not named here is as in its file.
SMALL = {
    "cnn": {"filters": [4, 4], "dense": 8},
    "srm": {"filters": 8},
    "dct": {
        **{"frequencies": 6, "largest": 3, "absolute_frequencies": 4, "absolute_largest": 3, "filters": 8},
        "weights": None,
    },
    "fusion": {"frequencies": 6, "largest": 3, "filters": 8, "residual_filters": 4, "colour_filters": 4},
    "npr": {"filters": 4, "depth": 1},
    "ela": {"filters": 8, "depth": 1},
}
LARGE = {"efficientnet"}  # has no arguments that make it small
HEIGHT, WIDTH, BATCH = 48, 64, 4


def _spec(name):
    spec = yaml.safe_load((ROOT / "conf" / "model" / f"{name}.yaml").read_text(encoding="utf-8"))
    return {key: value for key, value in spec.items() if key != "defaults"}


def _is_network(name):
    return "keras.Model" in str(inspect.signature(build_function(_spec(name))).return_annotation)


FILES = sorted(path.stem for path in (ROOT / "conf" / "model").glob("*.yaml"))
NAMES = [name for name in FILES if _is_network(name)]
RESIZED = [name for name in NAMES if "height" in inspect.signature(build_function(_spec(name))).parameters]
NATIVE = sorted(set(NAMES) - set(RESIZED))
LARGE_ARE_SLOW = [pytest.param(name, marks=[pytest.mark.slow] * (name in LARGE)) for name in NAMES]


def _build(name, seed=0):
    keras.utils.set_random_seed(seed)
    return build({**_spec(name), **SMALL.get(name, {})}, HEIGHT, WIDTH)


@pytest.fixture(scope="module")
def networks():
    """Each network once, in float32 whichever test asks first, for tests that do not change it."""

    def in_float32(name):
        asked = keras.config.dtype_policy()
        keras.config.set_dtype_policy("float32")
        network = _build(name)
        keras.config.set_dtype_policy(asked)
        return network

    return functools.cache(in_float32)


@pytest.fixture(scope="module")
def portable_file(networks, tmp_path_factory):
    """The portable form of each of them, written once."""
    return functools.cache(lambda name: write_portable(networks(name), tmp_path_factory.mktemp(name)))


def _inputs(network, height=HEIGHT, width=WIDTH, batch=BATCH):
    """Noise that is never even; the last picture is no JPEG."""
    generator = np.random.default_rng(0)
    resized = network.input["image"].shape[1] is not None
    pictures = generator.integers(0, 256, (batch, height, width, 3)).astype(np.float32)
    tables = generator.integers(1, 30, (batch, 8, 8)).astype(np.float32)
    tables[-1] = 0
    given = {"image": pictures / np.float32(255) if resized else pictures, "quantisation": tables}
    return {key: given[key] for key in network.input}


def _targets(network, height=HEIGHT, width=WIDTH, batch=BATCH):
    targets = {"logit": np.arange(batch, dtype=np.float32) % 2}
    if "map" in network.output:
        blocks = (batch, height // 8, width // 8)
        targets["map"] = np.random.default_rng(1).integers(0, 2, blocks).astype(np.float32)
    return targets


def _loss(network, inputs):
    answers, targets = network(inputs, training=True), _targets(network)
    losses = [tf.nn.sigmoid_cross_entropy_with_logits(targets[key], answers[key]) for key in targets]
    return tf.add_n([tf.reduce_mean(each) for each in losses])


def _arrays(answers):
    return {key: value.numpy() for key, value in answers.items()}


def _same_weights(one, other):
    pairs = zip(one.get_weights(), other.get_weights(), strict=True)
    return all(np.array_equal(first, second) for first, second in pairs)


@pytest.mark.parametrize("name", FILES)
def test_its_configuration_is_accepted_as_composed(name, compose_config):
    check(compose_config(f"model={name}").model)


@pytest.mark.parametrize("name", RESIZED)
def test_a_network_of_one_size_brings_resized_pictures_with_it(name, compose_config):
    config = compose_config(f"model={name}")
    assert config.inputs.rescale == pytest.approx(1 / 255)
    assert config.inputs.augment.rotation == 20.0
    assert compose_config(f"model={name}", "inputs.augment=null").inputs.augment.rotation == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_argument_is_refused_and_named(name):
    spec = _spec(name)
    for argument in spec.keys() - {TARGET}:
        with pytest.raises(UserError, match=rf"model\.{argument}: found"):
            check({**spec, argument: {"not": "a value"}})
    with pytest.raises(UserError, match=r"model\.colour: no such key"):
        check({**spec, "colour": 1})


@pytest.mark.parametrize("name", NAMES)
def test_it_is_built_with_what_its_file_says(name):
    assert build(_spec(name), HEIGHT, WIDTH).count_params() < 7_000_000


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_with_a_logit_and_a_map_of_blocks_in_float32(name, networks):
    network = networks(name)
    assert set(network.input) in ({"image"}, {"image", "quantisation"})
    answers = network(_inputs(network))
    assert set(answers) in ({"logit"}, {"logit", "map"})
    expected = {"logit": (BATCH,), "map": (BATCH, HEIGHT // 8, WIDTH // 8)}
    for key, answer in answers.items():
        assert tuple(answer.shape) == expected[key]
        assert answer.dtype == "float32"
        assert np.isfinite(answer).all()
    assert len(np.unique(answers["logit"])) == BATCH  # the pictures differ
    if "map" in answers:  # which alone gives the logit
        assert np.allclose(network.get_layer("logit")(answers["map"]), answers["logit"], atol=1e-6)


@pytest.mark.parametrize("name", NATIVE)
def test_it_takes_any_height_and_width(name, networks):
    network = networks(name)
    for height, width in [(8, 8), (88, 24)]:
        answers = network(_inputs(network, height, width))
        assert answers["logit"].shape == (BATCH,)
        assert np.isfinite(answers["logit"]).all()
        if "map" in answers:
            assert answers["map"].shape == (BATCH, height // 8, width // 8)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_every_weight(name, networks):
    network = networks(name)
    before = network.get_weights()
    with tf.GradientTape() as tape:
        loss = _loss(network, _inputs(network))
    gradients = tape.gradient(loss, network.trainable_variables)
    network.set_weights(before)  # batch normalisation has moved
    for weight, gradient in zip(network.trainable_variables, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient).all(), weight.path
        assert np.any(gradient), weight.path


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("name", LARGE_ARE_SLOW)
def test_a_step_of_training_changes_every_weight_in_either_precision(name, policy, request):
    if policy == "mixed_bfloat16":
        request.getfixturevalue("mixed_policy")
    network = _build(name)
    # A graph of so many layers takes half a minute to make.
    network.compile(
        optimizer=keras.optimizers.SGD(0.1),
        loss={key: keras.losses.BinaryCrossentropy(from_logits=True) for key in network.output},
        run_eagerly=name in LARGE,
    )
    before = [weight.numpy() for weight in network.trainable_variables]
    loss = network.train_on_batch(_inputs(network), _targets(network))
    assert np.isfinite(loss).all()
    for weight, old in zip(network.trainable_variables, before, strict=True):
        assert weight.dtype == "float32"
        assert not np.array_equal(weight, old), weight.path


@pytest.mark.parametrize("name", LARGE_ARE_SLOW)
def test_it_answers_alike_when_saved_and_loaded(name, networks, tmp_path):
    network = networks(name)
    save_detector(network, tmp_path)
    inputs = _inputs(network)
    expected, found = _arrays(network(inputs)), _arrays(load_detector(tmp_path)(inputs))
    assert expected.keys() == found.keys()
    for key, answer in expected.items():
        assert np.array_equal(found[key], answer)


@pytest.mark.parametrize("name", LARGE_ARE_SLOW)
def test_its_portable_form_answers_alike_at_any_size(name, networks, portable_file):
    network = networks(name)
    portable = load_portable(portable_file(name).parent, threads=1)
    sizes = [(HEIGHT, WIDTH, BATCH)] if name in RESIZED else [(HEIGHT, WIDTH, BATCH), (88, 24, 1), (8, 8, 2)]
    for size in sizes:
        inputs = _inputs(network, *size)
        expected, found = _arrays(network(inputs)), portable(**inputs)
        assert found.keys() == expected.keys()
        for key, answer in expected.items():
            assert found[key].dtype == np.float32
            assert np.allclose(found[key], answer, atol=1e-5)
        if portable.has_map:  # of one that was put together of tiles
            assert portable.logit_of(found["map"][0]) == pytest.approx(found["logit"][0], abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_network_gives_the_same_portable_file(name, networks, portable_file, tmp_path):
    if name in LARGE:
        pytest.skip("tf2onnx folds its constants in any order")
    assert write_portable(networks(name), tmp_path).read_bytes() == portable_file(name).read_bytes()


@pytest.mark.usefixtures("mixed_policy")
@pytest.mark.parametrize("name", LARGE_ARE_SLOW)
def test_built_in_mixed_precision_it_is_saved_as_the_network_of_float32(name, networks, tmp_path):
    network = _build(name)
    save_detector(network, tmp_path)
    loaded, plain = load_detector(tmp_path), networks(name)
    assert _same_weights(loaded, network)
    assert {layer.compute_dtype for layer in loaded.layers} == {"float32"}
    plain_answers = _arrays(plain(_inputs(plain)))  # the same seed
    for key, answer in _arrays(loaded(_inputs(loaded))).items():
        assert np.array_equal(answer, plain_answers[key])


@pytest.mark.parametrize("name", LARGE_ARE_SLOW)
def test_the_same_seed_gives_the_same_network(name, networks):
    one, same, other = networks(name), _build(name, seed=0), _build(name, seed=1)
    assert _same_weights(one, same)
    inputs = _inputs(one)
    assert not np.array_equal(one(inputs)["logit"], other(inputs)["logit"])
