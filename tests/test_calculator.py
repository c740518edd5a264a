"""The ASE calculator: what people do with one."""

from __future__ import annotations

import copy
import pickle

import ase
import numpy as np
import pytest
from ase.filters import FrechetCellFilter
from ase.md.langevin import Langevin
from ase.optimize import FIRE
from ase.stress import voigt_6_to_full_3x3_stress
from ase.units import fs
from ase.vibrations import Vibrations
from hotpp_lr.calculator import HotppCalculator
from hotpp_lr.errors import InputError
from support import make_potential, make_salt, write_exported


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_exported(tmp_path_factory.mktemp("calculator"), make_potential(repulsion="zbl"))


def salt(**options) -> ase.Atoms:
    structure = make_salt(1, **options)
    return ase.Atoms(structure.numbers, structure.positions, cell=structure.cell, pbc=True)


def molecule() -> ase.Atoms:
    return ase.Atoms("NaClNaCl", [[0, 0, 0], [2.5, 0.2, 0], [2.7, 2.6, 0.1], [0.1, 2.4, 0.5]])


@pytest.mark.parametrize("copied", [lambda c: pickle.loads(pickle.dumps(c)), copy.deepcopy], ids=["pickle", "copy"])
def test_copies_give_the_same_numbers(model, copied, monkeypatch, tmp_path):
    atoms = salt()
    atoms.calc = HotppCalculator(model, spacing=0.9)
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    monkeypatch.chdir(tmp_path)
    other = salt()
    other.calc = copied(atoms.calc)
    other.rattle(0.0)
    other.positions += 0.0
    other.calc.reset()
    assert other.get_potential_energy() == energy
    assert np.array_equal(other.get_forces(), forces)


def test_two_calculators_do_not_know_of_each_other(model):
    a, b = salt(), salt(seed=3)
    a.calc, b.calc = HotppCalculator(model), HotppCalculator(model)
    energies = a.get_potential_energy(), b.get_potential_energy()
    assert (a.get_potential_energy(), b.get_potential_energy()) == energies
    assert energies[0] != energies[1]


def test_charges_and_dipole_are_where_ase_looks_for_them(model):
    for atoms in (salt(), molecule()):
        atoms.calc = HotppCalculator(model)
        charges = atoms.get_charges()
        assert abs(charges.sum()) < 1e-12 and np.abs(charges).max() > 0.01
        dipoles = atoms.calc.results["dipoles"]
        assert np.allclose(atoms.get_dipole_moment(), charges @ atoms.positions + dipoles.sum(0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("spacing", [0.7, 1.1])
def test_spacing_is_the_largest_distance_of_mesh_points(model, spacing):
    atoms = salt(triclinic=True)
    atoms.calc = HotppCalculator(model, spacing=spacing, order=6)
    atoms.get_potential_energy()
    found = atoms.cell.lengths() / atoms.calc._mesh.mesh
    assert (found <= spacing).all() and (found > 0.6 * spacing).all()  # sizes are products of 2, 3, 5, 7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"spacing": 1.0, "accuracy": 1e-4}, "each decides the mesh"),
        ({"spacing": -1.0}, "spacing is -1.0"),
        ({"accuracy": 2.0}, "between 0 and 1"),
        ({"dtype": "half"}, "expected 'float32' or 'float64'"),
    ],
)
def test_options_that_make_no_sense_are_refused(model, options, message):
    with pytest.raises(InputError, match=message):
        HotppCalculator(model, **options)


def test_forces_of_a_molecule_are_minus_the_gradient(model):
    atoms = molecule()
    atoms.calc = HotppCalculator(model)
    forces = atoms.get_forces()
    assert np.abs(forces).max() > 0.1
    for atom, axis in ((0, 0), (2, 1)):
        energies = []
        for step in (-1e-4, 1e-4):
            moved = molecule()
            moved.positions[atom, axis] += step
            moved.calc = atoms.calc
            energies.append(moved.get_potential_energy())
        # the mean force that is taken off is rounding for pair sums; the difference is good to 1e-8/1e-4 eV/Å
        assert forces[atom, axis] == pytest.approx(-(energies[1] - energies[0]) / 2e-4, abs=1e-5)


