"""First and second derivatives of the mesh and Ewald energies, against finite differences."""

import pytest
import torch
from electrostatic_systems import F64, TRICLINIC, batch_of, random_system
from hotpp_lr.constants import COULOMB_CONSTANT
from hotpp_lr.electrostatics.ewald import ewald_energy
from hotpp_lr.electrostatics.mesh import pme_energy
from hotpp_lr.electrostatics.response import energy_derivatives, strained

STEP = 1e-4
MESH = torch.tensor([[8, 7, 9]])
ENERGIES = {
    "ewald": (ewald_energy, {"smearing": 1.4, "k_max_sigma": 7.0}),
    "pme4": (pme_energy, {"smearing": 1.4, "order": 4, "mesh": MESH}),
    "pme5 plain": (pme_energy, {"smearing": 1.4, "order": 5, "mesh": MESH, "deconvolution": "plain"}),
    "pme6": (pme_energy, {"smearing": 1.4, "order": 6, "mesh": MESH, "subtract_self": False}),
    "pme7": (pme_energy, {"smearing": 1.4, "order": 7, "mesh": MESH, "deconvolution": "none"}),
}


def small_system(net_charge=0.0):
    return random_system(4, 0.35 * TRICLINIC, seed=11, net_charge=net_charge)


def central_difference(function, value):
    """d function / d value by central differences in every component."""
    result = torch.zeros_like(value)
    for i in range(value.numel()):
        step = torch.zeros_like(value)
        step.view(-1)[i] = STEP
        result.view(-1)[i] = (function(value + step) - function(value - step)) / (2 * STEP)
    return result


@pytest.mark.parametrize("name", ENERGIES)
@pytest.mark.parametrize("net_charge", [0.0, 1.0])
def test_force_potential_field_and_virial_are_derivatives_of_the_energy(name, net_charge):
    function, options = ENERGIES[name]
    r, cell, q, mu, structure = small_system(net_charge).args()
    found = energy_derivatives(function, r, cell, q, mu, structure, **options)

    def energy(r=r, cell=cell, q=q, mu=mu):
        return float(function(r, cell, q, mu, structure, **options)[0])

    # the error of central differences is STEP² times the third derivative
    near = {"rtol": 1e-5, "atol": 1e-6}
    torch.testing.assert_close(found.forces, -central_difference(lambda x: energy(r=x), r), **near)
    torch.testing.assert_close(found.potential, central_difference(lambda x: energy(q=x), q), **near)
    torch.testing.assert_close(found.field, -central_difference(lambda x: energy(mu=x), mu), **near)

    def energy_of_strain(strain):
        moved, moved_cell = strained(r, cell, structure, strain)
        return energy(r=moved, cell=moved_cell)

    strain = central_difference(energy_of_strain, torch.zeros(1, 3, 3, dtype=F64))
    torch.testing.assert_close(found.strain_derivative, strain, **near)


@pytest.mark.parametrize("order", [5, 6, 7, 8])
def test_second_derivatives_of_the_mesh_energy(order):
    r, cell, q, mu, structure = small_system(0.3).args()
    mesh = torch.tensor([[8, 9, 8]])

    def energy(r, cell, q, mu):
        return pme_energy(r, cell, q, mu, structure, smearing=1.4, order=order, mesh=mesh) / COULOMB_CONSTANT

    variables = tuple(x.clone().requires_grad_() for x in (r, cell, q, mu))
    assert torch.autograd.gradcheck(energy, variables, fast_mode=True)
    assert torch.autograd.gradgradcheck(energy, variables, fast_mode=order != 6)


@pytest.mark.parametrize("order", [4, 6])
def test_second_derivatives_with_charges_only_and_unequal_meshes(order):
    a = random_system(3, 0.3 * TRICLINIC, seed=1, dipoles=False)
    b = random_system(2, 0.35 * TRICLINIC, seed=2, dipoles=False, net_charge=1.0)
    r, cell, q, _, structure = batch_of(a, b).args()
    mesh = torch.tensor([[8, 9, 8], [9, 8, 8]])

    def energy(r, cell, q):
        return pme_energy(r, cell, q, None, structure, smearing=1.4, order=order, mesh=mesh)

    variables = tuple(x.clone().requires_grad_() for x in (r, cell, q))
    assert torch.autograd.gradcheck(energy, variables, fast_mode=True)
    assert torch.autograd.gradgradcheck(energy, variables, fast_mode=True)


def test_second_derivatives_of_the_direct_sum():
    r, cell, q, mu, structure = small_system().args()

    def energy(r, cell, q, mu):
        return ewald_energy(r, cell, q, mu, structure, smearing=1.4, k_max_sigma=6.0)

    variables = tuple(x.clone().requires_grad_() for x in (r, cell, q, mu))
    assert torch.autograd.gradcheck(energy, variables, fast_mode=True)
    assert torch.autograd.gradgradcheck(energy, variables, fast_mode=True)


def test_second_derivatives_equal_those_of_direct_summation():
    """Hessian-vector products, as force training takes them, on a mesh fine enough to be exact to 1e-5."""
    system = random_system(6, 0.4 * TRICLINIC, seed=4)
    direction = torch.randn(6, 3, dtype=F64, generator=torch.Generator().manual_seed(0))
    products = []
    mesh = torch.tensor([[24, 24, 24]])
    for function, options in (
        (ewald_energy, {"smearing": 1.2}),
        (pme_energy, {"smearing": 1.2, "order": 8, "mesh": mesh}),
    ):
        r, q, mu = (x.clone().requires_grad_() for x in (system.positions, system.charges, system.dipoles))
        energy = function(r, system.cell, q, mu, system.structure, **options)
        (gradient,) = torch.autograd.grad(energy.sum(), r, create_graph=True)
        second = torch.autograd.grad((gradient * direction).sum(), (r, q, mu))
        products.append(torch.cat([x.flatten() for x in second]))
    torch.testing.assert_close(products[1], products[0], rtol=1e-4, atol=1e-5 * products[0].abs().max())
