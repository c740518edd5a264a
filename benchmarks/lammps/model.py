"""A model of full size with random weights, and ions for it: enough to see what `lmp` does, not what ions do."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

CUTOFF = 6.0


def write_model(path: Path) -> None:
    """64 channels, rank 2, two layers, cutoff 6 Å, charges and dipoles, exported."""
    import torch
    from hotpp_lr.export import export_model
    from hotpp_lr.model.checkpoint import KEY, describe
    from hotpp_lr.model.config import ModelConfig
    from hotpp_lr.model.potential import Normalisation, Potential

    torch.manual_seed(0)
    config = ModelConfig(electrostatics="charge+dipole", cutoff=CUTOFF, channels=64, layers=2, max_rank=2)
    potential = Potential(config, Normalisation((11, 17), (0.0, 0.0), 27.0, 1.0, (1, 1))).double()
    state = {f"potential.{k}": v for k, v in potential.state_dict().items()}
    torch.save({KEY: describe(potential, {}), "state_dict": state}, path.with_suffix(".ckpt"))
    export_model(path.with_suffix(".ckpt"), path)


def write_ions(path: Path, cells: tuple[int, int, int], density: float = 0.03, noise: float = 0.3) -> int:
    """Rock salt, `cells` ions along each axis, density 1/Å³, displaced by `noise` Å rms; returns how many there are."""
    spacing = density ** (-1 / 3)
    sites = np.array(list(itertools.product(*map(range, cells))))
    positions = spacing * (sites + 0.25) + np.random.default_rng(1).normal(0, noise, sites.shape)
    box = "\n".join(f"0 {spacing * n} {a}lo {a}hi" for n, a in zip(cells, "xyz", strict=True))
    rows = "\n".join(
        f"{i} {1 + s.sum() % 2} {x} {y} {z}" for i, (s, (x, y, z)) in enumerate(zip(sites, positions, strict=True), 1)
    )
    path.write_text(f"ions\n\n{len(sites)} atoms\n2 atom types\n{box}\n\nMasses\n\n1 23\n2 35\n\nAtoms\n\n{rows}\n")
    return len(sites)
