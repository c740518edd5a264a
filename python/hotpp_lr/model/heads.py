"""Read-out of atomic quantities from the features."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class EnergyHead(nn.Module):
    """Scalars of one layer -> contribution to the atomic energy, in units of the model's scale: [n, C] -> [n]."""

    def __init__(self, channels: int):
        super().__init__()
        self.perceptron = nn.Sequential(nn.Linear(channels, channels), nn.SiLU(), nn.Linear(channels, 1, bias=False))

    def forward(self, scalars: Tensor) -> Tensor:
        return self.perceptron(scalars).squeeze(-1)


class ChargeHead(nn.Module):
    """Scalars -> raw latent charge (e): a constant of the element plus what the surroundings add: [n, C] -> [n].

    The energy does not change when all charges (and dipoles) change sign. `guess`, one number per element,
    decides which of the two equal solutions training falls into.
    """

    __constants__ = ("SCALE",)
    SCALE = 0.1

    def __init__(self, channels: int, guess: Tensor):
        super().__init__()
        self.perceptron = nn.Sequential(nn.Linear(channels, channels), nn.SiLU(), nn.Linear(channels, 1, bias=False))
        self.of_element = nn.Parameter(guess.clone())

    def forward(self, scalars: Tensor, species: Tensor) -> Tensor:
        return self.of_element[species] + self.SCALE * self.perceptron(scalars).squeeze(-1)


class DipoleHead(nn.Module):
    """Vectors, gated by scalars -> latent dipole (e·Å): [n, 3, C], [n, C] -> [n, 3]."""

    __constants__ = ("SCALE",)
    SCALE = 0.1

    def __init__(self, channels: int):
        super().__init__()
        self.gate = nn.Sequential(nn.Linear(channels, channels), nn.SiLU(), nn.Linear(channels, channels))
        self.out = nn.Linear(channels, 1, bias=False)

    def forward(self, vectors: Tensor, scalars: Tensor) -> Tensor:
        return self.SCALE * self.out(vectors * torch.sigmoid(self.gate(scalars)).unsqueeze(1)).squeeze(-1)
