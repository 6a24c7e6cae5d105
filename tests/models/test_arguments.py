from typing import Annotated, Literal

import pytest

from pipeline.models.arguments import Within, mistakes


def example(
    height: int,
    *,
    count: Annotated[int, Within(1, 10)],
    share: Annotated[float, Within(0, below=1)] = 0.5,
    sizes: list[int] = (),
    kind: Literal["a", "b"] = "a",
    weights: str | None = None,
    flag: bool = False,
) -> "NotImportedYet":  # noqa: F821
    """As a build function: what it gives back may not be importable when it is checked."""


def _found(**arguments):
    return list(mistakes(example, arguments, given=["height"], prefix="model."))


@pytest.mark.parametrize(
    "arguments",
    [
        {"count": 1},
        {"count": 10, "share": 0},
        {"count": 1, "sizes": [1, 2], "kind": "b", "weights": None, "flag": True},
        {"count": 1, "weights": "imagenet"},
    ],
)
def test_what_fits_the_signature_passes(arguments):
    assert _found(**arguments) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "model.count: found 0, expected a whole number at least 1 and at most 10"),
        ({"count": 2.5}, "model.count: found 2.5, expected a whole number"),
        ({"count": True}, "model.count: found True"),
        ({"count": 1, "share": 1}, "model.share: found 1, expected a number at least 0 and below 1"),
        ({"count": 1, "share": float("nan")}, "model.share: found nan"),
        (
            {"count": 1, "sizes": [1, "2"]},
            r"model.sizes: found [1, '2'], expected a list, each a whole number",
        ),
        ({"count": 1, "sizes": 3}, "model.sizes: found 3, expected a list"),
        ({"count": 1, "kind": "c"}, "model.kind: found 'c', expected one of 'a', 'b'"),
        ({"count": 1, "weights": 3}, "model.weights: found 3, expected a text or null"),
        ({"count": 1, "flag": "yes"}, "model.flag: found 'yes', expected true or false"),
        ({}, "model.count: missing; expected a whole number"),
        ({"count": 1, "hare": 0.1}, "model.hare: no such key; did you mean model.share?"),
        ({"count": 1, "height": 3}, "model.height: no such key"),
    ],
)
def test_what_does_not_fit_is_named_with_what_is_expected(arguments, message):
    (found,) = _found(**arguments)
    assert found.startswith(message)


def test_every_mistake_is_told_at_once():
    assert len(_found(share=2, kind="c")) == 3
