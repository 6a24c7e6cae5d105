"""Checks the arguments that a configuration gives to a function against that function's signature."""

import inspect
import math
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any


@dataclass(frozen=True)
class Within:
    """Limits of a number, for `Annotated[float, Within(0, below=1)]`; each may be left out."""

    at_least: float = -math.inf
    at_most: float = math.inf
    below: float = math.inf

    def __contains__(self, value: float) -> bool:
        return self.at_least <= value <= self.at_most and value < self.below

    def __str__(self) -> str:
        words = {"at least": self.at_least, "at most": self.at_most, "below": self.below}
        return " and ".join(f"{word} {limit:g}" for word, limit in words.items() if math.isfinite(limit))


def mistakes(
    function: Callable[..., Any], arguments: Mapping[str, Any], given: Sequence[str], prefix: str
) -> Iterator[str]:
    """Say what of `arguments` does not fit the signature of `function`.

    Args:
        function: a function with annotated parameters: bool, int, float, str, None, lists and unions of
            these, `Literal`, and `Annotated` with `Within`.
        arguments: names and values out of a configuration.
        given: parameters that somebody else fills in.
        prefix: stands before each name in the messages, as `model.`.

    Yields:
        one sentence a mistake, with the key, what was found and what is expected.
    """
    parameters = {
        name: each for name, each in inspect.signature(function).parameters.items() if name not in given
    }
    hints = _hints(function, parameters)
    for name, value in arguments.items():
        if name not in parameters:
            near = get_close_matches(name, parameters, n=1)
            guess = f"; did you mean {prefix}{near[0]}?" if near else ""
            yield f"{prefix}{name}: no such key{guess} (allowed here: {', '.join(parameters)})"
        elif not _fits(value, hints[name]):
            yield f"{prefix}{name}: found {value!r}, expected {_words(hints[name])}"
    for name, each in parameters.items():
        if each.default is inspect.Parameter.empty and name not in arguments:
            yield f"{prefix}{name}: missing; expected {_words(hints[name])}"


def _hints(function: Callable[..., Any], parameters: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """Annotations of the parameters alone: that of the answer may name what is not imported yet."""
    annotations = {name: each.annotation for name, each in parameters.items()}
    holder = type("Parameters", (), {"__annotations__": annotations})
    return typing.get_type_hints(holder, getattr(function, "__globals__", {}), include_extras=True)


def _fits(value: Any, hint: Any) -> bool:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _fits(value, inner[0]) and all(value in limit for limit in inner[1:] if value is not None)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is typing.Literal:
        return value in inner
    if origin in (list, Sequence):
        return isinstance(value, list | tuple) and all(_fits(each, inner[0]) for each in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint) if hint is not None else value is None


def _words(hint: Any) -> str:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return " ".join([_words(inner[0]), *(str(limit) for limit in inner[1:])])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_words(each) for each in inner)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(repr, inner))
    if origin in (list, Sequence):
        return f"a list, each {_words(inner[0])}"
    names = {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}
    return "null" if hint in (None, type(None)) else names.get(hint, str(hint))
