"""Screened nuclear repulsion at close contact, where training sets have no structures."""

from __future__ import annotations

import torch
from ase.data import covalent_radii
from torch import Tensor, nn

from hotpp_lr.constants import COULOMB_CONSTANT
from hotpp_lr.model.radial import envelope

#: Bohr radius, Å (CODATA 2018).
_BOHR = 0.529177210903


class Repulsion(nn.Module):
    """ZBL energy of every edge, brought to zero where the covalent radii of its atoms touch.

    E(r) = k Z_i Z_j φ(r/a)/r · envelope(r, R_i + R_j) with a = 0.8854 a₀/(Z_i^0.23 + Z_j^0.23)
    (Ziegler, Biersack, Littmark 1985, eqs. 2-60 and 2-61). The network learns the difference to it; at distances that
    no training structure shows, the network extrapolates anywhere, and this wall is what keeps atoms apart.

    elements: atomic numbers in the order of the species index.
    """

    def __init__(self, elements: tuple[int, ...]):
        super().__init__()
        numbers = torch.tensor(elements, dtype=torch.float64)
        self.register_buffer("nuclei", COULOMB_CONSTANT**0.5 * numbers)
        self.register_buffer("inverse_screening", numbers**0.23 / (0.8854 * _BOHR))
        self.register_buffer("radii", torch.tensor([covalent_radii[z] for z in elements], dtype=torch.float64))
        self.register_buffer("heights", torch.tensor([0.18175, 0.50986, 0.28022, 0.02817], dtype=torch.float64))
        self.register_buffer("decays", torch.tensor([3.19980, 0.94229, 0.40290, 0.20162], dtype=torch.float64))

    def forward(self, r: Tensor, receivers: Tensor, senders: Tensor) -> Tensor:
        """r [n_edges] Å, species of the atoms of every edge [n_edges] -> eV [n_edges] of the whole pair."""
        scaled = (self.inverse_screening[receivers] + self.inverse_screening[senders]) * r
        screening = (self.heights * torch.exp(-self.decays * scaled.unsqueeze(-1))).sum(-1)
        coulomb = self.nuclei[receivers] * self.nuclei[senders] / r
        x = r / (self.radii[receivers] + self.radii[senders])
        return coulomb * screening * envelope(x, 1.0)
