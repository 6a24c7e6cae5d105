"""Shared by the tests of models, without Keras."""

from pipeline import checking
from pipeline.checking import Model


class _Alone(checking.Section):
    model: Model


def check(model):
    """Check the `model` of a configuration by itself."""
    checking.check(_Alone, {"model": model})
