"""Checks values against a pydantic schema; says of each mistake the key, what was found, what is expected."""

import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from pipeline.errors import UserError

TARGET = "_target_"  # of `model`: the dotted name of the function that builds it
MODELS = "pipeline.models."  # where those lie: a configuration runs no other code
GIVEN = ("height", "width")  # what that function may ask for besides: they come from `inputs`


class Section(BaseModel):
    """A part of a configuration: it takes its own keys only, each of its type, and cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


S = TypeVar("S", bound=Section)


def check(schema: type[S], values: Mapping[str, Any], prefix: str = "") -> S:
    """Return plain, nested `values` as what `schema` describes; `prefix` stands before each key in messages.

    Raises UserError at an unknown or missing key, a wrong type, a value out of range or values that do not go
    together; the message lists each mistake with its key and what is expected.
    """
    if mistakes := list_mistakes(schema, values, prefix):
        raise UserError("the configuration is not right:\n  " + "\n  ".join(mistakes))
    return schema.model_validate(values)


def list_mistakes(schema: type[Section], values: Mapping[str, Any], prefix: str = "") -> list[str]:
    """List what of `values` does not fit `schema`, a sentence a mistake."""
    try:
        schema.model_validate(values)
    except ValidationError as error:
        lines = (line for each in error.errors() for line in _sentences(schema, values, each, prefix))
        return list(dict.fromkeys(lines))
    return []


def refuse(*mistakes: str | Literal[False]) -> None:
    """Raise ValueError, for a rule of a schema, with those of `mistakes` that were made.

    Each begins with its key, as on the command line.
    """
    if made := [each for each in mistakes if each]:
        raise ValueError("\n".join(made))


def refuse_old_names(keys: Iterable[str]) -> None:
    """Raise UserError where one of some dotted keys was renamed; the message tells the new name."""
    keys = list(keys)
    if gone := {"decision.threshold", "decision.false_positive_rate"}.intersection(keys):
        raise UserError(
            f"{min(gone)}: what decides now is decision.false_alarms, the share of genuine pictures that may "
            "be called fake; python -m pipeline.calibrate takes the decision anew"
        )
    if old := [key for key in keys if key.partition(".")[0] in ("preprocess", "augment")]:
        raise UserError(
            f"{old[0]}: there is one group inputs now. preprocess=native is inputs=native, preprocess=resize "
            "is inputs=resized, and augment=forensic or classic comes with it; preprocess.height is "
            "inputs.height, augment.tamper is inputs.augment.tamper and so on; augment=none is "
            "inputs.augment=null"
        )


def in_words(hint: Any) -> str:
    """Return what a type takes, in words.

    >>> from pydantic import Field
    >>> in_words(Annotated[int, Field(ge=1, le=10)] | None)
    'a whole number at least 1 and at most 10 or null'
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        limits = _limits(inner[1:])
        if get_origin(inner[0]) in (Union, UnionType):  # which are those of what is not null
            words = [in_words(each) + (limits if each is not NoneType else "") for each in get_args(inner[0])]
            return " or ".join(words)
        return in_words(inner[0]) + limits
    if origin in (Union, UnionType):
        return " or ".join(map(in_words, inner))
    if origin is Literal:
        return "one of " + ", ".join(map(str, inner))
    if origin is list:
        return f"a list, each {in_words(inner[0])}"
    if isinstance(hint, type) and issubclass(hint, Section):
        return "the keys " + ", ".join(hint.model_fields)
    names = {float: "a number", int: "a whole number", str: "a text", bool: "true or false", NoneType: "null"}
    return names.get(hint, "keys with values")


_NAMED = " without / or \\ or what does not print, and not of dots alone"  # as `Name`


def _limits(metadata: tuple[Any, ...]) -> str:
    names = {"gt": "above", "ge": "at least", "le": "at most", "lt": "below"}
    every = [one for each in metadata for one in (each.metadata if isinstance(each, FieldInfo) else [each])]
    words = [
        f"{word} {getattr(each, name):g}"
        for name, word in names.items()
        for each in every
        if hasattr(each, name)
    ]
    words += [f"of at most {each.max_length} characters" for each in every if hasattr(each, "max_length")]
    words += [_NAMED.lstrip() for each in every if hasattr(each, "pattern")]
    words += [f"a multiple of {each.multiple_of}" for each in every if hasattr(each, "multiple_of")]
    return " " + " and ".join(words) if words else ""


