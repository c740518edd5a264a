"""Strain derivatives of atoms: what of the virial belongs to which atom."""

import numpy as np
import pytest
import torch
from hotpp_lr import _pme
from hotpp_lr.electrostatics.boundary import slab_correction
from hotpp_lr.electrostatics.ewald import ewald_energy
from hotpp_lr.electrostatics.mesh import pme_energy
from hotpp_lr.electrostatics.response import atom_strain_derivatives
from pme_systems import SMEARING, System, error

MESH = (12, 9, 16)
TOLERANCE = {"double": 1e-11, "float": 2e-5}  # rounding, of more terms than those of pme_systems


def symmetric(w) -> np.ndarray:
    """[..., 3, 3] -> [..., 6]: xx yy zz xy xz yz of the symmetric part."""
    w = np.asarray(w)
    w = 0.5 * (w + np.swapaxes(w, -1, -2))
    return w[..., [0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]


def plan_of(system, order=6, mesh=MESH, **settings):
    plan = _pme.Plan(order, mesh, SMEARING, **settings)
    plan.set_cell(system.cell)
    return plan


def reference(energy_function, system, with_dipoles=True, **options) -> np.ndarray:
    r, q, mu = (torch.tensor(a) for a in (system.positions, system.charges, system.dipoles))
    w = atom_strain_derivatives(
        energy_function,
        r,
        torch.tensor(system.cell)[None],
        q,
        mu if with_dipoles else None,
        torch.zeros(len(q), dtype=torch.int64),
        **options,
    )
    return symmetric(w.numpy())


@pytest.mark.parametrize("with_dipoles", [False, True])
@pytest.mark.parametrize(("order", "mesh"), [(4, (12, 10, 14)), (6, (9, 11, 15)), (8, MESH)])
@pytest.mark.parametrize("kernel", ["gaussian", "prolate"])
def test_equal_to_automatic_differentiation(order, mesh, with_dipoles, kernel):
    system = System(order)  # with a net charge: the background takes part
    options = {"smearing": SMEARING, "order": order, "mesh": torch.tensor([mesh]), "kernel": kernel}
    expected = reference(pme_energy, system, with_dipoles, **options)
    for precision, tolerance in TOLERANCE.items():
        plan = plan_of(system, order, mesh, kernel=kernel, precision=precision)
        assert error(plan.atom_strain(*system.atoms(with_dipoles)), expected) < tolerance, precision


@pytest.mark.parametrize("boundary", ["periodic", "slab"])
@pytest.mark.parametrize("with_dipoles", [False, True])
def test_the_atoms_add_up_to_the_whole(with_dipoles, boundary):
    system = System(5)
    if boundary == "slab":
        make_slab(system)
    plan = plan_of(system, boundary=boundary)
    atoms = system.atoms(with_dipoles)
    whole = plan.execute(*atoms, strain=True)
    total = plan.atom_strain(*atoms).sum(0)
    assert error(total, symmetric(whole["strain_derivative"])) < 1e-12
    # and the plan is as it was before
    again = plan.execute(*atoms, strain=True)
    assert all(np.array_equal(again[name], value) for name, value in whole.items())


def make_slab(system):
    rng = np.random.default_rng(2)
    system.cell[:2, 2], system.cell[2, 2] = 0.0, 30.0
    system.positions = rng.uniform(size=system.positions.shape) * (1, 1, 0.3) @ system.cell


def test_slab_equals_automatic_differentiation():
    system, mesh = System(8), (12, 12, 40)
    make_slab(system)

    def energy(r, cell, q, mu, structure, **options):
        return pme_energy(r, cell, q, mu, structure, **options) + slab_correction(r, cell, q, mu, structure)

    options = {"smearing": SMEARING, "order": 6, "mesh": torch.tensor([mesh])}
    expected = reference(energy, system, **options)
    assert error(plan_of(system, 6, mesh, boundary="slab").atom_strain(*system.atoms()), expected) < TOLERANCE["double"]


def test_fine_mesh_converges_to_the_ewald_sum():
    system = System(7, n=12)
    mesh = tuple(int(np.ceil(length / (0.25 * SMEARING))) for length in np.linalg.norm(system.cell, axis=1))
    expected = reference(ewald_energy, system, smearing=SMEARING)
    # order 8, h/smearing = 0.25: forces are right to 4e-7, and this holds as many derivatives
    assert error(plan_of(system, 8, mesh).atom_strain(*system.atoms()), expected) < 2e-6


def test_two_ions_in_a_large_cell_share_their_virial():
    """Far from its images, W_ab = r_a F_b/2 for each of the two, of the smeared pair force."""
    system = System(n=2)
    system.cell = 40.0 * np.eye(3)
    system.positions = np.array([[20.0, 20.0, 20.0], [21.5, 20.7, 18.9]])
    system.charges = np.array([1.0, -1.0])
    plan = plan_of(system, 6, (72, 72, 72))
    forces = plan.execute(*system.atoms(False))["forces"]
    half = -0.5 * np.outer(system.positions[1] - system.positions[0], forces[1])
    # images: dipole of 2 e·Å over 40 Å, k_e p²/L³ = 9e-4 eV
    assert np.abs(plan.atom_strain(*system.atoms(False)) - symmetric(half)).max() < 2e-3
    assert np.abs(half).max() > 0.3


@pytest.mark.parametrize("precision", ["double", "float"])
def test_same_bits_for_any_number_of_threads(precision):
    system, threads = System(3, n=200), _pme.max_threads()
    results = []
    try:
        for count in (1, 3):
            _pme.set_num_threads(count)
            results.append(plan_of(system, precision=precision).atom_strain(*system.atoms()))
    finally:
        _pme.set_num_threads(threads)
    assert np.array_equal(*results)
