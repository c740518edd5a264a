"""Repulsion of atoms at close contact, where training sets have no structures."""

from __future__ import annotations

import torch
from ase.data import covalent_radii
from torch import Tensor, nn

from hotpp_lr.constants import COULOMB_CONSTANT
from hotpp_lr.model.radial import envelope

#: Bohr radius, Å (CODATA 2018).
_BOHR = 0.529177210903

#: Units per eV of sums in 64-bit fixed point: 1.5e-11 eV each. More than 1e8 eV, which no atoms have, counts as 1e8 eV.
FIXED_POINT = 2.0**36


class NoRepulsion(nn.Module):
    """The network alone decides what happens at close contact."""

    def forward(
        self, edge_vectors: Tensor, receivers: Tensor, senders: Tensor, species: Tensor, n_owned: int
    ) -> Tensor:
        return torch.zeros(n_owned, dtype=edge_vectors.dtype, device=edge_vectors.device)


class ScreenedNuclei(nn.Module):
    """ZBL energy of every pair, brought to zero where the covalent radii of its atoms touch.

    E(r) = k Z_i Z_j φ(r/a)/r · envelope(r, R_i + R_j) with a = 0.8854 a₀/(Z_i^0.23 + Z_j^0.23)
    (Ziegler, Biersack, Littmark 1985, eqs. 2-60 and 2-61). The network learns the difference to it; at distances that
    no training structure shows, the network extrapolates anywhere, and this wall is what keeps atoms apart.

    elements: atomic numbers in the order of the species index; cutoff Å: there are no edges beyond, so that the wall of
    larger atoms (K–K 4.06 Å, Cs–Cs 4.88 Å) ends there.
    """

    def __init__(self, elements: tuple[int, ...], cutoff: float = 100.0):
        super().__init__()
        self.fixed_point = FIXED_POINT  # TorchScript does not see those of the module
        numbers = torch.tensor(elements, dtype=torch.float64)
        radii = torch.tensor([covalent_radii[z] for z in elements], dtype=torch.float64)
        self.cutoff = float(cutoff)
        self.reach = min(2.0 * float(radii.max()), self.cutoff)
        self.register_buffer("nuclei", COULOMB_CONSTANT**0.5 * numbers)
        self.register_buffer("inverse_screening", numbers**0.23 / (0.8854 * _BOHR))
        self.register_buffer("radii", radii)
        self.register_buffer("heights", torch.tensor([0.18175, 0.50986, 0.28022, 0.02817], dtype=torch.float64))
        self.register_buffer("decays", torch.tensor([3.19980, 0.94229, 0.40290, 0.20162], dtype=torch.float64))

    def pair_energy(self, r: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """r [n_pairs] Å, species of both atoms [n_pairs] -> eV [n_pairs]."""
        scaled = (self.inverse_screening[first] + self.inverse_screening[second]) * r
        screening = (self.heights * torch.exp(-self.decays * scaled.unsqueeze(-1))).sum(-1)
        coulomb = self.nuclei[first] * self.nuclei[second] / r
        contact = (self.radii[first] + self.radii[second]).clamp(max=self.cutoff)
        return coulomb * screening * envelope(r / contact, 1.0)

    def forward(
        self, edge_vectors: Tensor, receivers: Tensor, senders: Tensor, species: Tensor, n_owned: int
    ) -> Tensor:
        """Inputs of `Network` -> half of every pair for its receiver: eV [n_owned]."""
        if not edge_vectors.is_cpu:
            return self.of_all_edges(edge_vectors, receivers, senders, species, n_owned)
        # Few edges are as short as this, often none.
        near = (edge_vectors.detach().square().sum(-1) < self.reach**2).nonzero().squeeze(1)
        r = edge_vectors.index_select(0, near).square().sum(-1).sqrt()
        to, of = receivers.index_select(0, near), senders.index_select(0, near)
        energy = 0.5 * self.pair_energy(r, species.index_select(0, to), species.index_select(0, of))
        return energy.new_zeros(n_owned).index_add(0, to, energy)

    def of_all_edges(
        self, edge_vectors: Tensor, receivers: Tensor, senders: Tensor, species: Tensor, n_owned: int
    ) -> Tensor:
        """The same on a device: choosing the short edges would make the processor wait for their number, and a graph of
        the step could not hold it. Sums in fixed point have the same bits at every repetition."""
        r = edge_vectors.square().sum(-1).sqrt()
        energy = 0.5 * self.pair_energy(r, species.index_select(0, receivers), species.index_select(0, senders))
        quanta = (energy.detach().double().clamp(max=1e8) * self.fixed_point).round().to(torch.int64)
        total = torch.zeros(n_owned, dtype=torch.int64, device=energy.device).index_add(0, receivers, quanta)
        # Its value is zero; it carries the derivative.
        floating = energy.new_zeros(n_owned).index_add(0, receivers, energy)
        return (total.double() / self.fixed_point).to(energy.dtype) + (floating - floating.detach())


def repulsion(kind: str, elements: tuple[int, ...], cutoff: float) -> nn.Module:
    """The `repulsion:` of a `ModelConfig`, for these atomic numbers and the network's cutoff."""
    return ScreenedNuclei(elements, cutoff) if kind == "zbl" else NoRepulsion()
