"""Labels under the names of ASE, MACE and others, and data that are not what they seem."""

from __future__ import annotations

import ase
import ase.io
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from hotpp_lr.data.read import read_structures
from hotpp_lr.errors import InputError

STRESS = np.array([[1.0, 0.1, 0.2], [0.1, 2.0, 0.3], [0.2, 0.3, 3.0]])  # eV/Å³
VOLUME = 8.0**3


def frame(**labels) -> ase.Atoms:
    """NaCl in a periodic cell of VOLUME; labels with one row per atom become columns."""
    atoms = ase.Atoms("NaCl", [[0, 0, 0], [2.5, 0.1, 0]], cell=[8, 8, 8], pbc=True)
    for name, value in labels.items():
        (atoms.arrays if np.shape(value)[:1] == (2,) else atoms.info)[name] = value
    return atoms


def read(tmp_path, *frames, **names):
    ase.io.write(tmp_path / "x.xyz", list(frames))
    return read_structures(tmp_path / "x.xyz", names=names)


FORCES = np.array([[1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]])


@pytest.mark.parametrize("prefix", ["", "REF_", "dft_"])
def test_labels_are_found_under_the_usual_names(tmp_path, prefix):
    labels = {f"{prefix}energy": -7.5, f"{prefix}forces": FORCES}
    (found,) = read(tmp_path, frame(**labels))
    assert found.energy == -7.5
    assert np.array_equal(found.forces, FORCES)


def test_labels_of_a_calculator_are_those_of_ase(tmp_path):
    atoms = frame()
    voigt = STRESS[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
    atoms.calc = SinglePointCalculator(atoms, energy=-7.5, forces=FORCES, stress=voigt)
    (found,) = read(tmp_path, atoms)
    assert (found.energy, found.forces.tolist()) == (-7.5, FORCES.tolist())
    assert np.allclose(found.stress, STRESS, rtol=0, atol=1e-7)  # digits of the file


@pytest.mark.parametrize("name", ["virial", "virials", "REF_virials"])
def test_a_virial_is_minus_volume_times_stress(tmp_path, name):
    (found,) = read(tmp_path, frame(energy=1.0, **{name: -VOLUME * STRESS}))
    assert np.allclose(found.stress, STRESS, rtol=0, atol=1e-7)  # digits of the file


def test_the_user_names_what_is_not_found(tmp_path):
    atoms = frame(E=-7.5, F=FORCES, charge=1)
    with pytest.raises(InputError, match=r"neither energy nor forces.*E.*F.*data: \{keys"):
        read(tmp_path, atoms)
    (found,) = read(tmp_path, atoms, energy="E", forces="F", total_charge="charge")
    assert (found.energy, found.total_charge) == (-7.5, 1.0)
    with pytest.raises(InputError, match=r"data\.keys\.energy is 'U'.*the file has E, F, charge"):
        read(tmp_path, atoms, energy="U")


def test_two_different_energies_are_not_chosen_from(tmp_path):
    with pytest.raises(InputError, match=r"frame 0: 'energy' and 'REF_energy' differ.*keys: \{energy: REF_energy\}"):
        read(tmp_path, frame(energy=-7.0, REF_energy=-7.5))
    (found,) = read(tmp_path, frame(energy=-7.0, REF_energy=-7.5), energy="REF_energy")
    assert found.energy == -7.5
    (same,) = read(tmp_path, frame(energy=-7.5, REF_energy=-7.5))
    assert same.energy == -7.5


def test_labels_of_the_wrong_shape_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"frame 0: 'E' cannot be the energy: expected 1 number, given"):
        read(tmp_path, frame(E=np.array([1.0, 2.0, 3.0])), energy="E")
    with pytest.raises(InputError, match=r"'word' cannot be the energy"):
        read(tmp_path, frame(word="high"), energy="word")


def test_stress_without_three_periodic_directions_is_left_out(tmp_path):
    atoms = frame(energy=1.0, virial=STRESS)
    atoms.pbc = (True, True, False)
    (found,) = read(tmp_path, atoms)
    assert found.stress is None
