"""Small structures and models that tests of several folders share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from hotpp_lr.data.structure import Structure
from hotpp_lr.export import export_model
from hotpp_lr.model.checkpoint import KEY, describe
from hotpp_lr.model.config import ModelConfig
from hotpp_lr.model.potential import Normalisation, Potential

NACL = (11, 17)


def make_salt(n_cells: int = 2, *, triclinic: bool = False, seed: int = 0, jitter: float = 0.3) -> Structure:
    """Rock salt, (2 n_cells)³ ions at 2.8 Å, every position jittered, no labels."""
    random = np.random.default_rng(seed)
    n = 2 * n_cells
    grid = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), -1).reshape(-1, 3)
    cell = 2.8 * n * np.eye(3)
    if triclinic:
        cell = cell @ np.array([[1.0, 0.0, 0.0], [0.25, 0.95, 0.0], [-0.15, 0.2, 1.05]])
    positions = grid / n @ cell + random.uniform(-jitter, jitter, grid.shape)
    return Structure(
        numbers=np.array(NACL)[grid.sum(1) % 2],
        positions=positions,
        cell=cell,
        pbc=np.array([True] * 3),
        source="test structure",
    )


def write_checkpoint(folder: Path, potential: Potential) -> Path:
    """`<folder>/model.ckpt` as hotpp-train writes it."""
    checkpoint = folder / "model.ckpt"
    state = {f"potential.{k}": v for k, v in potential.state_dict().items()}
    torch.save({KEY: describe(potential, {}), "state_dict": state}, checkpoint)
    return checkpoint


def write_exported(folder: Path, potential: Potential) -> Path:
    """`<folder>/model.pt` as hotpp-export writes it."""
    checkpoint = write_checkpoint(folder, potential)
    export_model(checkpoint, checkpoint.with_suffix(".pt"))
    return checkpoint.with_suffix(".pt")


def make_potential(electrostatics: str = "charge+dipole", *, cutoff: float = 4.0, native: bool = False, **settings):
    """Random small float64 potential whose charges and dipoles are far from zero."""
    torch.manual_seed(7)
    config = ModelConfig(
        **{
            "electrostatics": electrostatics,
            "cutoff": cutoff,
            "channels": 6,
            "radial_hidden": 8,
            "radial_functions": 4,
            "accuracy": 1e-3,
            **settings,
        }
    )
    constants = Normalisation(NACL, (-1.5, -3.5), 9.0, 0.8, (1, 1))
    return Potential(config, constants).double().use_native_message(native).eval()