def test_a_molecule_is_the_limit_of_a_large_cell(model):
    atoms = molecule()
    atoms.calc = HotppCalculator(model, accuracy=1e-5)
    alone = atoms.get_potential_energy()
    boxed = molecule()
    boxed.set_cell([40, 40, 40])
    boxed.pbc = True
    boxed.calc = atoms.calc
    # images of a dipole of 1 e Å at 40 Å: 2π/3 · 14.4 eV Å / 40³ Å³ = 5e-4 eV
    assert boxed.get_potential_energy() == pytest.approx(alone, abs=1e-3)


def test_total_charge_comes_from_the_argument_or_the_atoms(model):
    atoms = molecule()
    atoms.info["total_charge"] = 1
    atoms.calc = HotppCalculator(model)
    assert atoms.get_charges().sum() == pytest.approx(1.0, abs=1e-12)
    atoms.calc = HotppCalculator(model, total_charge=-2.0)
    assert atoms.get_charges().sum() == pytest.approx(-2.0, abs=1e-12)


def test_relaxation_with_a_cell_lowers_energy_force_and_stress(model):
    atoms = salt(jitter=0.1)
    atoms.calc = HotppCalculator(model)
    filtered = FrechetCellFilter(atoms)
    before = atoms.get_potential_energy(), np.abs(filtered.get_forces()).max()
    FIRE(filtered, logfile=None).run(fmax=0.0, steps=25)
    assert atoms.get_potential_energy() < before[0]
    assert np.abs(filtered.get_forces()).max() < before[1]


def test_stress_has_the_sign_of_ase(model):
    atoms = salt(jitter=0.1)
    atoms.calc = HotppCalculator(model, mesh=(16, 16, 16))
    stress = voigt_6_to_full_3x3_stress(atoms.get_stress())
    energies = []
    for step in (-1e-4, 1e-4):
        strained = atoms.copy()
        strained.set_cell(atoms.cell * (1 + step), scale_atoms=True)
        strained.calc = atoms.calc
        energies.append(strained.get_potential_energy())
    slope = (energies[1] - energies[0]) / 2e-4 / atoms.get_volume()
    assert np.trace(stress) == pytest.approx(slope, rel=2e-5)  # third derivative times 1e-4²


def test_dynamics_and_vibrations_run(model, tmp_path):
    atoms = salt(jitter=0.1)
    atoms.calc = HotppCalculator(model, dtype="float32")
    Langevin(atoms, 1 * fs, temperature_K=300, friction=0.01, rng=np.random.default_rng(1)).run(3)
    pair = ase.Atoms("NaCl", [[0, 0, 0], [2.5, 0, 0]])
    pair.calc = HotppCalculator(model)
    vibrations = Vibrations(pair, name=str(tmp_path / "vib"))
    vibrations.run()
    assert np.isfinite(vibrations.get_energies()).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.numbers.__setitem__(0, 19), r"element K is not among the model's elements \(Na, Cl\)"),
        (lambda a: a.set_pbc((True, True, False)), "periodic in three directions or in none"),
        (lambda a: a.positions.__setitem__(1, a.positions[0]), "same place"),
        (lambda a: a.positions.__setitem__(1, np.nan), "positions contain NaN"),
    ],
    ids=["unknown element", "slab", "atoms at one place", "NaN"],
)
def test_atoms_it_cannot_treat_are_refused_in_words(model, change, message):
    atoms = salt()
    change(atoms)
    atoms.calc = HotppCalculator(model)
    with pytest.raises(InputError, match=message):
        atoms.get_potential_energy()
