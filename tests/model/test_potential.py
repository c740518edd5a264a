"""Physical properties of the assembled potential, in float64."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hotpp_lr.data.batch import collate, prepare
from hotpp_lr.training.dataset import sample
from scipy.spatial.transform import Rotation
from support import NACL, make_potential, make_salt


def evaluate(potential, *structures, stress=False):
    samples = [sample(s, NACL, potential.config) for s in structures]
    return potential(collate(samples), stress=stress)


def rotated(structure, matrix):
    return replace(structure, positions=structure.positions @ matrix.T, cell=structure.cell @ matrix.T)


@pytest.mark.parametrize("improper", [False, True], ids=["rotation", "reflection"])
def test_equivariance(electrostatics, improper):
    potential = make_potential(electrostatics)
    structure = make_salt(triclinic=True)
    matrix = Rotation.random(random_state=3).as_matrix() * (-1 if improper else 1)
    a = evaluate(potential, structure, stress=True)
    b = evaluate(potential, rotated(structure, matrix), stress=True)
    r = torch.from_numpy(matrix)
    # The mesh lies along the cell vectors and turns with them, so that even its error is the same.
    torch.testing.assert_close(b.energy, a.energy, rtol=0, atol=1e-10)
    torch.testing.assert_close(b.charges, a.charges, rtol=0, atol=1e-12)
    torch.testing.assert_close(b.dipoles, a.dipoles @ r.T, rtol=0, atol=1e-12)
    torch.testing.assert_close(b.forces, a.forces @ r.T, rtol=0, atol=1e-10)
    torch.testing.assert_close(b.stress, r @ a.stress @ r.T, rtol=0, atol=1e-12)
    assert a.forces.abs().max() > 1e-2
    if electrostatics == "charge+dipole":
        assert a.dipoles.abs().max() > 1e-3


def test_translation_by_a_mesh_cell_changes_nothing(electrostatics):
    potential = make_potential(electrostatics)
    structure = make_salt()
    mesh = sample(structure, NACL, potential.config).mesh
    shift = structure.cell[0] / max(mesh[0], 1) * 3 + structure.cell[2]
    a = evaluate(potential, structure)
    b = evaluate(potential, replace(structure, positions=structure.positions + shift))
    torch.testing.assert_close(b.energy, a.energy, rtol=0, atol=1e-10)
    torch.testing.assert_close(b.forces, a.forces, rtol=0, atol=1e-10)


def test_arbitrary_translation_changes_energy_only_by_the_mesh_error():
    potential = make_potential("charge+dipole", accuracy=1e-6, order=8)
    structure = make_salt()
    a = evaluate(potential, structure)
    b = evaluate(potential, replace(structure, positions=structure.positions + np.array([0.123, -0.4, 0.77])))
    # accuracy is a relative force error of 1e-6; energies are more accurate than forces.
    torch.testing.assert_close(b.energy, a.energy, rtol=0, atol=1e-5 * float(a.mesh_energy.abs().max()))
    torch.testing.assert_close(b.forces, a.forces, rtol=0, atol=1e-5)


def test_permutation(electrostatics):
    potential = make_potential(electrostatics)
    structure = make_salt()
    order = np.random.default_rng(1).permutation(len(structure))
    shuffled = replace(structure, numbers=structure.numbers[order], positions=structure.positions[order])
    a, b = evaluate(potential, structure), evaluate(potential, shuffled)
    torch.testing.assert_close(b.energy, a.energy, rtol=0, atol=1e-10)
    torch.testing.assert_close(b.forces, a.forces[order], rtol=0, atol=1e-10)
    torch.testing.assert_close(b.charges, a.charges[order], rtol=0, atol=1e-12)


def test_forces_are_minus_gradient(electrostatics):
    potential = make_potential(electrostatics)
    structure = make_salt(triclinic=True)
    mesh = sample(structure, NACL, potential.config).mesh

    def energy(positions):
        moved = replace(structure, positions=positions)
        return float(potential(collate([prepare(moved, NACL, potential.config.cutoff, mesh)])).energy)

    forces = evaluate(potential, structure).forces.numpy()
    h = 1e-4
    for atom, axis in ((0, 0), (13, 1), (40, 2)):
        step = np.zeros_like(structure.positions)
        step[atom, axis] = h
        slope = (energy(structure.positions + step) - energy(structure.positions - step)) / (2 * h)
        # central difference: error h² = 1e-8 times the third derivative, of the order of force / Å²
        assert forces[atom, axis] == pytest.approx(-slope, rel=1e-6, abs=1e-6)


def test_stress_is_the_strain_derivative(electrostatics):
    potential = make_potential(electrostatics)
    structure = make_salt(triclinic=True)
    mesh = sample(structure, NACL, potential.config).mesh
    stress = evaluate(potential, structure, stress=True).stress[0].numpy()
    volume = abs(np.linalg.det(structure.cell))

    def energy(strain):
        f = np.eye(3) + strain
        moved = replace(structure, positions=structure.positions @ f, cell=structure.cell @ f)
        return float(potential(collate([prepare(moved, NACL, potential.config.cutoff, mesh)])).energy)

    h = 1e-5
    for i, j in ((0, 0), (2, 2), (0, 1), (1, 2)):
        strain = np.zeros((3, 3))
        strain[i, j] += h / 2
        strain[j, i] += h / 2
        slope = (energy(strain) - energy(-strain)) / (2 * h)
        # the energy is rounded at 1e-12 relative of some 100 eV: 1e-10 / 2h = 5e-6 eV, over 1400 Å³
        assert stress[i, j] == pytest.approx(slope / volume, abs=2e-8)


def test_energy_forces_and_charges_are_continuous_at_the_cutoff(electrostatics):
    """One atom moves through the cutoff of another in steps of 1e-5 Å: no jump anywhere."""
    potential = make_potential(electrostatics, cutoff=4.0, accuracy=1e-3)
    cell = 20.0 * np.eye(3)

    def at(distance):
        structure = replace(
            make_salt(1),
            numbers=np.array([11, 17, 17]),
            positions=np.array([[5.0, 5, 5], [5 + distance, 5, 5], [5.0, 7.5, 5]]),
            cell=cell,
        )
        return evaluate(potential, structure)

    below, above = at(4.0 - 1e-5), at(4.0 + 1e-5)
    # A smooth function moves by slope × 2e-5 Å; the published predecessor jumped by 3e-2 eV here.
    assert abs(float(below.energy - above.energy)) < 1e-4
    assert float((below.forces - above.forces).abs().max()) < 1e-4
    assert float((below.charges - above.charges).abs().max()) < 1e-8
    inside = at(3.5)
    assert float((inside.atomic_energies - above.atomic_energies).abs().max()) > 1e-5, "the pair must interact"


def test_small_cell_sees_its_own_images(electrostatics):
    """A cell smaller than the cutoff gives, per atom, what its 2×2×2 supercell gives."""
    potential = make_potential(electrostatics, accuracy=1e-7, order=8)
    small = make_salt(1, jitter=0.2)
    assert small.cell[0, 0] < 2 * potential.config.cutoff
    shifts = np.stack(np.meshgrid(*[np.arange(2)] * 3, indexing="ij"), -1).reshape(-1, 3) @ small.cell
    large = replace(
        small,
        numbers=np.tile(small.numbers, 8),
        positions=(small.positions[None] + shifts[:, None]).reshape(-1, 3),
        cell=2 * small.cell,
    )
    a, b = evaluate(potential, small, stress=True), evaluate(potential, large, stress=True)
    # The two meshes differ unless their spacings are equal: agreement to the mesh's accuracy.
    torch.testing.assert_close(b.energy, 8 * a.energy, rtol=1e-7, atol=0)
    torch.testing.assert_close(b.forces, a.forces.repeat(8, 1), rtol=0, atol=1e-5)
    torch.testing.assert_close(b.stress, a.stress, rtol=0, atol=1e-6)


def test_batch_equals_single_structures(electrostatics):
    potential = make_potential(electrostatics)
    structures = [make_salt(1), make_salt(2, triclinic=True), make_salt(1, seed=5)]
    together = evaluate(potential, *structures)
    alone = [evaluate(potential, s) for s in structures]
    torch.testing.assert_close(together.energy, torch.cat([a.energy for a in alone]), rtol=0, atol=1e-10)
    torch.testing.assert_close(together.forces, torch.cat([a.forces for a in alone]), rtol=0, atol=1e-10)


def test_charges_are_neutral_or_sum_to_the_total_charge():
    for total in (0.0, 1.0):
        potential = make_potential("charge", total_charge=total)
        result = evaluate(potential, make_salt(1), make_salt(2))
        sums = [float(c.sum()) for c in result.charges.split([8, 64])]
        assert sums == pytest.approx([total, total], abs=1e-12)


def test_native_message_gives_the_same_potential(electrostatics):
    structure = make_salt(triclinic=True)
    a = evaluate(make_potential(electrostatics, native=False), structure, stress=True)
    b = evaluate(make_potential(electrostatics, native=True), structure, stress=True)
    torch.testing.assert_close(b.energy, a.energy, rtol=1e-12, atol=0)
    torch.testing.assert_close(b.forces, a.forces, rtol=0, atol=1e-11)
    torch.testing.assert_close(b.stress, a.stress, rtol=0, atol=1e-13)


def test_lower_ranks_work():
    for rank in (0, 1):
        potential = make_potential("charge", max_rank=rank)
        result = evaluate(potential, make_salt(1))
        assert torch.isfinite(result.forces).all() and result.forces.abs().max() > 0
