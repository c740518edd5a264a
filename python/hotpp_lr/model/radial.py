"""Radial weights of the messages: Bessel functions, a smooth envelope, a small perceptron; and tables of them.

A table holds value and slope × spacing of every weight on uniform knots from 0 to the cutoff. Between them stands the
cubic Hermite polynomial, which is once continuously differentiable: forces are its exact derivative. The perceptron
is then evaluated on some hundred knots instead of on every edge, and training goes through the table to its weights.
"""

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

    def with_slope(self, r: Tensor) -> tuple[Tensor, Tensor]:
        """Values and derivatives (1/Å), float64, also at r = 0: [n] -> [n, N], [n, N]."""
        r = r.double().unsqueeze(-1)
        frequencies = self.frequencies.double()
        phase = frequencies * r
        away = torch.where(r > 0, r, 1.0)  # no division by zero; the limits at r = 0 are filled in
        amplitude = math.sqrt(2.0) * self.cutoff
        sine = torch.where(r > 0, torch.sin(phase) / away, frequencies)
        slope = torch.where(r > 0, (frequencies * torch.cos(phase) - sine) / away, 0.0)
        return amplitude * sine, amplitude * slope


def envelope(r: Tensor, cutoff: float) -> Tensor:
    """1 at r = 0; value and two derivatives vanish at the cutoff (Gasteiger et al. 2020, eq. 8, p = 6)."""
    x = r / cutoff
    x3 = x * x * x
    x6 = x3 * x3
    return torch.where(x < 1.0, 1.0 - 28.0 * x6 + 48.0 * x6 * x - 21.0 * x6 * x * x, torch.zeros_like(x))


def envelope_slope(r: Tensor, cutoff: float) -> Tensor:
    """Derivative of `envelope`, 1/Å."""
    x = r / cutoff
    return torch.where(x < 1.0, -168.0 / cutoff * x**5 * (1.0 - x).square(), torch.zeros_like(x))


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

    def with_slope(
        self, basis: Tensor, basis_slope: Tensor, cutoff_value: Tensor, cutoff_slope: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Weights and their derivatives by r, each [n, n_paths, channels]: forward mode through the perceptron.

        Written out, so that both can be differentiated twice by the parameters with ordinary backward passes.
        """
        value, slope = basis, basis_slope
        for step in self.perceptron:
            if isinstance(step, nn.Linear):
                value, slope = step(value), nn.functional.linear(slope, step.weight)
            else:
                gate = torch.sigmoid(value)
                value, slope = value * gate, slope * gate * (1.0 + value * (1.0 - gate))
        cutoff_value, cutoff_slope = cutoff_value.unsqueeze(-1), cutoff_slope.unsqueeze(-1)
        value, slope = value * cutoff_value, slope * cutoff_value + value * cutoff_slope
        shape = (-1, self.n_paths, self.channels)
        return self.out(value).view(shape), self.out(slope).view(shape)


def tabulate(radial_weights: RadialWeights, basis: RadialBasis, cutoff: float, knots: int) -> Tensor:
    """Table [knots, 2, n_paths, channels] of value and slope × spacing; knot k lies at r = k cutoff / (knots - 1).

    Differentiable by the parameters of the perceptron, twice. Value and slope vanish at the last knot.
    """
    weight = radial_weights.out.weight
    r = torch.linspace(0.0, cutoff, knots, dtype=torch.float64, device=weight.device)
    inputs = (*basis.with_slope(r), envelope(r, cutoff), envelope_slope(r, cutoff))
    value, slope = radial_weights.with_slope(*(x.to(weight.dtype) for x in inputs))
    return torch.stack((value, slope * (cutoff / (knots - 1))), dim=1)


def interpolate(table: Tensor, r: Tensor, cutoff: float) -> Tensor:
    """Radial weights [n_edges, n_paths, channels] at the distances r [n_edges] Å, zero from the cutoff on.

    table [knots, 2, n_paths, channels] as `tabulate` makes it. Differentiable twice by r (almost everywhere) and table.
    """
    inside = r < cutoff
    # Edges outside would read behind the table; their value is replaced, and so is its derivative.
    t = torch.where(inside, r, torch.zeros_like(r)) * ((table.shape[0] - 1) / cutoff)
    knot = t.detach().long().clamp(max=table.shape[0] - 2)
    u = t - knot
    v = 1.0 - u
    basis = torch.stack(((1.0 + 2.0 * u) * v * v, u * v * v, (1.0 + 2.0 * v) * u * u, -u * u * v), dim=1)
    basis = torch.where(inside.unsqueeze(-1), basis, torch.zeros_like(basis)).unsqueeze(-1).unsqueeze(-1)
    before, after = table.index_select(0, knot), table.index_select(0, knot + 1)
    return (
        basis[:, 0] * before[:, 0] + basis[:, 1] * before[:, 1] + basis[:, 2] * after[:, 0] + basis[:, 3] * after[:, 1]
    )
