"""Checks a composed configuration against the schema; the message says what is allowed."""

import dataclasses
import difflib
import math
from collections.abc import Iterator, Mapping
from typing import Any, cast, get_args, get_origin, get_type_hints

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.config import Config, Train
from pipeline.errors import UserError


def validate(composed: DictConfig | Mapping[str, Any]) -> Config:
    """Check a composed configuration and give it as dataclasses.

    Raises:
        UserError: an unknown or missing key, a wrong type or a value out of range; the message
            lists each mistake with the key and what is allowed.
    """
    nodes = composed if isinstance(composed, DictConfig) else OmegaConf.create(dict(composed))
    values = OmegaConf.create(cast(dict[str, Any], OmegaConf.to_container(nodes, resolve=True)))
    mistakes = list(_key_mistakes(Config, values, ""))
    if not mistakes:
        try:
            typed = OmegaConf.merge(OmegaConf.structured(Config), values)
        except OmegaConfBaseException as error:
            mistakes = [_type_mistake(str(error.full_key), str(error).splitlines()[0])]
        else:
            config = cast(Config, OmegaConf.to_object(typed))
            mistakes = [
                *_range_mistakes(config, ""),
                *_share_mistakes(config),
                *_input_mistakes(config),
                *_train_mistakes(config.train),
                *_shuffle_mistakes(config),
            ]
    if mistakes:
        raise UserError("the configuration is not right:\n  " + "\n  ".join(mistakes))
    return config


def check_ranges(settings: Any, prefix: str = "") -> None:
    """Refuse numbers out of range in a part of the configuration that was not composed.

    Args:
        settings: a dataclass of `pipeline.config`.
        prefix: of its keys, in messages.

    Raises:
        UserError: a number is out of range.
    """
    if mistakes := list(_range_mistakes(settings, prefix)):
        raise UserError("the configuration is not right:\n  " + "\n  ".join(mistakes))


def unknown_key(key: str) -> str:
    """Say what is wrong with a dotted key, such as one on the command line; nothing if it may be.

    What lies beneath an open part (`model`, the names of collections) is not looked at.
    """
    schema: Any = Config
    prefix = ""
    for part in key.split("."):
        if not dataclasses.is_dataclass(schema):
            break
        types = get_type_hints(schema)
        if part not in types:
            return _no_such_key(prefix, part, list(types))
        schema, prefix = types[part], f"{prefix}{part}."
    return ""


