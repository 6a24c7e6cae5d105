import numpy as np
import pytest

from pipeline.models.build import build
from tests.models.test_build import CNN


def test_it_is_the_classic_network(compose_config):
    config = compose_config("model=cnn")
    network = build(config.model, 128, 128)
    kinds = [type(layer).__name__ for layer in network.layers[1:]]
    assert kinds == [*["Conv2D", "MaxPooling2D"] * 3, "Flatten", "Dense", "Dropout", "Dense", "Reshape"]
    assert [layer.filters for layer in network.layers if hasattr(layer, "filters")] == [32, 64, 128]
    assert network.count_params() == 3_304_769


def test_it_answers_with_one_logit_a_picture():
    answer = build(CNN, 16, 24)({"image": np.zeros((5, 16, 24, 3), np.float32)})
    assert set(answer) == {"logit"}
    assert tuple(answer["logit"].shape) == (5,)


@pytest.mark.usefixtures("mixed_policy")
def test_the_logit_is_float32_also_in_mixed_precision():
    network = build(CNN, 16, 24)
    assert network.layers[1].compute_dtype == "bfloat16"
    assert network({"image": np.zeros((1, 16, 24, 3), np.float32)})["logit"].dtype == "float32"
