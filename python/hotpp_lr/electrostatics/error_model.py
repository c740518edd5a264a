"""Force error of a mesh from first principles: what the aliases of every mode do to the forces.

An atom at r feels of mode k, besides the wave itself, its aliases k + G, G = sum_a m_a K_a b_a, with the weight
w/W = W(k+G)/W(k) of the assignment; a spread charge enters mode k with the aliases of its structure factor. With
g(k) the kernel, D(k) the deconvolution, s(κ) = q² + μ²κ²/3 the mean square of what an atom is to a wave κ, and random
phases (Hockney & Eastwood 1988, ch. 8):

    <ΔF²> = sum_k (g D W)² sum_(G≠0) w² [ κ² s(κ) |S(k)|² + k² s(k) N s(κ) ]  +  sum_k (g - g D W²)² k² s(k) |S(k)|²
            + sum_G G² < ( sum_k g D W w C(k) (q + i μ·κ)(q - i μ·k) )² >,   κ = k + G,  C = |S(k)|² / N s(k)

The last term is the force of the mesh on an atom by itself and by the cloud of opposite charge around it: all modes
act with one phase there. It is half of the error at ordinary densities. csrc/pme/error_model.cpp is the same in C++.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import pi

import numpy as np
import torch

from hotpp_lr.constants import COULOMB_CONSTANT
from hotpp_lr.electrostatics.ewald import half_space_modes
from hotpp_lr.electrostatics.kernel import GaussianKernel, Kernel

#: Modes (counting k and -k) of a measured structure that are summed one by one, fewer for more than 10,000 atoms;
#: shorter waves are represented by shells times directions.
MOST_MODES, LEAST_MODES, MOST_PHASES = 2000, 200, 20_000_000
SHELLS, DIRECTIONS = 20, 24

#: Where nothing is known of a structure, an ionic melt: |μ|²/q² in Å²; the wave number times the mean distance of atoms
#: (V/N)^(1/3) below which charges screen each other; how much smaller forces are than with random phases (molten NaCl:
#: 1.0 to 1.9, the less the larger the smearing).
ASSUMED_DIPOLE = 0.27
SCREENED_BELOW = 4.6
ASSUMED_CANCELLATION = 1.5

# Aliases with one or two non-zero m_a = ±1; the others add less than a percent.
ALIASES = np.array([m for m in np.ndindex(3, 3, 3) if 1 <= np.count_nonzero(np.array(m) - 1) <= 2]) - 1


@dataclass(frozen=True)
class Sources:
    """What the relative error depends on besides the mesh. Mean squares are per atom; only their ratios matter."""

    n_atoms: int
    charge2: float  # <q²>, e²
    charge4: float  # <q⁴>, e⁴
    dipole2: float  # <|μ|²>, (e·Å)²
    rms_force: float | None = None  # of the long-range forces, eV/Å; None: from the power spectrum
    positions: np.ndarray | None = field(default=None, repr=False)  # [n, 3] Å; None: an ionic melt is assumed
    charges: np.ndarray | None = field(default=None, repr=False)
    dipoles: np.ndarray | None = field(default=None, repr=False)

    @staticmethod
    def assumed(n_atoms: int, dipoles: bool) -> "Sources":
        """Charges ordered as in a melt (their forces are small, so the relative error is large), random dipoles."""
        return Sources(n_atoms, 1.0, 1.0, ASSUMED_DIPOLE if dipoles else 0.0)

    @staticmethod
    def measured(positions, charges, dipoles=None, rms_force: float | None = None) -> "Sources":
        """A given structure: positions [n, 3] Å, charges [n] e, dipoles [n, 3] e·Å or None.

        Its rms long-range force (eV/Å), known after one evaluation, makes estimates better for ordered structures,
        whose forces cancel: without it they are up to a factor of 2 too small.
        """
        r, q = np.asarray(positions, dtype=float), np.asarray(charges, dtype=float)
        mu = None if dipoles is None else np.asarray(dipoles, dtype=float)
        dipole2 = 0.0 if mu is None else float((mu**2).sum(1).mean())
        if len(q) == 0 or (not np.any(q) and dipole2 == 0.0):
            raise ValueError("all charges and dipoles are zero: there is no force whose error could be estimated.")
        return Sources(len(q), float((q**2).mean()), float((q**4).mean()), dipole2, rms_force, r, q, mu)

    def seen_by(self, k2: np.ndarray) -> np.ndarray:
        """s(k) = q² + μ²k²/3."""
        return self.charge2 + self.dipole2 / 3.0 * k2

    def power(self, k: np.ndarray, volume: float) -> np.ndarray:
        """|S(k)|² of wave vectors k [M, 3]."""
        k2 = (k * k).sum(1)
        if self.positions is None:
            x4 = (np.sqrt(k2) * (volume / self.n_atoms) ** (1 / 3) / SCREENED_BELOW) ** 4
            return self.n_atoms * (self.charge2 * x4 / (1.0 + x4) + self.dipole2 / 3.0 * k2)
        power = np.empty(len(k))
        block = max(1, 4_000_000 // max(1, self.n_atoms))  # phases of 64 MB at most
        for start in range(0, len(k), block):
            part = k[start : start + block]
            amplitude = np.broadcast_to(self.charges, (len(part), self.n_atoms))
            if self.dipoles is not None:
                amplitude = amplitude + 1j * (part @ self.dipoles.T)
            power[start : start + block] = np.abs((amplitude * np.exp(1j * part @ self.positions.T)).sum(1)) ** 2
        return power


@dataclass(frozen=True)
class ErrorModel:
    """Relative rms force error of meshes for one cell [3, 3] Å (rows), kernel and set of sources."""

    cell: np.ndarray
    kernel: Kernel
    sources: Sources

    @cached_property
    def volume(self) -> float:
        return abs(float(np.linalg.det(self.cell)))

    @cached_property
    def _modes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Wave vectors [M, 3], how many modes each stands for, kernel g and |S|² of each."""
        one_by_one = 0
        if self.sources.positions is not None:
            one_by_one = min(MOST_MODES, max(LEAST_MODES, MOST_PHASES // self.sources.n_atoms))
        k, weights = sample_modes(self.cell, kernel_extent(self.kernel), one_by_one)
        k2 = (k * k).sum(1)
        screening = self.kernel.screening(torch.from_numpy(k2)).numpy()
        g = 4.0 * pi * COULOMB_CONSTANT / self.volume * screening / k2
        return k, weights, g, self.sources.power(k, self.volume)

    @cached_property
    def rms_force(self) -> float:
        """Root mean square of the long-range forces, eV/Å: measured, or with random phases."""
        if self.sources.rms_force is not None:
            return self.sources.rms_force
        k, weights, g, power = self._modes
        k2 = (k * k).sum(1)
        force = float(np.sqrt((weights * g**2 * k2 * self.sources.seen_by(k2) * power).sum()))
        return force / ASSUMED_CANCELLATION if self.sources.positions is None else force

    def relative_error(self, order: int, mesh: Sequence[float]) -> float:
        """Of a mesh of K1, K2, K3 points (need not be integers)."""
        k, weights, g, power = self._modes
        n, seen_by = self.sources.n_atoms, self.sources.seen_by
        k2 = (k * k).sum(1)
        points = np.asarray(mesh, dtype=float)
        x = 0.5 * k @ self.cell.T / points  # [M, 3], k·a_a / 2 K_a
        inside = (np.abs(x) <= 0.5 * pi + 1e-9).all(1)  # the mode n = K/2 is on the mesh
        assignment = np.sinc(x[:, :, None] / pi + np.arange(-2, 3)) ** order  # [M, 3, 5], m_a = -2 .. 2
        d = np.where(inside, g / (assignment**2).sum(2).prod(1), 0.0)
        w0 = assignment[:, :, 2].prod(1)
        own = k2 * seen_by(k2)
        diagonal = (g - d * w0**2) ** 2 * own * power
        alias = 2.0 * pi * (ALIASES * points) @ np.linalg.inv(self.cell).T  # [A, 3] 1/Å
        kappa2 = k2[:, None] + 2.0 * k @ alias.T + (alias**2).sum(1)  # [M, A]
        w = assignment[:, 0, ALIASES[:, 0] + 2] * assignment[:, 1, ALIASES[:, 1] + 2]
        w = w * assignment[:, 2, ALIASES[:, 2] + 2]
        felt = w**2 * seen_by(kappa2)
        pairs = (d * w0) ** 2 * ((felt * kappa2).sum(1) * power + felt.sum(1) * n * own)
        variance = (weights * (pairs + diagonal)).sum()
        cloud = power / (n * seen_by(k2))
        variance += self._self_force2(k, alias, (weights * d * w0 * cloud)[:, None] * w)
        return float(np.sqrt(variance)) / self.rms_force

    def _self_force2(self, k: np.ndarray, alias: np.ndarray, c: np.ndarray) -> float:
        """Mean square force of atoms on themselves through the mesh; c [M, A] = weights g D W w C of half the modes."""
        q2, q4, component = self.sources.charge2, self.sources.charge4, self.sources.dipole2 / 3.0
        opposite = slice(None, None, -1)  # the alias -G: what the other half of the modes adds
        half = 0.5 * c.sum(0)  # [A]; weights count both halves
        charge, alias2 = half + half[opposite], (alias**2).sum(1)
        mean_square = q4 * charge**2
        if component > 0.0:
            # for random directions of μ; tensor = sum of c κ k
            moment = 0.5 * c.T @ k  # [A, 3]
            tensor = 0.5 * np.einsum("ma,mi,mj->aij", c, k, k) + alias[:, :, None] * moment[:, None, :]
            tensor = tensor + tensor[opposite]
            trace = np.einsum("aii->a", tensor)
            squares = (tensor**2).sum((1, 2)) + np.einsum("aij,aji->a", tensor, tensor)
            mean_square = mean_square + q2 * component * charge * (2.0 * trace + charge * alias2)
            mean_square = mean_square + component**2 * (trace**2 + squares)
        return float((alias2 * mean_square).sum())


def kernel_extent(kernel: Kernel) -> float:
    """Wave number in 1/Å beyond which the kernel does not matter to a force error of 1e-7."""
    return 5.0 / kernel.smearing if isinstance(kernel, GaussianKernel) else kernel.cutoff


def sample_modes(cell: np.ndarray, extent: float, one_by_one: int) -> tuple[np.ndarray, np.ndarray]:
    """Half of the wave vectors [M, 3] within `extent` and how many modes of the cell each stands for.

    one_by_one: number of the longest waves, where a structure has sharp peaks, to take singly; shells beyond.
    """
    reciprocal = 2.0 * pi * np.linalg.inv(cell).T
    volume = abs(np.linalg.det(cell))
    ball = min(extent, (6.0 * pi**2 * one_by_one / volume) ** (1 / 3))
    vectors, weights = [], []
    if one_by_one:
        modes = half_space_modes(torch.as_tensor(cell, dtype=torch.float64), ball).numpy()
        vectors.append(modes @ reciprocal)
        weights.append(np.full(len(modes), 2.0))
    if ball < extent:
        # Gauss-Legendre shells times a spiral of directions, turned from shell to shell, moved to the nearest modes.
        nodes, shell_weights = np.polynomial.legendre.leggauss(SHELLS)
        radius = ball + 0.5 * (extent - ball) * (nodes + 1.0)
        z = (np.arange(DIRECTIONS) + 0.5) / DIRECTIONS
        angle = pi * (1.0 + 5.0**0.5) * np.arange(DIRECTIONS) + np.arange(SHELLS)[:, None]
        across = np.sqrt(1.0 - z**2)
        unit = np.stack([across * np.cos(angle), across * np.sin(angle), np.broadcast_to(z, angle.shape)], -1)
        modes = np.rint((radius[:, None, None] * unit).reshape(-1, 3) @ cell.T / (2.0 * pi))
        weight = volume / (2.0 * pi) ** 3 * 4.0 * pi * radius**2 * 0.5 * (extent - ball) * shell_weights / DIRECTIONS
        chosen = np.any(modes != 0, axis=1)
        vectors.append(modes[chosen] @ reciprocal)
        weights.append(np.repeat(weight, DIRECTIONS)[chosen])
    return np.concatenate(vectors), np.concatenate(weights)