def _sentences(
    schema: type[Section], values: Mapping[str, Any], error: ErrorDetails, prefix: str
) -> Iterator[str]:
    """Yield one of pydantic's errors in the words of the configuration."""
    names, holder, hint, found = _follow(schema, values, error["loc"])
    key = prefix + ".".join(names)
    if error["loc"][-1:] == ("[key]",):  # a name that is the key itself
        yield f"{prefix}{'.'.join(map(str, error['loc'][:-1]))}: found such a name, expected{_NAMED}"
    elif error["type"] == "value_error":  # of a rule
        yield from str(error["ctx"]["error"]).splitlines()
    elif error["type"] == "extra_forbidden":
        near = get_close_matches(names[-1], holder.model_fields, n=1)
        guess = f"; did you mean {key.removesuffix(names[-1])}{near[0]}?" if near else ""
        yield f"{key}: no such key{guess} (allowed here: {', '.join(holder.model_fields)})"
    elif error["type"] == "missing":
        place = f" see conf/{names[0]}/," if len(names) > 1 else ""
        yield f"{key}: missing;{place} expected {in_words(hint)}"
    elif error["type"].startswith("union_tag"):
        tag = hint.__metadata__[0].discriminator
        yield f"{key}.{tag}: found {found.get(tag)!r}, expected one of {', '.join(_by_tag(hint))}"
    else:
        brackets = f", written in brackets: {key}=[…]" if get_origin(_bare(hint)) is list else ""
        yield f"{key}: found {found!r}, expected {in_words(hint)}{brackets}"


def _follow(
    schema: type[Section], values: Any, location: tuple[int | str, ...]
) -> tuple[list[str], type[Section], Any, Any]:
    """Return, of a location of pydantic's: the keys to it, the section it lies in, its type, its value."""
    names: list[str] = []
    holder: type[Section] = schema
    hint: Any = schema
    for part in map(str, location):
        sections = _sections(hint)
        if len(sections) > 1:  # which of them was chosen
            hint = _by_tag(hint)[part]
            continue
        if sections:
            (holder,) = sections
            field = holder.model_fields.get(part)
            hint = Annotated[field.annotation, field] if field else None
        elif get_origin(_bare(hint)) is dict:
            hint = get_args(_bare(hint))[1]
        else:  # an item of a list, or one of several types
            break
        names.append(part)
        values = values.get(part) if isinstance(values, Mapping) else None
    return names, holder, hint, values


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _sections(hint: Any) -> list[type[Section]]:
    """List the sections that may lie here."""
    bare = _bare(hint)
    kinds = get_args(bare) if get_origin(bare) in (Union, UnionType) else [bare]
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Section)]


def _by_tag(hint: Any) -> dict[str, type[Section]]:
    """Return the sections of a union by the value that tells them apart."""
    tag = hint.__metadata__[0].discriminator
    return {get_args(each.model_fields[tag].annotation)[0]: each for each in _sections(hint)}


def build_function(model: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the function that `_target_` of a `model` names; raise ValueError where there is none.

    Nothing is imported but what lies in `pipeline/models/`.
    """
    name = str(model.get(TARGET) or "")
    module_name, _, function_name = name.rpartition(".")
    try:
        if not module_name.startswith(MODELS):
            raise ImportError(f"it does not lie in {MODELS.rstrip('.')}")
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"model.{TARGET}: found {name!r}, expected the dotted name of a build function such as "
            f"pipeline.models.cnn.build ({error}); the choices are the files in conf/model/"
        ) from error
    if not inspect.isfunction(function) or function.__module__ != module_name:
        raise ValueError(
            f"model.{TARGET}: {name} is no function of its own; expected one such as "
            "pipeline.models.cnn.build"
        )
    return function


def model_name(model: Mapping[str, Any]) -> str:
    """Return the short name of a model, as `model=` on the command line takes it.

    >>> model_name({"_target_": "pipeline.models.dct.build", "filters": 64})
    'dct'
    """
    return str(model[TARGET]).removeprefix(MODELS).removesuffix(".build")


def _fits_its_function(model: dict[str, Any]) -> dict[str, Any]:
    """Refuse arguments that the signature of a build function does not allow; fast, imports no Keras.

    Parameters are annotated with bool, int, float, str, None, lists and unions of these, `Literal`, and
    limits as in `Annotated[int, Field(ge=1)]`.
    """
    parameters = inspect.signature(build_function(model)).parameters
    fields: dict[str, Any] = {
        name: (each.annotation, ... if each.default is inspect.Parameter.empty else each.default)
        for name, each in parameters.items()
        if name not in GIVEN
    }
    arguments = {name: value for name, value in model.items() if name != TARGET}
    refuse(*list_mistakes(create_model("Arguments", __base__=Section, **fields), arguments, "model."))
    return model


Model = Annotated[dict[str, Any], AfterValidator(_fits_its_function)]
