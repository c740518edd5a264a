"""Several models on the line: mean of everything, and how far the forces are apart."""

import ase.io
import numpy as np
import pytest
from ionic_crystals import rock_salt

IONS = rock_salt((4, 4, 4))
NAMES = ("charge+dipole", "other", "third")


@pytest.fixture
def single(models, engine):
    return [engine(IONS, f"hotpp/lr {models[name]}").commands("run 0") for name in NAMES]


def files(models) -> str:
    return " ".join(str(models[name]) for name in NAMES)


def test_energy_forces_and_virial_are_means(models, engine, single):
    mean = engine(IONS, f"hotpp/lr {files(models)}").commands("run 0")
    assert mean.energy() == pytest.approx(np.mean([m.energy() for m in single]), rel=1e-12)
    assert np.abs(mean.forces() - np.mean([m.forces() for m in single], axis=0)).max() <= 1e-12
    assert np.allclose(mean.virial(), np.mean([m.virial() for m in single], axis=0), rtol=1e-10, atol=1e-10)


def test_deviation_of_atoms_and_its_file(models, engine, single, tmp_path):
    forces = np.array([m.forces() for m in single])
    expected = np.sqrt(((forces - forces.mean(0)) ** 2).sum(2).mean(0))
    output = tmp_path / "deviation.txt"
    lammps = engine(IONS, f"hotpp/lr {files(models)} deviation 5 {output}").commands(
        "fix d all pair 1 hotpp/lr force_deviation 0", "run 0"
    )
    assert np.abs(lammps.fix("d", 1)[:, 0] - expected).max() <= 1e-12
    assert np.loadtxt(output)[1:] == pytest.approx([expected.max(), expected.mean(), expected.min()], rel=1e-6)
    lammps.commands("fix nve all nve", "run 12")
    assert np.loadtxt(output)[:, 0].tolist() == [0, 0, 5, 10]  # once more at the set-up of the second run


def test_one_model_twice_has_no_deviation(models, engine):
    lammps = engine(IONS, f"hotpp/lr {models['charge']} {models['charge']}").commands(
        "fix d all pair 1 hotpp/lr force_deviation 0", "run 0"
    )
    assert np.abs(lammps.fix("d", 1)).max() <= 1e-14


def test_structures_in_the_window_are_written_for_labelling(models, engine, tmp_path):
    style = f"hotpp/lr {files(models)} deviation 5 {tmp_path / 'd.txt'}"
    inside, outside = tmp_path / "in.xyz", tmp_path / "out.xyz"
    lammps = engine(IONS, f"{style} select 1e-6 1e6 {inside}").commands("fix nve all nve", "run 10")
    frames = ase.io.read(inside, ":")
    assert [frame.info["step"] for frame in frames] == [0, 5, 10]
    last = frames[-1]
    assert last.get_chemical_symbols() == ["Na" if t == 1 else "Cl" for t in IONS.types]
    assert np.abs(last.positions - lammps.positions()).max() <= 1e-8
    assert np.allclose(last.cell, IONS.cell) and last.pbc.all()
    assert last.info["max_force_deviation"] == pytest.approx(np.loadtxt(tmp_path / "d.txt")[-1, 1], rel=1e-6)
    engine(IONS, f"{style} select 1e5 1e6 {outside}").commands("run 0")
    assert not outside.exists()