def flatten(nested: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted keys, the same as on the command line: {"train": {"epochs": 3}} -> {"train.epochs": 3}."""

    def walk(value: Any, key: str) -> Iterator[tuple[str, Any]]:
        if isinstance(value, Mapping) and value:
            for name, inner in value.items():
                yield from walk(inner, f"{key}.{name}" if key else str(name))
        else:
            yield key, value

    return dict(walk(nested, ""))


def _key_mistakes(schema: Any, values: Any, prefix: str) -> Iterator[str]:
    """Unknown and missing keys, nested dataclasses and dictionaries of dataclasses included."""
    if not isinstance(values, DictConfig):
        yield f"{prefix.rstrip('.')}: found {values!r}, expected the keys {_names(schema)}"
        return
    types = get_type_hints(schema)
    fields = {each.name: each for each in dataclasses.fields(schema)}
    for key in map(str, values):
        if key not in fields:
            yield _no_such_key(prefix, key, list(fields))
    for name, each in fields.items():
        optional = each.default is not dataclasses.MISSING or each.default_factory is not dataclasses.MISSING
        if name not in values:
            if not optional:
                yield f"{prefix}{name}: missing; see conf/{prefix.split('.')[0] or name}/"
        elif values[name] is not None:
            yield from _inner_mistakes(types[name], values[name], f"{prefix}{name}.")


def _inner_mistakes(declared: Any, value: Any, prefix: str) -> Iterator[str]:
    candidates = [declared, *get_args(declared)]
    dataclass_types = [each for each in candidates if dataclasses.is_dataclass(each)]
    if not dataclass_types:
        return
    if declared is dataclass_types[0] or type(None) in candidates:
        yield from _key_mistakes(dataclass_types[0], value, prefix)
    elif isinstance(value, DictConfig):
        for key in map(str, value):
            yield from _key_mistakes(dataclass_types[0], value[key], f"{prefix}{key}.")


def _no_such_key(prefix: str, key: str, allowed: list[str]) -> str:
    near = difflib.get_close_matches(key, allowed, n=1)
    guess = f"; did you mean {prefix}{near[0]}?" if near else ""
    return f"{prefix}{key}: no such key{guess} (allowed here: {', '.join(allowed)})"


def _type_mistake(key: str, found: str) -> str:
    """Say what is wrong with the type of a value, and what the field at a dotted key takes."""
    schema: Any = Config
    limits: Mapping[str, Any] = {}
    for part in key.split("."):
        if not dataclasses.is_dataclass(schema):
            return f"{key}: {found}"
        limits = {each.name: each.metadata for each in dataclasses.fields(schema)}.get(part, {})
        schema = get_type_hints(schema).get(part)
    allowed = f"; allowed is {_in_words(limits)}" if limits else ""
    if get_origin(schema) is list:
        return f"{key}: expected a list, written in brackets: {key}=[…]{allowed}"
    return f"{key}: {found}{allowed}"


def _names(schema: Any) -> str:
    return ", ".join(each.name for each in dataclasses.fields(schema))


def _range_mistakes(value: Any, prefix: str) -> Iterator[str]:
    """Values outside the limits that the fields of the dataclasses declare."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _range_mistakes(inner, f"{prefix}{key}.")
    if not dataclasses.is_dataclass(value):
        return
    for each in dataclasses.fields(value):
        found, key = getattr(value, each.name), f"{prefix}{each.name}"
        if allowed := _allowed(each.metadata, found):
            yield f"{key}: found {found!r}, allowed is {allowed}"
        yield from _range_mistakes(found, key + ".")


def _allowed(limits: Mapping[str, Any], found: Any) -> str:
    """What is allowed, in words, if `found` is not; else nothing."""
    if not limits or found is None:
        return ""
    if "choices" in limits:
        wrong = set(found if isinstance(found, list) else [found]) - set(limits["choices"])
        return _in_words(limits) if wrong else ""
    above, at_least, at_most = limits["above"], limits["at_least"], limits["at_most"]
    inside = (
        math.isfinite(found)
        and (above is None or found > above)
        and (at_least is None or found >= at_least)
        and (at_most is None or found <= at_most)
    )
    return "" if inside else _in_words(limits)


def _in_words(limits: Mapping[str, Any]) -> str:
    if "choices" in limits:
        return "one of " + ", ".join(limits["choices"])
    above, at_least, at_most = limits["above"], limits["at_least"], limits["at_most"]
    words = [
        f"a number above {above:g}" if above is not None else "",
        f"at least {at_least:g}" if at_least is not None else "",
        f"at most {at_most:g}" if at_most is not None else "",
    ]
    return " and ".join(word for word in words if word)


def _share_mistakes(config: Config) -> Iterator[str]:
    shares = config.split.shares
    if set(shares) != {"train", "validation", "test"}:
        yield f"split.shares: found {', '.join(shares)}, expected train, validation and test"
    elif (
        min(shares["validation"], shares["test"]) <= 0
        or shares["train"] < 0
        or abs(sum(shares.values()) - 1) > 1e-6
    ):
        yield f"split.shares: found {dict(shares)}; validation and test must be above 0, and all add up to 1"
    if config.split.fold >= (config.split.folds or 1):
        yield f"split.fold: found {config.split.fold}, allowed is 0 to split.folds - 1 (0 without folds)"


def _input_mistakes(config: Config) -> Iterator[str]:
    """What does not go together with the way in which pictures are given to the network."""
    preprocess, augment = config.preprocess, config.augment
    native = preprocess.method == "native"
    others = _OF_RESIZED if native else _OF_NATIVE
    for key in (key for key in others if getattr(augment, key)):
        yield (
            f"augment.{key}: found {getattr(augment, key)}, which preprocess.method={preprocess.method} "
            f"cannot do; choose augment={'forensic' if native else 'classic'}, or augment=none"
        )
    sides = (preprocess.height, preprocess.width)
    if native and any(side % 8 for side in sides):
        yield f"preprocess: found crops of {sides[0]}×{sides[1]}; with method=native sides are multiples of 8"
    if native and preprocess.rescale != 1.0:
        yield (
            f"preprocess.rescale: found {preprocess.rescale:g}; with method=native networks take 8-bit "
            "values as they are, so it must be 1"
        )
    for key, least, most in (("scale", 0.1, 10), ("quality", 1, 100)):
        ends = getattr(augment, key)
        if len(ends) != 2 or not least <= ends[0] <= ends[1] <= most:
            yield f"augment.{key}: found {ends}, expected the lowest and the highest, from {least} to {most}"


_OF_RESIZED = ("rotation", "width_shift", "height_shift")
_OF_NATIVE = ("vertical_flip", "transpose", "tamper", "matched_saves", "untouched", "handed_in", "alter")


def _train_mistakes(train: Train) -> Iterator[str]:
    if train.loss.label == train.loss.map == 0:
        yield "train.loss: found 0 for label and for map; one of them must be above 0"
    if train.warmup > train.epochs:
        yield f"train.warmup: found {train.warmup:g}, allowed is at most train.epochs ({train.epochs})"
    if train.schedule == "plateau" and train.patience is not None and train.patience <= train.plateau.wait:
        yield (
            f"train.patience: found {train.patience}, and with train.schedule=plateau it must be above "
            f"train.plateau.wait ({train.plateau.wait}), or training ends before the rate is lowered"
        )


def _shuffle_mistakes(config: Config) -> Iterator[str]:
    """What would teach true labels beside shuffled ones, or tell the classes by how they are treated."""
    if not config.train.shuffle_labels:
        return
    for key in ("tamper", "matched_saves", "untouched", "handed_in"):
        if found := getattr(config.augment, key):
            yield (
                f"augment.{key}: found {found}, which treats genuine pictures and fakes differently; with "
                "train.shuffle_labels=true it must be off (experiment=shuffled_labels, or augment=none)"
            )
