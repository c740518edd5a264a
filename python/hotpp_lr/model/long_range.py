"""The long-range energy of a batch: meshes for its periodic structures, pair sums for its clusters."""

from __future__ import annotations

import torch
from torch import Tensor

from hotpp_lr.data.batch import Batch
from hotpp_lr.electrostatics.backend import electrostatic_energy
from hotpp_lr.model.config import ModelConfig


def long_range_energy(
    config: ModelConfig,
    batch: Batch,
    positions: Tensor,
    cell: Tensor,
    charges: Tensor,
    dipoles: Tensor | None,
    order: int | None = None,
) -> Tensor:
    """[s] eV of charges [n] and dipoles [n, 3] at positions [n, 3] in cells [s, 3, 3]; structures that have no mesh are
    clusters. order: that of the meshes, default: the model's."""
    options = {"smearing": config.smearing, "kernel": config.kernel, "order": order or config.order}
    cluster = (batch.mesh == 0).all(1)  # on the CPU: no waiting for a device
    if not cluster.any():
        return electrostatic_energy(positions, cell, charges, dipoles, batch.structure, mesh=batch.mesh, **options)
    energy = torch.zeros(len(cell), dtype=positions.dtype, device=positions.device)
    for boundary, chosen in (("periodic", ~cluster), ("cluster", cluster)):
        if not chosen.any():
            continue
        structures = chosen.nonzero()[:, 0]
        mesh, structures = batch.mesh[structures], structures.to(positions.device)
        number = torch.full((len(cell),), -1, device=positions.device)
        number[structures] = torch.arange(len(structures), device=positions.device)
        atoms = (number[batch.structure] >= 0).nonzero()[:, 0]
        part = electrostatic_energy(
            positions[atoms],
            cell[structures],
            charges[atoms],
            None if dipoles is None else dipoles[atoms],
            number[batch.structure[atoms]],
            boundary=boundary,
            mesh=mesh,
            **options,
        )
        energy = energy.index_add(0, structures, part)
    return energy
