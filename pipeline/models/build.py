"""From `model` in the configuration to a network; a new one is a file here and one in `conf/model/`."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.checking import TARGET, build_function
from pipeline.errors import UserError

if TYPE_CHECKING:
    import keras


def build(spec: Mapping[str, Any], height: int, width: int) -> "keras.Model":
    """Build the network that `spec` describes, with new weights.

    Args:
        spec: `model` of a checked configuration: a build function and its arguments.
        height: of the images, in pixels; for networks that take one size only.
        width: of the images, in pixels; likewise.

    Returns:
        a model from a dictionary of `image` (batch, height, width, 3) and, where it looks at them, the
        quantisation tables `quantisation` (batch, 8, 8), to a dictionary of `logit` (batch,) and, where it
        localises, `map` (batch, height / 8, width / 8); all float32.

    Raises:
        UserError: the images are too small for the network.
    """
    function = build_function(spec)
    wanted = inspect.signature(function).parameters
    arguments = {name: value for name, value in spec.items() if name != TARGET}
    size = {name: value for name, value in {"height": height, "width": width}.items() if name in wanted}
    try:
        return function(**size, **arguments)
    except ValueError as error:
        if not size:
            raise  # nothing that other sizes would mend
        raise UserError(
            f"model: {spec[TARGET]} cannot be built for images of {height}×{width} (height × width): "
            f"{str(error).splitlines()[0]} Raise inputs.height and inputs.width, or take fewer "
            "layers."
        ) from error
