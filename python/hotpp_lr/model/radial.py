"""Radial weights of the messages: Bessel functions, a smooth envelope, a small perceptron."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class RadialBasis(nn.Module):
    """√2 sin(nπx)/x, x = r/r_c, n = 1…N (Gasteiger et al. 2020, eq. 7, without unit): [n_edges] Å -> [n_edges, N]."""

    def __init__(self, n_functions: int, cutoff: float):
        super().__init__()
        self.cutoff = cutoff
        self.register_buffer("frequencies", torch.arange(1, n_functions + 1) * (math.pi / cutoff))

    def forward(self, r: Tensor) -> Tensor:
        r = r.unsqueeze(-1)
        return math.sqrt(2.0) * self.cutoff * torch.sin(self.frequencies * r) / r


def envelope(r: Tensor, cutoff: float) -> Tensor:
    """1 at r = 0; value and two derivatives vanish at the cutoff (Gasteiger et al. 2020, eq. 8, p = 6)."""
    x = r / cutoff
    x3 = x * x * x
    x6 = x3 * x3
    return torch.where(x < 1.0, 1.0 - 28.0 * x6 + 48.0 * x6 * x - 21.0 * x6 * x * x, torch.zeros_like(x))


class RadialWeights(nn.Module):
    """Weights of every path and channel: r [n_edges] -> [n_edges, n_paths, channels].

    The envelope multiplies everything that has a bias; the linear map behind it has none. Otherwise the weights
    would not vanish at the cutoff and the energy would jump when a neighbour crosses it.
    """

    def __init__(self, n_functions: int, hidden: int, n_paths: int, channels: int):
        super().__init__()
        self.n_paths = n_paths
        self.channels = channels
        self.perceptron = nn.Sequential(nn.Linear(n_functions, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU())
        self.out = nn.Linear(hidden, n_paths * channels, bias=False)

    def forward(self, basis: Tensor, cutoff_value: Tensor) -> Tensor:
        hidden = self.perceptron(basis) * cutoff_value.unsqueeze(-1)
        return self.out(hidden).view(-1, self.n_paths, self.channels)
