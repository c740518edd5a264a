"""Several structures as one graph: arrays joined end to end, with the number of the structure of every atom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from hotpp_lr.data.neighbours import Edges, neighbour_list
from hotpp_lr.data.structure import Structure
from hotpp_lr.errors import InputError


@dataclass
class Batch:
    """n atoms in s structures with e edges. Labels that a structure lacks are zero and masked out by `has_*`."""

    positions: Tensor  # [n, 3] Å
    cell: Tensor  # [s, 3, 3] Å
    species: Tensor  # [n] int64, index into the model's elements
    structure: Tensor  # [n] int64, ascending
    n_atoms: Tensor  # [s] int64
    receivers: Tensor  # [e] int64, ascending
    senders: Tensor  # [e] int64
    shifts: Tensor  # [e, 3] lattice translations of the sender
    mesh: Tensor  # [s, 3] int64, mesh of the long-range part (zeros: without one, as clusters); always on the CPU
    energy: Tensor  # [s] eV
    forces: Tensor  # [n, 3] eV/Å
    stress: Tensor  # [s, 3, 3] eV/Å³
    has_energy: Tensor  # [s] bool
    has_forces: Tensor  # [s] bool
    has_stress: Tensor  # [s] bool
    total_charge: Tensor  # [s] e
    has_total_charge: Tensor  # [s] bool; the others have the model's

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Batch:
        """Copy on `device` with floating point fields as `dtype`; the energy stays float64 (E0 is large)."""
        new = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if dtype is not None and value.is_floating_point() and f.name != "energy":
                value = value.to(dtype)
            new[f.name] = value if f.name == "mesh" or device is None else value.to(device, non_blocking=True)
        return Batch(**new)


@dataclass
class Sample:
    """A structure with everything that does not change during training: species, edges, mesh."""

    structure: Structure
    species: np.ndarray
    edges: Edges
    mesh: tuple[int, int, int]


def species_of(numbers: np.ndarray, elements: Sequence[int], where: str = "structure") -> np.ndarray:
    """Index of every atomic number in `elements`. Raises InputError for an element the model does not know."""
    index = np.full(120, -1, dtype=np.int64)
    index[list(elements)] = np.arange(len(elements))
    species = index[numbers]
    if (species < 0).any():
        from ase.data import chemical_symbols as symbols

        unknown = sorted({symbols[z] for z in numbers[species < 0]})
        known = ", ".join(symbols[z] for z in elements)
        raise InputError(
            f"{where}: element {', '.join(unknown)} is not among the model's elements ({known}); "
            "train a model on data that contain it."
        )
    return species


def prepare(
    structure: Structure, elements: Sequence[int], cutoff: float, mesh: tuple[int, int, int] = (0, 0, 0)
) -> Sample:
    """Sample of a structure: elements mapped, neighbours searched once."""
    species = species_of(structure.numbers, elements, structure.source or "structure")
    return Sample(structure, species, neighbour_list(structure, cutoff), mesh)


def collate(samples: Sequence[Sample]) -> Batch:
    """Join samples into one `Batch` (float64; `Batch.to` lowers the precision)."""
    structures = [s.structure for s in samples]
    counts = np.array([len(s) for s in structures])
    offsets = np.concatenate(([0], np.cumsum(counts)[:-1]))

    def joined(arrays: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(np.concatenate(arrays)))

    def label(name: str, shape) -> np.ndarray:
        return np.array([np.zeros(shape) if getattr(s, name) is None else getattr(s, name) for s in structures], float)

    def present(name: str) -> Tensor:
        return torch.tensor([getattr(s, name) is not None for s in structures])

    return Batch(
        positions=joined([s.positions for s in structures]),
        cell=torch.from_numpy(np.array([s.cell for s in structures], float)),
        species=joined([s.species for s in samples]),
        structure=torch.from_numpy(np.repeat(np.arange(len(samples)), counts)),
        n_atoms=torch.from_numpy(counts),
        receivers=joined([s.edges.receivers + o for s, o in zip(samples, offsets, strict=True)]),
        senders=joined([s.edges.senders + o for s, o in zip(samples, offsets, strict=True)]),
        shifts=joined([s.edges.shifts for s in samples]).double(),
        mesh=torch.tensor([s.mesh for s in samples], dtype=torch.int64),
        energy=torch.from_numpy(label("energy", ())),
        forces=joined([np.zeros_like(s.positions) if s.forces is None else s.forces for s in structures]),
        stress=torch.from_numpy(label("stress", (3, 3))),
        has_energy=present("energy"),
        has_forces=present("forces"),
        has_stress=present("stress"),
        total_charge=torch.from_numpy(label("total_charge", ())),
        has_total_charge=present("total_charge"),
    )
