"""Every stage of the mesh evaluation on its own."""

from math import pi

import pytest
import torch
from electrostatic_systems import F64, SIXTY_DEGREES, TRICLINIC, random_system
from hotpp_lr.constants import COULOMB_CONSTANT
from hotpp_lr.electrostatics.assignment import gather, make_stencils, spread
from hotpp_lr.electrostatics.influence import axis_deconvolution, influence_function, mode_numbers
from hotpp_lr.electrostatics.kernel import GaussianKernel
from hotpp_lr.electrostatics.mesh import MeshLayout, mesh_potential, reciprocal_sums
from hotpp_lr.electrostatics.response import gathered_derivatives, pme_derivatives
from hotpp_lr.electrostatics.splines import spline_weights, stencil

ORDERS = range(3, 9)
CPU = torch.device("cpu")


def stencils_in(mesh, u, order):
    n = len(u)
    sizes = torch.tensor(mesh).expand(n, 3)
    return make_stencils(u, sizes, torch.zeros(n, dtype=torch.int64), order, F64)


@pytest.mark.parametrize("order", ORDERS)
def test_weights_partition_unity_and_reproduce_lines(order):
    u = torch.linspace(-3.0, 7.0, 101, dtype=F64)
    first, t = stencil(u, order)
    assert t.min() >= -0.5 and t.max() < 0.5
    weights = spline_weights(t, order)
    points = first[:, None] + torch.arange(order)
    assert (weights > -1e-15).all()
    torch.testing.assert_close(weights.sum(1), torch.ones_like(u), rtol=0, atol=1e-14)
    torch.testing.assert_close((weights * points).sum(1), u, rtol=0, atol=1e-13)
    slopes = spline_weights(t, order, 1)
    torch.testing.assert_close(slopes.sum(1), torch.zeros_like(u), rtol=0, atol=1e-14)
    torch.testing.assert_close((slopes * points).sum(1), torch.ones_like(u), rtol=0, atol=1e-13)


@pytest.mark.parametrize("order", ORDERS)
def test_weights_are_continuous_up_to_order_minus_two_derivatives(order):
    left, right = torch.tensor([0.5], dtype=F64), torch.tensor([-0.5], dtype=F64)
    for derivative in range(order - 1):
        before = spline_weights(left, order, derivative)[0, 1:]
        after = spline_weights(right, order, derivative)[0, :-1]
        torch.testing.assert_close(before, after, rtol=0, atol=1e-13)
    with pytest.raises(ValueError, match="not continuous"):
        spline_weights(left, order, order - 1)


@pytest.mark.parametrize("order", ORDERS)
def test_float32_weights_are_accurate_to_rounding(order):
    t = torch.linspace(-0.5, 0.5, 201, dtype=torch.float32)
    error = spline_weights(t, order).double() - spline_weights(t.double(), order)
    assert error.abs().max() < 2e-7  # two roundings of numbers below 1


@pytest.mark.parametrize("order", ORDERS)
def test_monopole_and_dipole_moment_of_the_spread_mesh(order):
    mesh = (17, 18, 20)
    u = 8.0 + torch.rand(6, 3, dtype=F64)  # stencils do not reach the borders
    q, mu = torch.randn(6, dtype=F64), torch.randn(6, 3, dtype=F64)
    rho = spread(stencils_in(mesh, u, order), q, mu, 17 * 18 * 20).view(mesh)
    points = torch.stack(torch.meshgrid(*(torch.arange(k, dtype=F64) for k in mesh), indexing="ij"), -1)
    torch.testing.assert_close(rho.sum(), q.sum(), rtol=0, atol=1e-13)
    moment = (rho[..., None] * points).sum((0, 1, 2))
    torch.testing.assert_close(moment, (q[:, None] * u + mu).sum(0), rtol=0, atol=1e-11)


@pytest.mark.parametrize("order", ORDERS)
def test_atom_on_a_mesh_point_spreads_symmetrically(order):
    mesh = (9, 10, 11)
    u = torch.tensor([[4.0, 5.0, 0.0]], dtype=F64)
    rho = spread(stencils_in(mesh, u, order), torch.ones(1, dtype=F64), None, 990).view(mesh)
    centred = torch.roll(rho, (-4, -5, 0), (0, 1, 2))
    for axis in range(3):
        mirrored = torch.roll(torch.flip(centred, (axis,)), 1, axis)
        torch.testing.assert_close(mirrored, centred, rtol=0, atol=1e-15)
    assert centred.argmax() == 0


@pytest.mark.parametrize("order", ORDERS)
def test_atoms_outside_the_cell_spread_like_their_images(order):
    mesh = (8, 9, 10)
    u = torch.rand(5, 3, dtype=F64) * torch.tensor(mesh)
    shift = torch.tensor(mesh) * torch.tensor([[0, 0, 0], [1, 0, -1], [-2, 3, 0], [0, -1, 5], [7, 0, 0]])
    q = torch.randn(5, dtype=F64)
    inside = spread(stencils_in(mesh, u, order), q, None, 720)
    outside = spread(stencils_in(mesh, u + shift, order), q, None, 720)
    torch.testing.assert_close(outside, inside, rtol=0, atol=1e-13)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("n", [12, 13])
