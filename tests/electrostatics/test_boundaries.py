"""Slabs and clusters."""

import pytest
import torch
from electrostatic_systems import CUBIC, F64, batch_of, full_coulomb, gradients, one, random_system, relative_rms
from hotpp_lr.constants import COULOMB_CONSTANT
from hotpp_lr.electrostatics.boundary import cluster_energy, cluster_mesh_energy, slab_correction
from hotpp_lr.electrostatics.ewald import ewald_energy
from hotpp_lr.electrostatics.kernel import GaussianKernel
from torch.autograd import gradcheck, gradgradcheck

#: sum over the square lattice of 1/R³ = 4 zeta(3/2) beta(3/2)
SQUARE_LATTICE_SUM = 9.03362168310095


def slab_coulomb(system, smearing=0.3):
    correction = slab_correction(*system.args()) / COULOMB_CONSTANT
    return float((full_coulomb(system, smearing) + correction)[0])


@pytest.mark.parametrize(
    ("direction", "expected"),
    [([0, 0, 1], SQUARE_LATTICE_SUM / 2), ([1, 0, 0], -SQUARE_LATTICE_SUM / 4)],
)
def test_square_lattice_of_dipoles(direction, expected):
    system = one([[0, 0, 0]], torch.diag(torch.tensor([1.0, 1.0, 6.0])), None, [direction])
    assert slab_coulomb(system) == pytest.approx(expected, rel=1e-11)  # images decay as exp(-2 pi 6)


@pytest.mark.parametrize("net_charge", [0.0, 1.0])
def test_slab_energy_does_not_depend_on_the_vacuum_nor_on_the_origin(net_charge):
    thin = random_system(12, torch.diag(torch.tensor([3.0, 3.0, 2.0], dtype=F64)), 3, net_charge=net_charge)
    energies = []
    for height, shift in ((14.0, 0.0), (14.0, 5.3), (23.0, 0.0)):
        cell = torch.diag(torch.tensor([3.0, 3.0, height], dtype=F64))[None]
        moved = thin.positions + torch.tensor([0.0, 0.0, shift], dtype=F64)
        energies.append(slab_coulomb(thin.with_(positions=moved, cell=cell), smearing=0.5))
    # images at 12 Å decay as exp(-2 pi 12/3)
    assert energies[1:] == pytest.approx([energies[0]] * 2, rel=1e-9)


def test_slab_needs_vacuum():
    system = one([[0, 0, 0.0], [0, 0, 4.1]], torch.diag(torch.tensor([8.0, 8.0, 12.0])), [1, -1])
    with pytest.raises(ValueError, match=r"4.10 Å thick .* height 12.00 Å.*vacuum at least 2 times"):
        slab_correction(*system.args())
    system.cell[0, 0, 2] = 1.0
    with pytest.raises(ValueError, match="xy plane"):
        slab_correction(*system.args())


def test_slab_derivatives():
    thin = random_system(4, torch.diag(torch.tensor([4.0, 4.0, 2.0], dtype=F64)), 3, net_charge=0.5)
    cell = torch.diag(torch.tensor([4.0, 4.0, 9.0], dtype=F64))[None]
    # a lattice vector in the plane may not tilt: only its diagonal is varied
    diagonal = torch.diagonal(cell, dim1=1, dim2=2).clone()

    def energy(r, diagonal, q, mu):
        return slab_correction(r, torch.diag_embed(diagonal), q, mu, thin.structure) / COULOMB_CONSTANT

    values = [x.clone().requires_grad_() for x in (thin.positions, diagonal, thin.charges, thin.dipoles)]
    assert gradcheck(energy, values, fast_mode=True) and gradgradcheck(energy, values, fast_mode=True)


def clusters(system, **options):
    r, cell, q, mu, structure = system.args()
    return cluster_energy(r, q, mu, structure, cell.shape[0], **options)


def test_three_dipoles_in_open_space():
    system = one([[0, 0, 0], [0, 2, 0], [0, 4, 0]], CUBIC, None, [[1, 1, 0]] * 3)
    assert float(clusters(system, smearing=None)[0]) / COULOMB_CONSTANT == pytest.approx(-0.265625, rel=1e-14)


def test_long_chain_of_dipoles_approaches_the_infinite_wire():
    n = 400
    r = torch.arange(n, dtype=F64)[:, None] * torch.tensor([[0.0, 0.0, 1.0]], dtype=F64)
    axis = torch.tensor([[0.0, 0.0, 1.0]], dtype=F64).repeat(n, 1)
    energies = clusters(batch_of(one(r, CUBIC, None, axis), one(r[:-1], CUBIC, None, axis[1:])), smearing=None)
    # one more dipole at the end costs one full wire: -2 zeta(3), truncated at n: 1/n²
    added = float(energies[0] - energies[1]) / COULOMB_CONSTANT
    assert added == pytest.approx(-2 * 1.2020569031595943, abs=2 / n**2)


def test_radial_functions_are_derivatives_of_the_kernel():
    kernel = GaussianKernel(1.3)
    r = torch.cat([torch.logspace(-3, 1.5, 60, dtype=F64), torch.tensor([1.8384, 1.8386], dtype=F64)])
    r.requires_grad_()
    b0, b1, b2 = kernel.radial(r)
    torch.testing.assert_close(b0, torch.erf(kernel.alpha * r) / r, rtol=1e-13, atol=0)
    (slope,) = torch.autograd.grad(b0.sum(), r, create_graph=True)
    torch.testing.assert_close(-slope / r, b1, rtol=1e-11, atol=1e-14)
    (slope,) = torch.autograd.grad(b1.sum(), r)
    torch.testing.assert_close(-slope / r, b2, rtol=1e-10, atol=1e-14)
    zero = kernel.radial(torch.zeros(1, dtype=F64))
    assert [float(b) for b in zero[:2]] == pytest.approx(kernel.at_zero(), rel=1e-15)


