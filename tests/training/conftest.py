"""A tiny training set: labels of a random potential of our own, so that a perfect fit exists."""

from __future__ import annotations

import ase
import ase.io
import numpy as np
import pytest
import yaml
from ase.calculators.singlepoint import SinglePointCalculator
from hotpp_lr.data.batch import collate
from hotpp_lr.training.dataset import sample
from support import NACL, make_potential, make_salt


def labelled_frames(n: int, seed: int = 0) -> list[ase.Atoms]:
    teacher = make_potential("charge", channels=4)
    frames = []
    for k in range(n):
        structure = make_salt(1, seed=seed + k, jitter=0.4)
        result = teacher(collate([sample(structure, NACL, teacher.config)]), stress=True)
        atoms = ase.Atoms(structure.numbers, structure.positions, cell=structure.cell, pbc=True)
        xx, yy, zz, yz, xz, xy = (result.stress[0].numpy()[i] for i in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)))
        atoms.calc = SinglePointCalculator(
            atoms, energy=float(result.energy), forces=result.forces.numpy(), stress=np.array([xx, yy, zz, yz, xz, xy])
        )
        frames.append(atoms)
    return frames


@pytest.fixture(scope="session")
def frames():
    return labelled_frames(12)


@pytest.fixture
def write_config(tmp_path, frames):
    """write_config(section={...}) -> path of a config for a run of a few seconds."""
    ase.io.write(tmp_path / "train.xyz", frames[:8])
    ase.io.write(tmp_path / "valid.xyz", frames[8:])

    def write(**changes):
        content = {
            "output": str(tmp_path / "run"),
            "data": {"train": "train.xyz", "valid": "valid.xyz", "test": "valid.xyz"},
            "model": {"cutoff": 4.0, "channels": 8, "radial_hidden": 8, "accuracy": 1e-2},
            "loss": {"stress": 1000.0},
            "training": {"max_epochs": 3, "batch_size": 4, "warmup_steps": 0, "threads": 1, "accelerator": "cpu"},
        }
        for section, values in changes.items():
            content[section] = content[section] | values if isinstance(values, dict) else values
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write
