"""Every kernel of the native mesh core against the stage of the Python reference with the same job."""

from math import pi

import numpy as np
import pytest
import torch
from hotpp_lr import _pme
from hotpp_lr.constants import COULOMB_CONSTANT
from hotpp_lr.electrostatics import assignment, influence, splines
from hotpp_lr.electrostatics.kernel import GaussianKernel
from hotpp_lr.electrostatics.mesh import mesh_potential
from pme_systems import DECONVOLUTIONS, MESHES, ORDERS, SMEARING, TOLERANCE, System, error

PRECISIONS = list(TOLERANCE)


def native_plan(system, order, mesh, precision="double", deconvolution="alias"):
    plan = _pme.Plan(order, mesh, SMEARING, deconvolution, precision=precision)
    plan.set_cell(system.cell)
    return plan


def inverse_cell(system):
    return torch.linalg.inv(torch.tensor(system.cell))[None]


def reference_stencils(system, order, mesh):
    size = torch.tensor([mesh])
    transform = assignment.mesh_transform(inverse_cell(system), size)[0]
    n = len(system.charges)
    stencils = assignment.make_stencils(
        torch.tensor(system.positions) @ transform,
        size.expand(n, 3),
        torch.zeros(n, dtype=torch.int64),
        order,
        torch.float64,
    )
    return stencils, transform


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("order", ORDERS)
def test_weights_and_derivatives(order, precision):
    for t in (-0.5, -0.31, 0.0, 0.25, 0.4999):
        native = _pme.weights(t, order, precision)
        for derivative in range(min(3, order - 1)):
            expected = splines.spline_weights(torch.tensor(t, dtype=torch.float64), order, derivative).numpy()
            assert error(native[derivative], expected) < TOLERANCE[precision] / 10


@pytest.mark.parametrize("order", ORDERS)
def test_weights_sum_to_one_and_reproduce_positions(order):
    for t in np.linspace(-0.5, 0.5, 7):
        w = _pme.weights(t, order)
        points = np.arange(order) - (order - 1) / 2
        assert w[0].sum() == pytest.approx(1.0, abs=1e-14)
        assert w[0] @ points == pytest.approx(t, abs=1e-14)
        assert w[1] @ points == pytest.approx(1.0, abs=1e-13)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("mesh", MESHES)
@pytest.mark.parametrize("order", ORDERS)
def test_spread_mesh(order, mesh, precision):
    system = System(order)
    stencils, transform = reference_stencils(system, order, mesh)
    plan = native_plan(system, order, mesh, precision)
    for with_dipoles in (False, True):
        dipoles = torch.tensor(system.dipoles) @ transform if with_dipoles else None
        expected = assignment.spread(stencils, torch.tensor(system.charges), dipoles, int(np.prod(mesh)))
        native = plan.spread(*system.atoms(with_dipoles))
        assert error(native, expected.reshape(mesh)) < TOLERANCE[precision]
        # weights sum to one and their gradients to zero
        assert native.sum() == pytest.approx(system.charges.sum(), abs=100 * TOLERANCE[precision])


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("deconvolution", DECONVOLUTIONS)
@pytest.mark.parametrize("mesh", MESHES)
@pytest.mark.parametrize("order", ORDERS)
def test_influence_function_and_potential_mesh(order, mesh, deconvolution, precision):
    system = System(order + 10)
    volume = abs(np.linalg.det(system.cell))
    reference_influence = influence.influence_function(
        inverse_cell(system),
        mesh,
        kernel=GaussianKernel(SMEARING),
        order=order,
        deconvolution=deconvolution,
    )
    plan = native_plan(system, order, mesh, precision, deconvolution)
    expected = 4 * pi * COULOMB_CONSTANT / volume * reference_influence[0].numpy()
    native = plan.influence()
    assert np.abs(native / np.where(expected == 0, 1, expected) - (expected != 0)).max() < TOLERANCE[precision]

    charge_mesh = np.random.default_rng(1).normal(size=mesh)
    potential, energy, _ = plan.potential_mesh(charge_mesh)
    expected = mesh_potential(torch.tensor(charge_mesh)[None], reference_influence, torch.tensor([volume]))[0]
    assert error(potential, expected) < TOLERANCE[precision]
    assert energy == pytest.approx(0.5 * float((expected.numpy() * charge_mesh).sum()), rel=TOLERANCE[precision])


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("mesh", MESHES)
@pytest.mark.parametrize("order", ORDERS)
def test_gathered_derivatives(order, mesh, precision):
    system = System(order + 20)
    rank = 2 if order >= 4 else 1
    values = np.random.default_rng(2).normal(size=mesh)
    stencils, _ = reference_stencils(system, order, mesh)
    expected = assignment.gather(stencils, torch.tensor(values).flatten(), rank)
    native = native_plan(system, order, mesh, precision).gather(system.positions, values)
    assert error(native[:, 0], expected[0]) < TOLERANCE[precision]
    assert error(native[:, 1:4], expected[1]) < TOLERANCE[precision]
    if rank == 2:
        rows, columns = [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]
        assert error(native[:, 4:], expected[2][:, rows, columns]) < TOLERANCE[precision]


@pytest.mark.parametrize("order", ORDERS)
def test_spread_and_gather_are_adjoint(order):
    system = System(order + 30)
    mesh = MESHES[2]
    plan = native_plan(system, order, mesh)
    values = np.random.default_rng(3).normal(size=mesh)
    _, transform = reference_stencils(system, order, mesh)
    gathered = plan.gather(system.positions, values)
    left = (plan.spread(*system.atoms()) * values).sum()
    right = system.charges @ gathered[:, 0] + (system.dipoles @ transform.numpy() * gathered[:, 1:4]).sum()
    assert left == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize("mesh", MESHES)
def test_strain_derivative_at_fixed_charge_mesh_is_exact(mesh):
    """Includes the Nyquist modes of even meshes: white noise fills them as well as all the others."""
    system = System(4)
    charge_mesh = np.random.default_rng(4).normal(size=mesh)
    _, _, strain_derivative = native_plan(system, 4, mesh).potential_mesh(charge_mesh)
    step, expected = 1e-4, np.zeros((3, 3))
    for a in range(3):
        for b in range(3):
            energies = []
            for sign in (1, -1):
                deformation = np.eye(3)
                deformation[a, b] += sign * step
                plan = _pme.Plan(4, mesh, SMEARING)
                plan.set_cell(system.cell @ deformation.T)
                energies.append(plan.potential_mesh(charge_mesh)[1])
            expected[a, b] = (energies[0] - energies[1]) / (2 * step)
    assert error(strain_derivative, expected) < 1e-7  # second-order differences, step 1e-4
