"""Shared by the tests of the native code."""

import pytest
import torch
from hotpp_lr.native import load_operators


@pytest.fixture(scope="session")
def ops():
    """The compiled torch operators."""
    load_operators()
    return torch.ops.hotpp_lr
