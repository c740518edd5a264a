"""Starting configurations of the melt: a half-filled lattice, melted with rigid ions."""

from __future__ import annotations

import numpy as np
from melt_model import MeltModel
from simulations import RigidIons

N_IONS = 128
LATTICE_SITES = 6  # per box edge: 216 sites for 128 ions, so that the lattice cannot survive
TIMESTEP = 0.002  # ps
FRICTION_TIME = 0.1  # ps


def half_filled_lattice(rng: np.random.Generator, box_length: float) -> np.ndarray:
    """[N_IONS, 3] positions, Å: random sites of a rock-salt lattice, Na and Cl on a sublattice each."""
    sites = np.indices((LATTICE_SITES,) * 3).reshape(3, -1).T
    sublattice = sites.sum(axis=1) % 2
    chosen = [rng.permutation(sites[sublattice == k])[: N_IONS // 2] for k in (0, 1)]
    return np.concatenate(chosen) * (box_length / LATTICE_SITES)


def melt_rigid_ions(model: MeltModel, temperature: float, box_length: float, seed: int, duration: float) -> np.ndarray:
    """[N_IONS, 3] positions, Å, after `duration` ps of Langevin dynamics of rigid ions.

    Rigid ions are four times cheaper to move than polarisable ones and allow a longer time step.
    """
    start = half_filled_lattice(np.random.default_rng(seed), box_length)
    with RigidIons(model, start, box_length) as melt:
        melt.commands(
            [
                f"timestep {TIMESTEP}",
                f"velocity all create {temperature} {seed} mom yes dist gaussian loop all",
                "fix motion all nve",
                f"fix bath all langevin {temperature} {temperature} {FRICTION_TIME} {seed} zero yes",
                f"run {round(duration / TIMESTEP)} post no",
            ]
        )
        return melt.gather("x")
