"""Energies of smeared charges and dipoles by sums that share nothing with the package: no mesh, no B-spline, no
correction for slabs. One structure; r [N, 3], q [N], mu [N, 3] are float64 tensors, energies differentiable.

    E = (1/2) ∫ d³k/(2π)³ 4π k_e screening(k²)/k² |S(k)|² - self,   S = sum (q + i k·μ) exp(i k·r)

with a sum over the modes of the cell along periodic axes and the integral, by Gauss-Legendre nodes, along open ones.
"""

from math import pi, sqrt

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.special import pro_ang1, pro_cv

K_E = 14.399645478425668


class Screening:
    """screening(k²), and the wave number beyond which it is nothing."""

    def __init__(self, kernel: str, smearing: float, tail: float = 1e-4):
        self.kernel, self.smearing = kernel, smearing
        self.end = 9.0 / smearing  # exp(-40)
        if kernel == "gaussian":
            return
        # ψ'' at 0 is -λψ, and the curvature at k = 0 is to be -σ²
        self.c = brentq(lambda c: pro_ang1(0, 0, c, 1 - 1e-12)[0] / pro_ang1(0, 0, c, 0.0)[0] - tail, 5.0, 30.0)
        self.end = sqrt(pro_cv(0, 0, self.c)) / smearing

    def __call__(self, k2: torch.Tensor) -> torch.Tensor:
        if self.kernel == "gaussian":
            return torch.exp(-0.5 * self.smearing**2 * k2)
        x = np.sqrt(k2.detach().numpy()) / self.end
        centre = pro_ang1(0, 0, self.c, 0.0)[0]
        value, slope = (np.where(x <= 1.0, y / centre, 0.0) for y in pro_ang1(0, 0, self.c, np.minimum(x, 1 - 1e-12)))
        # linear around the nodes, for derivatives with respect to the cell
        change = (torch.sqrt(k2) / self.end) - torch.tensor(x)
        return torch.tensor(value) + torch.tensor(slope) * change


def legendre(n: int, end) -> tuple[torch.Tensor, torch.Tensor]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return end * torch.tensor(nodes), end * torch.tensor(weights)


def structure_factor2(k, r, q, mu):
    """|S(k)|² [M] of wave vectors k [M, 3]."""
    amplitude = q + 1j * (k @ mu.T)
    return ((amplitude * torch.exp(1j * (k @ r.T))).sum(1).abs()) ** 2


def self_energy(screening, q, mu):
    k, w = legendre(400, 0.5 * screening.end)
    k = k + 0.5 * screening.end
    s = screening(k**2)
    own = (2 / pi) * ((w * s).sum() * (q**2).sum() + (w * s * k**2).sum() / 3 * (mu**2).sum())
    return 0.5 * K_E * own


def modes_within(vectors: np.ndarray, end: float) -> np.ndarray:
    """Integers n [M, d] with |n·b| <= end for reciprocal vectors b [d, 3]."""
    reach = 1 + int(end / np.linalg.svd(vectors, compute_uv=False).min())
    n = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * len(vectors), indexing="ij"), -1)
    n = n.reshape(-1, len(vectors))
    return n[np.linalg.norm(n @ vectors, axis=1) <= end]


def periodic(screening, r, cell, q, mu):
    """With a uniform background, whose interaction with the smeared charges is the last term."""
    b = 2 * pi * torch.linalg.inv(cell).T
    n = modes_within(b.detach().numpy(), 1.02 * screening.end)
    k = torch.tensor(n[np.any(n != 0, axis=1)], dtype=torch.float64) @ b
    k2 = (k**2).sum(1)
    volume = torch.linalg.det(cell)
    energy = 2 * pi * K_E / volume * (screening(k2) / k2 * structure_factor2(k, r, q, mu)).sum()
    return energy - self_energy(screening, q, mu) - pi * K_E * screening.smearing**2 * q.sum() ** 2 / volume


def slab(screening, r, cell, q, mu):
    """Periodic along the first two vectors, which lie in the xy plane; charges are not neutralised: two charged sheets
    interact as -2π k_e σσ'|z|, and the energy is that of the cell's area."""
    plane = cell[:2, :2]
    area = torch.linalg.det(plane)
    b = 2 * pi * torch.linalg.inv(plane).T
    modes = torch.tensor(modes_within(b.detach().numpy(), screening.end), dtype=torch.float64)
    flat = torch.nn.functional.pad(modes @ b, (0, 1))
    energy = torch.zeros((), dtype=torch.float64)
    up = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    for k in flat:
        k2 = (k**2).sum()
        end = sqrt(max(0.0, screening.end**2 - float(k2.detach())))
        z, w = legendre(120, end)
        waves = k + z[:, None] * up
        s = screening(z**2 + k2) * structure_factor2(waves, r, q, mu)
        if float(k2.detach()) > 1e-12:
            energy = energy + (w * 2 / (z**2 + k2) * s).sum()
        else:  # the integral of (cos kz - 1) 2/k² is -2π|z|; beyond the end only the -1 is left
            energy = energy + (w * 2 / z**2 * (s - q.sum() ** 2)).sum() - 4 / end * q.sum() ** 2
    return K_E / (2 * area) * energy - self_energy(screening, q, mu)


def cluster(screening, r, cell, q, mu):
    """Pairs: (q_i + μ_i·∇_i)(q_j + μ_j·∇_j) of B0(r) = (2/π) ∫ screening sin(kr)/(kr) dk."""
    k, w = legendre(400, 0.5 * screening.end)
    k = k + 0.5 * screening.end
    weight = (2 / pi) * w * screening(k**2)
    i, j = np.triu_indices(len(q), 1)
    d = r[i] - r[j]
    distance = d.norm(dim=1)[:, None]
    x = k * distance
    sin, cos = torch.sin(x), torch.cos(x)
    b0 = (weight * sin / x).sum(1)
    b1 = (weight * k**2 * (sin - x * cos) / x**3).sum(1)  # -B0'/r
    b2 = (weight * k**4 * ((3 - x**2) * sin - 3 * x * cos) / x**5).sum(1)  # -B1'/r
    along_i, along_j = (mu[i] * d).sum(1), (mu[j] * d).sum(1)
    pairs = q[i] * q[j] * b0 + (q[i] * along_j - q[j] * along_i) * b1
    pairs = pairs + (mu[i] * mu[j]).sum(1) * b1 - along_i * along_j * b2
    return K_E * pairs.sum()
