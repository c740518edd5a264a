"""A few-line network in the form of an exported model: the plugin is tested without training anything."""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch
from hotpp_lr.native import load_operators
from torch import Tensor, nn

CUTOFF = 4.0
METADATA = {
    "format": "hotpp-lr",
    "format_version": 2,
    "elements": ["Na", "Cl"],
    "cutoff": CUTOFF,
    "layers": 2,
    "channels": 8,
    "max_rank": 1,
    "electrostatics": "charge+dipole",
    "smearing": 1.5,
    "order": 6,
    "accuracy": 1e-3,
    "deconvolution": "alias",
    "boundary": "periodic",
    "total_charge": 0.0,
    "dtype": "float64",
    "units": {"energy": "eV", "length": "Å"},
    "atomic_energies": {"Na": -1.25, "Cl": -2.5},
}


class ToyNetwork(nn.Module):
    """Two rounds of messages (or one) with scalars and vectors, a repulsion that keeps ions apart, and three heads."""

    def __init__(self, electrostatics: str, layers: int = 2):
        super().__init__()
        load_operators()
        channels = METADATA["channels"]
        self.cutoff = CUTOFF
        self.layers = layers
        self.charges = electrostatics != "none"
        self.dipoles = electrostatics == "charge+dipole"
        self.embedding = nn.Embedding(2, channels)
        self.of_element = nn.Parameter(torch.tensor([0.8, -0.8]))
        self.radial = nn.Linear(4, 4 * channels, bias=False)
        self.energy = nn.Linear(channels, 1, bias=False)
        self.charge = nn.Linear(channels, 1, bias=False)
        self.dipole = nn.Linear(channels, 1, bias=False)

    def forward(
        self,
        edge_vectors: Tensor,
        receivers: Tensor,
        senders: Tensor,
        species: Tensor,
        n_owned: int,
        exchange: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        r = edge_vectors.square().sum(1, keepdim=True).sqrt()
        u = (edge_vectors / r).unsqueeze(2)
        envelope = (1 - (r / self.cutoff) ** 2).clamp(min=0.0) ** 3  # engines may give edges beyond the cutoff
        n = torch.arange(1, 5, dtype=r.dtype, device=r.device)
        basis = torch.sin(n * (math.pi / self.cutoff) * r) / r * envelope
        w1, w2, w3, w4 = self.radial(basis).chunk(4, dim=1)

        sent = self.embedding(species)[senders]
        zero = edge_vectors.new_zeros(n_owned, sent.shape[1])
        scalars = torch.tanh(zero.index_add(0, receivers, w1 * sent))
        vectors = zero.unsqueeze(1).repeat(1, 3, 1).index_add(0, receivers, u * (w2 * sent).unsqueeze(1))

        if self.layers > 1:
            scalars_there = torch.ops.hotpp_lr.ghost_exchange(scalars, exchange)[senders]
            vectors_there = torch.ops.hotpp_lr.ghost_exchange(vectors, exchange)[senders]
            message = w3 * scalars_there + w4 * (vectors_there * u).sum(1)
            scalars = torch.tanh(scalars + zero.index_add(0, receivers, message))

        repulsion = 400.0 * torch.exp(-r / 0.35) * envelope
        energies = 0.2 * self.energy(scalars).squeeze(1) + zero[:, 0].index_add(0, receivers, repulsion.squeeze(1))
        charges = torch.zeros_like(energies)
        if self.charges:
            charges = self.of_element[species[:n_owned]] + 0.1 * self.charge(scalars).squeeze(1)
        dipoles = vectors.new_zeros(n_owned, 3)
        if self.dipoles:
            dipoles = 0.3 * self.dipole(vectors).squeeze(2)
        return energies, charges, dipoles


def write_toy_model(
    path: Path, electrostatics: str, *, seed: int = 1, network: nn.Module | None = None, **changes
) -> Path:
    """Write the exported form of the toy, or of another network; `changes` replace entries of its metadata (None
    removes one)."""
    torch.manual_seed(seed)
    network = torch.jit.script((network or ToyNetwork(electrostatics, changes.get("layers", 2))).double())
    metadata = {**METADATA, "electrostatics": electrostatics, **changes}
    metadata = {key: value for key, value in metadata.items() if value is not None}
    torch.jit.save(network, str(path), _extra_files={"hotpp.json": json.dumps(metadata)})
    return path
