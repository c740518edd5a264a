"""Shared by all tests: one thread, the three variants."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(params=["none", "charge", "charge+dipole"])
def electrostatics(request):
    return request.param