def test_alias_deconvolution_is_the_sum_over_aliases(n, order):
    m = torch.arange(-4000, 4001, dtype=F64)
    factors = torch.tensor(axis_deconvolution(n, order, "alias"), dtype=F64)
    k = mode_numbers(n)
    brute = (torch.sinc((k[:, None] + n * m) / n) ** (2 * order)).sum(1)
    torch.testing.assert_close(factors, 1.0 / brute, rtol=1e-10, atol=0)
    plain = torch.tensor(axis_deconvolution(n, order, "plain"), dtype=F64)
    torch.testing.assert_close(plain, torch.sinc(k / n) ** (-2 * order), rtol=1e-12, atol=0)
    assert (factors > 0).all() and factors.max() < 1e6  # no zero of the weights at Nyquist


def test_identity_influence_returns_the_mesh():
    rho = torch.randn(2, 6, 7, 8, dtype=F64)
    volume = torch.tensor([20.0, 30.0], dtype=F64)
    phi = mesh_potential(rho, torch.ones(2, 6, 7, 5, dtype=F64), volume)
    scale = 4 * pi * COULOMB_CONSTANT * 6 * 7 * 8 / volume
    torch.testing.assert_close(phi, rho * scale[:, None, None, None], rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("mode", [(1, 2, 3), (3, -2, 0), (-4, 1, 2), (2, -4, -3), (0, 0, 1)])
def test_fourier_mode_in_is_fourier_mode_out(mode):
    mesh, smearing = (8, 8, 9), 1.3
    cell = 9.0 * SIXTY_DEGREES
    inverse = torch.linalg.inv(cell)
    k2 = ((2 * pi * torch.tensor(mode, dtype=F64) @ inverse.T) ** 2).sum()
    grids = torch.meshgrid(*(torch.arange(n, dtype=F64) / n for n in mesh), indexing="ij")
    rho = torch.cos(2 * pi * sum(m * g for m, g in zip(mode, grids, strict=True)) + 0.4)[None]
    influence = influence_function(inverse[None], mesh, kernel=GaussianKernel(smearing), order=5, deconvolution="none")
    phi = mesh_potential(rho, influence, torch.linalg.det(cell)[None].abs())
    expected = torch.exp(-(smearing**2) * k2 / 2) / k2
    if 4 in map(abs, mode):
        # Nyquist of an even axis: the mean of k² over both signs of that component
        twin = torch.tensor([-m if abs(m) == 4 else m for m in mode], dtype=F64)
        k2 = (k2 + ((2 * pi * twin @ inverse.T) ** 2).sum()) / 2
        expected = torch.exp(-(smearing**2) * k2 / 2) / k2
    scale = 4 * pi * COULOMB_CONSTANT * 8 * 8 * 9 / torch.linalg.det(cell).abs()
    torch.testing.assert_close(phi, scale * expected * rho, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("order", ORDERS)
def test_spread_and_gather_are_adjoint(order):
    mesh = (8, 9, 11)
    stencils = stencils_in(mesh, 20.0 * torch.randn(10, 3, dtype=F64), order)
    q, mu = torch.randn(10, dtype=F64), torch.randn(10, 3, dtype=F64)
    m = torch.randn(8 * 9 * 11, dtype=F64)
    potential, gradient = gather(stencils, m, rank=1)
    left = spread(stencils, q, mu, m.numel()) @ m
    torch.testing.assert_close(left, q @ potential + (mu * gradient).sum(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mesh", [(8, 9, 10), (9, 10, 9)])
def test_energy_sum_is_half_of_charge_times_potential(mesh):
    """The sum over modes used for the energy and the potential mesh are one and the same quadratic form."""
    rho = torch.randn(1, *mesh, dtype=F64)
    inverse = torch.linalg.inv(TRICLINIC)[None]
    options = {"kernel": GaussianKernel(1.0), "order": 4, "deconvolution": "alias"}
    layout = MeshLayout(torch.tensor([mesh]), CPU)
    sums = reciprocal_sums(rho.flatten(), inverse, layout, **options)
    phi = mesh_potential(rho, influence_function(inverse, mesh, **options), torch.ones(1, dtype=F64))
    product = (rho * phi).sum() / (4 * pi * COULOMB_CONSTANT)
    torch.testing.assert_close(sums[0], product, rtol=1e-12, atol=0)


@pytest.mark.parametrize("order", [4, 5, 6, 7, 8])
@pytest.mark.parametrize("net_charge", [0.0, 2.0])
def test_gathered_derivatives_equal_autograd(order, net_charge):
    system = random_system(12, 0.6 * TRICLINIC, seed=order, net_charge=net_charge)
    options = {"smearing": 1.2, "order": order, "mesh": torch.tensor([[12, 13, 15]])}
    explicit = gathered_derivatives(*system.args(), **options)
    automatic = pme_derivatives(*system.args(), **options)
    for name in ("energy", "potential", "field", "forces"):
        torch.testing.assert_close(getattr(explicit, name), getattr(automatic, name), rtol=1e-11, atol=1e-11)
