"""The assembled potential: network + mesh electrostatics + atomic energies -> energy, forces, stress."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hotpp_lr.data.batch import Batch
from hotpp_lr.model.charge_guess import charge_guess
from hotpp_lr.model.config import ModelConfig
from hotpp_lr.model.long_range import long_range_energy
from hotpp_lr.model.network import Network
from hotpp_lr.model.repulsion import repulsion


@dataclass(frozen=True)
class Normalisation:
    """What the training set says about units and scales; part of the model.

    elements: atomic numbers in the order of the species index; atomic_energies eV per element;
    mean_neighbours within the cutoff; energy_scale eV; element_counts: atoms of each element in the training set.
    """

    elements: tuple[int, ...]
    atomic_energies: tuple[float, ...]
    mean_neighbours: float
    energy_scale: float
    element_counts: tuple[int, ...]


@dataclass
class Prediction:
    """energy [s] eV (float64), forces [n, 3] eV/Å, stress [s, 3, 3] eV/Å³ or None, charges [n] e, dipoles [n, 3] e·Å,
    atomic_energies [n] eV (network and E0, without electrostatics), mesh_energy [s] eV (of clusters:
    the pair sum)."""

    energy: Tensor
    forces: Tensor
    stress: Tensor | None
    charges: Tensor
    dipoles: Tensor
    atomic_energies: Tensor
    mesh_energy: Tensor


def sum_by_structure(values: Tensor, structure: Tensor, n_structures: int) -> Tensor:
    """[n, ...] -> [s, ...]."""
    return values.new_zeros(n_structures, *values.shape[1:]).index_add(0, structure, values)


def _volumes(cell: Tensor) -> Tensor:
    """[s, 1, 1] Å³; infinite for clusters, whose stress is zero then and not NaN, which no mask would remove from a
    loss."""
    volume = torch.linalg.det(cell).abs()
    return torch.where(volume > 0, volume, torch.inf)[:, None, None]


class Potential(nn.Module):
    """Everything that maps a `Batch` to a `Prediction`.

    network: one that exists (of an exported model); default: a new one with random weights.
    """

    def __init__(self, config: ModelConfig, normalisation: Normalisation, network: nn.Module | None = None):
        super().__init__()
        self.config = config
        self.normalisation = normalisation
        if network is None:
            guess = charge_guess(normalisation.elements, normalisation.element_counts)
            network = Network(
                config,
                len(normalisation.elements),
                normalisation.mean_neighbours,
                normalisation.energy_scale,
                torch.tensor(guess),
                repulsion(config.repulsion, normalisation.elements, config.cutoff),
            )
        self.network = network
        # float64 whatever the network's precision: total energies of -10^5 eV leave float32 no digits for the rest.
        self._atomic_energies = torch.tensor(normalisation.atomic_energies, dtype=torch.float64)

    def _any_weight(self) -> Tensor:
        # an exported network has buffers only
        tensors = itertools.chain(self.network.parameters(), self.network.buffers())
        return next(t for t in tensors if t.is_floating_point())

    @property
    def dtype(self) -> torch.dtype:
        return self._any_weight().dtype

    @property
    def device(self) -> torch.device:
        return self._any_weight().device

    def neutralise(self, charges: Tensor, batch: Batch) -> Tensor:
        """Shift the raw charges of every structure so that they sum to its total charge, by default the model's."""
        n = len(batch.n_atoms)
        total = torch.where(batch.has_total_charge, batch.total_charge.to(charges.dtype), self.config.total_charge)
        excess = sum_by_structure(charges, batch.structure, n) - total
        return charges - (excess / batch.n_atoms)[batch.structure]

    def forward(
        self, batch: Batch, *, stress: bool = False, create_graph: bool = False, order: int | None = None
    ) -> Prediction:
        """Energies with their derivatives.

        create_graph keeps the graph for a loss on forces or stress; order: that of batch.mesh, default: the model's.
        """
        batch = batch.to(dtype=self.dtype)
        n = len(batch.n_atoms)
        positions = batch.positions.requires_grad_()
        cell = batch.cell
        variables = [positions]
        if stress:
            # dE/dε of a symmetric homogeneous strain of positions and cell (Knuth et al. 2015, eq. 3).
            strain = torch.zeros_like(cell, requires_grad=True)
            variables.append(strain)
            symmetric = (strain + strain.transpose(1, 2)) / 2
            positions = positions + torch.einsum("nab,nb->na", symmetric[batch.structure], positions)
            cell = cell + cell @ symmetric
        translations = torch.einsum("ea,eab->eb", batch.shifts, cell[batch.structure[batch.receivers]])
        edge_vectors = positions[batch.senders] - positions[batch.receivers] + translations
        energies, charges, dipoles = self.network(
            edge_vectors, batch.receivers, batch.senders, batch.species, len(batch.species), 0
        )
        mesh_energy = torch.zeros(n, dtype=energies.dtype, device=energies.device)
        if self.config.has_charges:
            charges = self.neutralise(charges, batch)
            mesh_energy = long_range_energy(
                self.config, batch, positions, cell, charges, dipoles if self.config.has_dipoles else None, order
            )
        interaction = sum_by_structure(energies, batch.structure, n) + mesh_energy
        gradients = torch.autograd.grad(interaction.sum(), variables, create_graph=create_graph)
        if not create_graph:
            interaction, energies, charges, dipoles, mesh_energy = (
                x.detach() for x in (interaction, energies, charges, dipoles, mesh_energy)
            )
            cell = cell.detach()
        e0 = self._atomic_energies.to(batch.species.device)[batch.species]
        forces = -gradients[0]
        return Prediction(
            energy=interaction.double() + sum_by_structure(e0, batch.structure, n),
            forces=forces,
            stress=gradients[1] / _volumes(batch.cell) if stress else None,
            charges=charges,
            dipoles=dipoles,
            atomic_energies=energies.double() + e0,
            mesh_energy=mesh_energy,
        )

    def use_native_message(self, native: bool = True) -> Potential:
        self.network.use_native_message(native)
        return self

    def use_perceptron(self) -> Potential:
        self.network.use_perceptron()
        return self
