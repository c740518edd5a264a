"""Spread and gather of every multipole rank by the kernels of training."""

import numpy as np
import pytest
from device_plans import BACKENDS, TOLERANCE, cpu_module, module_of
from pme_systems import MESHES, ORDERS, error

CASES = [(order, rank) for order in ORDERS for rank in range(4) if order >= rank + 2 or rank < 2]


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize(("order", "rank"), CASES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_spread_and_gather_of_every_rank(backend, order, rank, precision):
    """Against the CPU; where it is not built, the emulated device in float64."""
    module, exact = module_of(backend), cpu_module()
    rng = np.random.default_rng(order)
    mesh, columns = MESHES[order % 3], [1, 4, 10, 20][rank]
    u = rng.uniform(-1.5, 2.5, (50, 3)) * mesh
    u[0], u[1], u[2], u[3] = 0.0, -1e-17, (0.5, 1.5, 2.5), mesh
    coefficients, values = rng.normal(size=(50, columns)), rng.normal(size=mesh)
    spread = module.spread(u, coefficients, rank, order, mesh, precision=precision)
    assert error(spread, exact.spread(u, coefficients, rank, order, mesh)) < TOLERANCE[precision]
    derivatives = module.gather(u, values, rank, order, precision=precision)
    expected = exact.gather(u, values, rank, order)
    for c in range(columns):  # one by one: high derivatives would hide errors of low ones
        assert error(derivatives[:, c], expected[:, c]) < TOLERANCE[precision], c
    turned = module.spread(u[::-1], coefficients[::-1], rank, order, mesh, precision=precision)
    assert np.array_equal(spread, turned)  # integers: the order of the atoms does not matter


@pytest.mark.parametrize("backend", BACKENDS)
def test_spread_of_what_is_not_finite_is_not_finite(backend):
    """In training a NaN must reach the loss, although the fixed-point mesh has no number for it."""
    module = module_of(backend)
    u, coefficients = np.random.default_rng(0).random((5, 3)), np.ones((5, 4))
    assert np.isfinite(module.spread(u, coefficients, 1, 4, (8, 8, 8))).all()
    coefficients[3, 2] = np.nan
    assert np.isnan(module.spread(u, coefficients, 1, 4, (8, 8, 8))).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_spread_and_gather_of_no_atoms(backend):
    module = module_of(backend)
    assert not module.spread(np.zeros((0, 3)), np.zeros((0, 4)), 1, 6, (8, 8, 8)).any()
    assert module.gather(np.zeros((0, 3)), np.ones((8, 8, 8)), 1, 6).shape == (0, 4)
