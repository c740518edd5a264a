"""The same energy in Python: ASE neighbour list, TorchScript model, reference PME, autograd throughout."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from ase import Atoms
from ase.neighborlist import neighbor_list
from ionic_crystals import Ions


@dataclass
class Result:
    """energy eV (short_range and long_range: its parts), forces [n, 3] eV/Å, virial [3, 3] eV (-∂E/∂ε)."""

    energy: float
    long_range: float
    forces: np.ndarray
    virial: np.ndarray
    charges: np.ndarray
    dipoles: np.ndarray


def evaluate(model: Path, ions: Ions, mesh: tuple[int, int, int] | None = None, order: int | None = None) -> Result:
    """What the pair style computes, by other means. mesh: default as the model's accuracy asks for.

    order: of a given mesh, default that of the training.
    """
    extra = {"hotpp.json": ""}
    network = torch.jit.load(str(model), _extra_files=extra)
    metadata = json.loads(extra["hotpp.json"])

    symbols = [metadata["elements"][t - 1] for t in ions.types]
    atoms = Atoms(symbols, positions=ions.positions, cell=ions.cell, pbc=True)
    i, j, shift = neighbor_list("ijS", atoms, metadata["cutoff"])
    ascending = np.argsort(i, kind="stable")
    i, j, shift = (torch.as_tensor(a[ascending]) for a in (i, j, shift))

    positions0 = torch.tensor(ions.positions, requires_grad=True)
    strain = torch.zeros(3, 3, dtype=torch.float64, requires_grad=True)
    deformation = torch.eye(3, dtype=torch.float64) + strain
    positions = positions0 @ deformation.T
    cell = torch.tensor(ions.cell) @ deformation.T
    vectors = positions[j] - positions[i] + shift.double() @ cell

    n = len(ions)
    species = torch.as_tensor(ions.types) - 1
    energies, charges, dipoles = network(vectors, i, j, species, n, 0)
    isolated = sum(metadata["atomic_energies"][s] for s in symbols)
    long_range = torch.zeros((), dtype=torch.float64)
    if metadata["electrostatics"] != "none":
        charges = charges - (charges.sum() - metadata["total_charge"]) / n
        long_range = _mesh_energy(positions, cell, charges, dipoles, metadata, mesh, order)
    energy = energies.sum() + isolated + long_range
    by_position, by_strain = torch.autograd.grad(energy, (positions0, strain))
    forces = -by_position
    return Result(
        energy.item(),
        long_range.item(),
        (forces - forces.mean(0)).numpy(),  # the mesh's net force is removed by convention
        -by_strain.numpy(),
        charges.detach().numpy(),
        dipoles.detach().numpy(),
    )


def _mesh_energy(positions, cell, charges, dipoles, metadata, mesh, order):
    from hotpp_lr.electrostatics.accuracy import choose
    from hotpp_lr.electrostatics.mesh import pme_energy

    smearing, kernel = metadata["smearing"], metadata.get("kernel", "gaussian")
    order = order or metadata["order"]
    has_dipoles = metadata["electrostatics"] == "charge+dipole"
    if mesh is None:
        options = {"kernel": kernel, "dipoles": has_dipoles, "n_atoms": len(positions)}
        found = choose(
            cell.detach(),
            smearing=smearing,
            accuracy=metadata["accuracy"],
            orders=range(4 if has_dipoles else 3, 9),
            **options,
        )
        order, mesh = found.order, found.mesh
    return pme_energy(
        positions,
        cell.unsqueeze(0),
        charges,
        dipoles if has_dipoles else None,
        torch.zeros(len(positions), dtype=torch.int64),
        smearing=smearing,
        kernel=kernel,
        order=order,
        mesh=torch.tensor([mesh]),
        deconvolution=metadata["deconvolution"],
    )[0]
