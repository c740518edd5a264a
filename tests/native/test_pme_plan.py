"""All outputs of the native mesh core: against the Python reference, finite differences and each other."""

import numpy as np
import pytest
import torch
from hotpp_lr import _pme
from hotpp_lr.electrostatics.ewald import ewald_energy
from pme_systems import DECONVOLUTIONS, MESHES, ORDERS, SMEARING, TOLERANCE, System, error, reference


def native(system, order, mesh, deconvolution="alias", precision="double", with_dipoles=True, **options):
    plan = _pme.Plan(order, mesh, SMEARING, deconvolution, precision=precision)
    plan.set_cell(system.cell)
    return plan.execute(*system.atoms(with_dipoles), **options)


@pytest.mark.parametrize("with_dipoles", [False, True])
@pytest.mark.parametrize("mesh", MESHES)
@pytest.mark.parametrize("order", ORDERS)
def test_all_outputs_equal_the_reference(order, mesh, with_dipoles):
    for deconvolution in DECONVOLUTIONS:
        system = System(order)
        expected = reference(system, order, mesh, deconvolution, with_dipoles)
        smooth = order >= 4 or not with_dipoles
        for precision, tolerance in TOLERANCE.items():
            results = native(system, order, mesh, deconvolution, precision, with_dipoles, forces=smooth, strain=smooth)
            for name, value in expected.items():
                assert error(results[name], value) < tolerance, (name, precision, deconvolution)


@pytest.mark.parametrize("order", range(4, 9))
def test_forces_potential_field_and_strain_are_derivatives_of_the_energy(order):
    system, mesh, step = System(order + 40), MESHES[2], 1e-4
    results = native(system, order, mesh, strain=True)

    def slope(change):
        energies = []
        for sign in (1, -1):
            moved = System(order + 40)
            change(moved, sign * step)
            energies.append(native(moved, order, mesh)["energy"])
        return (energies[0] - energies[1]) / (2 * step)

    def shift(array, index):
        def change(moved, amount):
            getattr(moved, array)[index] += amount

        return change

    def strain(a, b):
        def change(moved, amount):
            deformation = np.eye(3)
            deformation[a, b] += amount
            moved.cell, moved.positions = moved.cell @ deformation.T, moved.positions @ deformation.T

        return change

    # order 4: the third derivative of the energy jumps between mesh cells, so differences are less exact
    tolerance = 1e-4 if order == 4 else 1e-6
    for i in range(3):
        index = (5 + i, i)
        assert slope(shift("positions", index)) == pytest.approx(-results["forces"][index], abs=tolerance)
        assert slope(shift("dipoles", index)) == pytest.approx(-results["field"][index], abs=1e-8)
        assert slope(shift("charges", i)) == pytest.approx(results["potential"][i], abs=1e-8)
    for a in range(3):
        for b in range(3):
            assert slope(strain(a, b)) == pytest.approx(results["strain_derivative"][a, b], abs=1e-5)


def test_fine_mesh_converges_to_the_ewald_sum():
    system = System(7)
    n = len(system.charges)
    r = torch.tensor(system.positions, requires_grad=True)
    arguments = torch.tensor(system.cell)[None], torch.tensor(system.charges), torch.tensor(system.dipoles)
    energy = ewald_energy(r, *arguments, torch.zeros(n, dtype=torch.int64), smearing=SMEARING)
    forces = -torch.autograd.grad(energy.sum(), r)[0].numpy()
    mesh = tuple(int(np.ceil(length / (0.25 * SMEARING))) for length in np.linalg.norm(system.cell, axis=1))
    results = native(system, 8, mesh)
    rms = np.sqrt(((results["forces"] - forces) ** 2).mean() / (forces**2).mean())
    assert rms < 5e-7  # order 8, h/smearing = 0.25: the accuracy table says 4.2e-7 at most
    assert results["energy"] == pytest.approx(energy.item(), rel=1e-7)


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("order", ORDERS)
def test_same_bits_for_any_number_of_threads(order, precision):
    system, mesh = System(order, n=200), (12, 9, 16)
    threads = _pme.max_threads()
    results = []
    try:
        for count in (1, 2, 5):
            _pme.set_num_threads(count)
            results.append(native(system, order, mesh, precision=precision, forces=order >= 4, strain=True))
    finally:
        _pme.set_num_threads(threads)
    for other in results[1:]:
        for name, value in results[0].items():
            assert np.array_equal(value, other[name]), name


def test_a_plan_can_be_used_again_with_other_cells_and_atoms():
    first, second = System(1), System(2, n=60)
    plan = _pme.Plan(6, MESHES[0], SMEARING)
    for system in (first, second, first):
        plan.set_cell(system.cell)
        for with_dipoles in (True, False, True):
            fresh = native(system, 6, MESHES[0], with_dipoles=with_dipoles, strain=True)
            for name, value in plan.execute(*system.atoms(with_dipoles), strain=True).items():
                assert np.array_equal(value, fresh[name]), name


