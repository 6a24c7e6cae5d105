import subprocess
import sys

import pytest

from pipeline.errors import UserError
from pipeline.models.build import build
from tests.models import check

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


def test_the_composed_models_are_accepted(compose_config):
    check(compose_config().model)


def test_mistakes_are_listed_under_the_keys_of_the_command_line():
    with pytest.raises(UserError) as raised:
        check({**CNN, "dropout": 1.5, "dens": 3})
    assert "model.dropout: found 1.5" in str(raised.value)
    assert "did you mean model.dense?" in str(raised.value)


@pytest.mark.parametrize(
    "target", ["pipeline.models.cnnn.build", "pipeline.models.cnn.make", "cnn", "", None]
)
def test_an_unknown_model_is_refused_and_the_choices_are_named(target):
    with pytest.raises(UserError, match=r"model._target_: found .* expected .* conf/model/"):
        check({**CNN, "_target_": target})


def test_what_is_no_function_is_refused():
    with pytest.raises(UserError, match="is no function"):
        check({**CNN, "_target_": "pipeline.checking.GIVEN"})


def test_images_too_small_for_the_network_are_refused_with_what_to_change():
    with pytest.raises(UserError, match=r"images of 8×8 .* inputs.height"):
        build({**CNN, "filters": [2, 2, 2, 2]}, 8, 8)


def test_only_networks_of_one_size_are_told_the_size():
    assert build(CNN, 16, 24).input["image"].shape == (None, 16, 24, 3)
    assert build(DCT, 16, 24).input["image"].shape == (None, None, None, 3)


@pytest.mark.parametrize("spec", [CNN, DCT])
def test_checking_imports_neither_keras_nor_tensorflow(spec):
    code = (
        "import sys; from tests.models import check; "
        f"check({spec!r}); sys.exit(bool({{'keras', 'tensorflow'}} & set(sys.modules)))"
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
