"""What hotpp-train says of a data set before it trains."""

from __future__ import annotations

import ase.io
import numpy as np
import pytest
from hotpp_lr.training.config import read_config
from hotpp_lr.training.dataset import load_datasets
from hotpp_lr.training.findings import describe, warnings


def told(path) -> str:
    config = read_config(path)
    data = load_datasets(config)
    return "\n".join([*describe("train", data.train), *warnings(data.sets(), config)])


def rewritten(tmp_path, frames, change):
    """train.xyz with copies of frames after change(copy, forces, energy, index), which sets the labels."""
    new = []
    for k, old in enumerate(frames):
        atoms = old.copy()
        atoms.info["energy"], atoms.arrays["forces"] = old.get_potential_energy(), old.get_forces()
        change(atoms, k)
        new.append(atoms)
    ase.io.write(tmp_path / "train.xyz", new)


def test_ordinary_data_are_described_and_not_warned_about(write_config, tmp_path, frames):
    rewritten(tmp_path, frames[:8], lambda atoms, k: None)
    text = told(write_config(data={"test": None}, loss={"stress": 0.0}))
    assert "8 structures of 8 atoms, Na Cl, periodic" in text
    assert "energy 8, forces 8, stress 0" in text and "closest atoms" in text and "rms" in text
    assert len(text.splitlines()) == 3


def test_names_and_charges_are_told(write_config, tmp_path, frames):
    def change(atoms, k):
        atoms.info["REF_energy"], atoms.info["total_charge"] = atoms.info.pop("energy"), k % 2
        atoms.info["virials"] = np.eye(3)

    rewritten(tmp_path, frames[:8], change)
    text = told(write_config())
    assert "energy from REF_energy, stress from -virials/volume" in text
    assert "total charge +0 e (4), +1 e (4)" in text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda a, k: a.arrays["forces"].__imul__(1000), "unusual in eV/Å"),
        (lambda a, k: a.arrays["forces"].__imul__(300 if k == 3 else 1), "frame 3: a force component of"),
        (lambda a, k: a.info.update(energy=a.info["energy"] + (400 if k == 3 else 0)), "frame 3: its energy is +"),
        (lambda a, k: a.arrays["forces"].__imul__(0 if k == 3 else 1), "all forces of 1 structures are exactly zero"),
        (lambda a, k: a.set_cell(a.cell * 2.2, scale_atoms=True), "are the positions in Å?"),
    ],
    ids=["forces in another unit", "outlying force", "outlying energy", "zeros for missing forces", "lengths"],
)
def test_what_looks_wrong_is_told(write_config, tmp_path, frames, change, expected):
    rewritten(tmp_path, [*frames[:8], *frames[:4]], change)
    text = told(write_config(model={"cutoff": 8.0}, loss={"stress": 0.0}))
    assert expected in text


def test_copies_of_training_structures_in_the_test_set_are_told(write_config, tmp_path, frames):
    ase.io.write(tmp_path / "valid.xyz", frames[6:10])
    assert "2 structures of the valid set are in the train set, too" in told(write_config(data={"test": None}))


def test_isolated_atoms_are_left_out(write_config, tmp_path, frames):
    atom = ase.Atoms("Na", cell=[15, 15, 15], pbc=True, info={"energy": 100.0, "config_type": "IsolatedAtom"})
    ase.io.write(tmp_path / "train.xyz", [atom, *frames[:8]])
    data = load_datasets(read_config(write_config()))
    assert len(data.isolated) == 1 and len(data.train) == 8


def test_stress_labels_without_a_weight_are_told(write_config):
    assert "the stress labels are not trained on" in told(write_config(loss={"stress": 0.0}))