def test_no_atoms_give_zero():
    plan = _pme.Plan(6, MESHES[0], SMEARING)
    plan.set_cell(10 * np.eye(3))
    results = plan.execute(np.zeros((0, 3)), np.zeros(0), np.zeros((0, 3)), strain=True)
    assert results["energy"] == 0 and not results["strain_derivative"].any()


@pytest.mark.parametrize("mesh", MESHES)
def test_same_energy_in_the_mirror_image_and_for_a_left_handed_cell(mesh):
    """Inversion changes the sign of odd products of k; a left-handed cell has a negative determinant."""
    system = System(8)
    expected = native(system, 6, mesh, strain=True)
    swapped = System(8)
    swapped.cell = swapped.cell[[1, 0, 2]]
    assert error(native(swapped, 6, (mesh[1], mesh[0], mesh[2]))["forces"], expected["forces"]) < 1e-11
    inverted = System(8)
    inverted.positions, inverted.dipoles = -inverted.positions, -inverted.dipoles
    assert error(native(inverted, 6, mesh)["forces"], -expected["forces"]) < 1e-11


def test_translation_by_lattice_vectors_changes_nothing():
    system, moved = System(9), System(9)
    moved.positions = moved.positions + np.array([[3, -2, 5]]) @ moved.cell
    for name, value in native(system, 6, MESHES[0]).items():
        assert error(native(moved, 6, MESHES[0])[name], value) < 1e-11


def test_a_float_mesh_is_good_to_five_parts_in_a_million():
    """200 ions and dipoles at a spacing of half the smearing; rounding grows with the derivatives of the weights."""
    rng, n, length = np.random.default_rng(11), 200, 12.6
    atoms = rng.uniform(0, length, (n, 3)), rng.normal(0, 0.5, n), rng.normal(0, 0.3, (n, 3))
    results = {}
    for precision in TOLERANCE:
        plan = _pme.Plan(8, (24, 24, 25), 1.0, precision=precision)
        plan.set_cell(length * np.eye(3))
        results[precision] = plan.execute(*atoms, strain=True)
    for name, value in results["double"].items():
        difference = np.asarray(results["float"][name]) - value
        assert np.sqrt((difference**2).mean()) < 5e-6 * np.sqrt((np.asarray(value) ** 2).mean()), name


@pytest.mark.parametrize(("precision", "bytes_per_atom"), [("float", 100), ("double", 160)])
def test_memory_beside_the_mesh_is_small(precision, bytes_per_atom):
    """Two copies of the stencil's place, the coefficients, two indices and a key; no derivatives."""
    n = 20000
    plan = _pme.Plan(8, (32, 32, 32), 1.0, precision=precision)
    plan.set_cell(58.5 * np.eye(3))
    rng = np.random.default_rng(0)
    plan.execute(rng.uniform(0, 58.5, (n, 3)), rng.normal(size=n), rng.normal(size=(n, 3)), strain=True)
    assert plan.memory()["atoms"] < bytes_per_atom * n


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("with_dipoles", [False, True])
def test_outputs_do_not_depend_on_what_else_is_wanted(with_dipoles, precision):
    """The energy comes from the gather, or from the modes when the strain derivative is wanted."""
    system = System(12)
    everything = native(system, 6, MESHES[0], precision=precision, with_dipoles=with_dipoles, strain=True)
    for options in ({"forces": False}, {"forces": True}, {"forces": False, "strain": True}):
        results = native(system, 6, MESHES[0], precision=precision, with_dipoles=with_dipoles, **options)
        for name, value in results.items():
            assert error(np.atleast_1d(value), np.atleast_1d(everything[name])) < TOLERANCE[precision], (name, options)


@pytest.mark.parametrize("mesh", [(8, 9, 10), (16, 12, 14), (32, 27, 25), (13, 11, 17), (64, 8, 21), (30, 23, 49)])
@pytest.mark.parametrize("precision", TOLERANCE)
def test_transforms_of_any_size(mesh, precision):
    """All radices, their products, primes above 7, more rows than are transformed together and fewer."""
    plan = _pme.Plan(4, mesh, 1.0, precision=precision)
    plan.set_cell(10 * np.eye(3) + np.arange(9).reshape(3, 3) / 10)
    rho = np.random.default_rng(0).normal(size=mesh)
    expected = np.fft.irfftn(np.fft.rfftn(rho) * plan.influence(), s=mesh, axes=(0, 1, 2)) * rho.size
    assert error(plan.potential_mesh(rho)[0], expected) < TOLERANCE[precision]
