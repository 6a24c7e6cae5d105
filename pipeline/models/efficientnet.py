"""A network pretrained on photographs, on the whole resized picture: what content alone tells.

Tan and Le, "EfficientNetV2: Smaller Models and Faster Training", ICML 2021: its smallest variant, B0, of
keras.applications.
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from pipeline.errors import UserError
from pipeline.models.blocks import picture_model
from pipeline.storage import what_is_there

if TYPE_CHECKING:
    import keras

INPUTS = ("resized",)

_ENDINGS = (".weights.h5", ".h5", ".keras")


def build(
    height: int,
    width: int,
    *,
    weights: str | None,
    dropout: Annotated[float, Field(ge=0, lt=1)],
) -> "keras.Model":
    """Build it in the dtype policy that is set.

    Args:
        height: of the images, in pixels, as the width.
        width: likewise.
        weights: null for new ones; `imagenet`, which Keras downloads once; or a file: `.weights.h5` (or
            Keras's `efficientnetv2-b0_notop.h5`) of the network without its top, or a `.keras` of that or
            of a detector of this kind.
        dropout: share of the pooled features that is dropped in training, in [0, 1).

    Returns:
        a model from `image` (batch, height, width, 3) in [0, 1] to `logit` (batch,).

    Raises:
        UserError: the weights cannot be downloaded or read.
    """
    import keras
    from keras import layers

    image = keras.Input((height, width, 3), name="image")
    eight_bit = layers.Rescaling(255, dtype="float32")(image)  # it brings its own normalisation of these
    backbone = _backbone(None, input_tensor=eight_bit)
    if weights is not None:
        backbone.set_weights(_pretrained(weights, (height, width, 3)))
    x = layers.GlobalAveragePooling2D()(backbone.output)
    return picture_model("efficientnet", {"image": image}, layers.Dropout(dropout)(x))


def _backbone(weights: str | None, **shape: Any) -> "keras.Model":
    import keras

    return keras.applications.EfficientNetV2B0(include_top=False, weights=weights, **shape)


def _pretrained(weights: str, shape: tuple[int, int, int]) -> list[Any]:
    """Weights of the network without its top, in Keras's order."""
    if weights == "imagenet":
        try:
            return _backbone("imagenet", input_shape=shape).get_weights()
        except Exception as error:  # Keras raises it bare where a download fails
            raise UserError(
                "model.weights=imagenet: the weights cannot be downloaded "
                f"({str(error).splitlines()[0]}); download efficientnetv2-b0_notop.h5 where there is a "
                "network and name its path in model.weights, or set model.weights=null to start from new ones"
            ) from error
    if not Path(weights).is_file() or not weights.endswith(_ENDINGS):
        is_file = Path(weights).is_file()
        found = "another kind of file" if is_file else f"no such file{what_is_there(Path(weights))}"
        raise UserError(
            f"model.weights={weights}: {found}; expected null, imagenet, or a file that ends with "
            f"{', '.join(_ENDINGS)}"
        )
    plain = _backbone(None, input_shape=shape)
    try:
        _load(plain, weights)
    except (OSError, ValueError, TypeError, KeyError, UserWarning) as error:
        raise UserError(
            f"model.weights={weights}: not the weights of an EfficientNetV2-B0 without its top "
            f"({str(error).splitlines()[0]}); save them with save_weights of "
            "keras.applications.EfficientNetV2B0(include_top=False)"
        ) from error
    return plain.get_weights()


def _load(backbone: "keras.Model", path: str) -> None:
    import keras

    from pipeline.models import layers  # noqa: F401  known by name to what is loaded

    if not path.endswith(".keras"):
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras's word for a layer that is not in the file
            backbone.load_weights(path)
        return
    saved = keras.saving.load_model(path, compile=False, safe_mode=True)
    for layer in backbone.layers:
        if layer.weights:
            layer.set_weights(saved.get_layer(layer.name).get_weights())
