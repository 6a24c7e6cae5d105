"""Weights that come with this package, for training to begin with.

`weights/<name of the network>/` holds what `experiment=pretrain` left, `detector.keras`, and its card: which
pictures it saw, under which licences, and what it reached. They learnt traces of tampering on photographs of
many cameras that belong to nobody's test set.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from pipeline.errors import UserError
from pipeline.models.detector_files import DETECTOR_FILE, load_detector

if TYPE_CHECKING:
    import keras

FOLDER = Path(__file__).parent / "weights"

Weights: TypeAlias = Literal["pretrained"] | None  # null: drawn by chance


def with_weights(network: "keras.Model", weights: Weights, folder: Path = FOLDER) -> "keras.Model":
    """Give a new network the weights of its name in `folder`; None leaves it as it is.

    Raises:
        UserError: there are none, or they are of a network of other sizes.
    """
    if weights is None:
        return network
    kept = folder / network.name
    if not (kept / DETECTOR_FILE).is_file():
        raise UserError(
            f"model.weights=pretrained: there are no weights of {network.name} in {kept}; make them with "
            "experiment=pretrain, or set model.weights=null"
        )
    values = load_detector(kept).get_weights()
    if [value.shape for value in values] != [tuple(weight.shape) for weight in network.weights]:
        raise UserError(
            f"model.weights=pretrained: {kept / DETECTOR_FILE} holds {network.name} in its usual size; set "
            "filters, depth and the other sizes to those of conf/model/, or model.weights=null"
        )
    network.set_weights(values)
    return network
