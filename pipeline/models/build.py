"""From `model` in the configuration to a network; a new one is a file here and one in `conf/model/`."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.checking import TARGET, build_function
from pipeline.errors import UserError
from pipeline.models.forest import Forest
from pipeline.surroundings import settle_keras

if TYPE_CHECKING:
    import keras


def build(spec: Mapping[str, Any], height: int, width: int) -> "keras.Model":
    """Build the network that `spec` describes, with new weights.

    Args:
        spec: `model` of a checked configuration: a build function and its arguments.
        height: of the images, in pixels; for networks that take one size only, as the width.
        width: likewise.

    Returns:
        a model from one dictionary to another, see `pipeline.models`; all float32.

    Raises:
        UserError: the images are too small for the network.
    """
    settle_keras()
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


def describe(model: Any) -> str:
    """Return the layers of a network, or the size of a forest, within 80 columns."""
    if isinstance(model, Forest):
        return model.describe()
    lines: list[str] = []
    model.summary(line_length=80, print_fn=lambda text, line_break=False: lines.append(text))  # noqa: ARG005
    return "\n".join(lines) + "\n"


def describe_in_a_line(model: Any) -> str:
    """Return the number of parameters and the inputs of a network, or the size of a forest."""
    if isinstance(model, Forest):
        return model.describe().splitlines()[1]
    inputs = ", ".join(f"{name} ({_sides(each.shape[1:])})" for name, each in model.input.items())
    return f"{model.count_params():,} parameters, takes {inputs}"


def _sides(shape: tuple[int | None, ...]) -> str:
    return " × ".join("any" if side is None else str(side) for side in shape)
