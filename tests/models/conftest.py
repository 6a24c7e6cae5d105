"""Shared by the tests of networks and layers."""

import keras
import pytest


@pytest.fixture
def mixed_policy():
    """Mixed precision for what is built in the test."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")