def test_kernel_transform_derivative():
    k2 = torch.linspace(0.1, 9.0, 20, dtype=F64, requires_grad=True)
    kernel = GaussianKernel(0.8)
    (slope,) = torch.autograd.grad(kernel.transform(k2).sum(), k2)
    torch.testing.assert_close(slope, kernel.transform_derivative(k2), rtol=1e-13, atol=0)


def test_distant_gaussians_interact_like_points():
    system = random_system(6, 60.0 * CUBIC, seed=1)
    smeared, bare = (clusters(system, smearing=s) for s in (1.0, None))
    torch.testing.assert_close(smeared, bare, rtol=1e-9, atol=0)


def test_cluster_is_the_limit_of_a_large_periodic_box():
    """A cluster without charge, dipole and quadrupole feels its images as L^-7 only."""
    corners = torch.cartesian_prod(*[torch.tensor([-0.9, 0.9], dtype=F64)] * 3)
    charges = corners.prod(1).sign()
    mu = 0.2 * corners * charges[:, None]
    system = one(corners, 30.0 * CUBIC, charges, mu)
    periodic = ewald_energy(*system.args(), smearing=1.2, k_max_sigma=6.5)
    torch.testing.assert_close(clusters(system, smearing=1.2), periodic, rtol=1e-6, atol=0)


def test_clusters_in_a_batch_equal_each_alone():
    systems = [random_system(n, 5.0 * CUBIC, seed=n) for n in (5, 1, 8)]
    together = clusters(batch_of(*systems), smearing=1.0, subtract_self=False)
    alone = torch.cat([clusters(s, smearing=1.0, subtract_self=False) for s in systems])
    torch.testing.assert_close(together, alone, rtol=1e-13, atol=0)


@pytest.mark.parametrize("smearing", [1.0, None])
def test_cluster_derivatives(smearing):
    system = random_system(4, 3.0 * CUBIC, seed=2)

    def energy(r, q, mu):
        return cluster_energy(r, q, mu, system.structure, 1, smearing=smearing) / COULOMB_CONSTANT

    values = [x.clone().requires_grad_() for x in (system.positions, system.charges, system.dipoles)]
    assert gradcheck(energy, values, fast_mode=True) and gradgradcheck(energy, values, fast_mode=True)


def clusters_on_mesh(system, **options):
    options = {"smearing": 1.1, "order": 8, "spacing": 0.5} | options
    n = system.cell.shape[0]
    return lambda r, cell, q, mu, structure: cluster_mesh_energy(r, q, mu, structure, n, **options)


@pytest.mark.parametrize("kernel", ["gaussian", "prolate"])
@pytest.mark.parametrize("net_charge", [0.0, 2.0])
def test_mesh_of_a_cluster_equals_the_pair_sum(net_charge, kernel):
    flat = torch.diag(torch.tensor([9.0, 6.0, 3.0], dtype=F64))
    system = batch_of(
        random_system(30, flat, 1, net_charge=net_charge), random_system(20, 4.0 * CUBIC, 2, net_charge=-net_charge)
    )

    def direct(r, cell, q, mu, structure):
        return cluster_energy(r, q, mu, structure, 2, smearing=1.1, kernel=kernel)

    expected = gradients(direct, system)
    found = gradients(clusters_on_mesh(system, kernel=kernel), system)
    for name, value, reference in zip(("energy", "forces", "potential", "field"), found, expected, strict=True):
        # order 8 at 0.45 smearings: 2e-5 (Gaussian); the tail 1e-4 of the prolate kernel reaches the images at 6
        # smearings as 1e-4/(k_c r) = 5e-6
        assert relative_rms(value, reference) < 6e-5, name


def test_mesh_of_a_cluster_can_be_differentiated_twice():
    system = random_system(3, 3.0 * CUBIC, 5, net_charge=1.0)
    options = {"smearing": 1.0, "order": 5, "spacing": 1.6}
    room = (torch.full((1, 3), 3.0, dtype=F64), torch.full((1,), 5.2, dtype=F64))

    def energy(r, q, mu):
        return cluster_mesh_energy(r, q, mu, system.structure, 1, room=room, **options) / COULOMB_CONSTANT

    values = [x.clone().requires_grad_() for x in (system.positions, system.charges, system.dipoles)]
    assert gradgradcheck(energy, values)


def test_cluster_is_the_limit_of_large_vacuum():
    cluster = random_system(10, 3.0 * CUBIC, 6)
    expected = cluster_mesh_energy(
        cluster.positions, cluster.charges, cluster.dipoles, cluster.structure, 1, smearing=1.0, order=8, spacing=0.4
    )
    differences = []
    for length in (20.0, 40.0):
        periodic = cluster.with_(cell=length * CUBIC[None])
        energy = ewald_energy(*periodic.args(), smearing=1.0, k_max_sigma=6.0)
        moment = (cluster.charges[:, None] * cluster.positions + cluster.dipoles).sum(0)
        # images of the total dipole in conducting surroundings
        energy = energy + 2.0 * torch.pi / 3.0 * COULOMB_CONSTANT / length**3 * (moment**2).sum()
        differences.append(float(abs(energy - expected)))
    # what is left are images of quadrupoles, L^-5
    assert differences[1] < 1e-5 * float(abs(expected)) and differences[1] < differences[0] / 16
