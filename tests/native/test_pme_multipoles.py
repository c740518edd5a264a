"""Spread and gather of every rank: against B-splines of SciPy, and adjoint to each other."""

import numpy as np
import pytest
from hotpp_lr import _pme
from pme_systems import MESHES, ORDERS, TOLERANCE, error
from scipy.interpolate import BSpline

# powers of d/dx, d/dy, d/dz of every component, as in csrc/pme/multipoles.h
POWERS = [(0, 0, 0)]
POWERS += [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
POWERS += [(2, 0, 0), (0, 2, 0), (0, 0, 2), (1, 1, 0), (1, 0, 1), (0, 1, 1)]
POWERS += [(3, 0, 0), (0, 3, 0), (0, 0, 3), (2, 1, 0), (2, 0, 1), (1, 2, 0), (0, 2, 1), (1, 0, 2), (0, 1, 2), (1, 1, 1)]
COMPONENTS = [1, 4, 10, 20]
CASES = [(order, rank) for order in ORDERS for rank in range(4) if order >= rank + 2]


def coordinates(mesh, n=30, seed=0):
    """Anywhere, also outside of the mesh, on mesh points and half-way between them."""
    u = np.random.default_rng(seed).uniform(-1.5, 2.5, (n, 3)) * mesh
    u[0], u[1], u[2], u[3] = 0.0, -1e-17, (0.5, 1.5, 2.5), mesh
    return u


def axis_weights(u, points, order, derivative):
    """[n, points]: derivative of the B-spline around every point, summed over its periodic images."""
    spline = BSpline.basis_element(np.arange(order + 1) - order / 2, extrapolate=False)
    if derivative:
        spline = spline.derivative(derivative)
    distance = u[:, None] - np.arange(points)
    distance -= points * np.floor(distance / points)
    return sum(np.nan_to_num(spline(distance + image * points)) for image in (-1, 0))


def stencils(u, mesh, order, rank):
    """[components, n, K1, K2, K3]: the weights of every component."""
    result = []
    for powers in POWERS[: COMPONENTS[rank]]:
        x, y, z = (axis_weights(u[:, d], mesh[d], order, powers[d]) for d in range(3))
        result.append(np.einsum("nx,ny,nz->nxyz", x, y, z))
    return np.array(result)


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize(("order", "rank"), CASES)
def test_spread_and_gather_equal_the_sum_over_splines(order, rank, precision):
    mesh = MESHES[order % 3]
    rng = np.random.default_rng(order)
    u = coordinates(mesh, seed=order)
    expected = stencils(u, mesh, order, rank)
    for c in range(COMPONENTS[rank]):  # one by one: high derivatives would hide errors of low ones
        coefficients = np.zeros((len(u), COMPONENTS[rank]))
        coefficients[:, c] = rng.normal(size=len(u))
        native = _pme.spread(u, coefficients, rank, order, mesh, precision=precision)
        assert error(native, np.einsum("n,nxyz->xyz", coefficients[:, c], expected[c])) < TOLERANCE[precision]
    values = rng.normal(size=mesh)
    native = _pme.gather(u, values, rank, order, precision=precision)
    for c in range(COMPONENTS[rank]):
        assert error(native[:, c], np.einsum("nxyz,xyz->n", expected[c], values)) < TOLERANCE[precision], POWERS[c]


@pytest.mark.parametrize("mesh", [*MESHES, (8, 70, 8), (40, 8, 33)])
@pytest.mark.parametrize(("order", "rank"), CASES)
def test_spread_and_gather_of_every_rank_are_adjoint(order, rank, mesh):
    rng = np.random.default_rng(order + 10 * rank)
    u = coordinates(mesh, 100, seed=rank)
    coefficients, values = rng.normal(size=(len(u), COMPONENTS[rank])), rng.normal(size=mesh)
    left = (_pme.spread(u, coefficients, rank, order, mesh) * values).sum()
    right = (_pme.gather(u, values, rank, order) * coefficients).sum()
    scale = np.sqrt((coefficients**2).sum() * (values**2).sum())
    assert left == pytest.approx(right, abs=1e-13 * scale)  # rounding of sums of 512 products


@pytest.mark.parametrize("precision", TOLERANCE)
def test_same_bits_for_any_number_of_threads_and_any_order_of_calls(precision):
    mesh, rng = (40, 9, 33), np.random.default_rng(0)
    u, coefficients = coordinates(mesh, 500), rng.normal(size=(500, 20))
    values, threads = rng.normal(size=mesh), _pme.max_threads()
    results = []
    try:
        for count in (1, 2, 3, 8):
            _pme.set_num_threads(count)
            results.append(
                (
                    _pme.spread(u, coefficients, 3, 6, mesh, precision=precision),
                    _pme.gather(u, values, 3, 6, precision=precision),
                )
            )
    finally:
        _pme.set_num_threads(threads)
    for spread, gathered in results[1:]:
        assert np.array_equal(spread, results[0][0])
        assert np.array_equal(gathered, results[0][1])


def test_a_rank_without_continuous_derivatives_is_refused():
    with pytest.raises(ValueError, match="order of at least rank"):
        _pme.gather(np.zeros((1, 3)), np.zeros((8, 8, 8)), 3, 4)
    with pytest.raises(ValueError, match="order of at least rank"):
        _pme.spread(np.zeros((1, 3)), np.zeros((1, 35)), 4, 8, (8, 8, 8))
    with pytest.raises(ValueError, match="coefficients has shape"):
        _pme.spread(np.zeros((1, 3)), np.zeros((1, 3)), 1, 8, (8, 8, 8))
    with pytest.raises(ValueError, match="not finite"):
        _pme.gather(np.full((1, 3), np.nan), np.zeros((8, 8, 8)), 1, 4)
