"""Shared by the tests of the native code."""

import pytest
import torch
from hotpp_lr.native import load_operators


@pytest.fixture(scope="session")
def ops():
    """The compiled torch operators."""
    load_operators()
    return torch.ops.hotpp_lr


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
