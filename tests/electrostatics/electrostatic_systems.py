"""Configurations and comparisons shared by the electrostatics tests. Everything is float64."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt

import torch
from hotpp_lr.constants import COULOMB_CONSTANT
from hotpp_lr.electrostatics.ewald import ewald_energy
from hotpp_lr.electrostatics.realspace import complement_energy
from torch import Tensor

F64 = torch.float64
CUBIC = torch.eye(3, dtype=F64)
TRICLINIC = torch.tensor([[16.0, 0.0, 0.0], [3.0, 15.5, 0.0], [-2.0, 4.0, 15.0]], dtype=F64)
#: Three unit vectors with 60° between them: the primitive cell of an fcc lattice.
SIXTY_DEGREES = torch.tensor(
    [[1.0, 0.0, 0.0], [0.5, sqrt(0.75), 0.0], [0.5, sqrt(1.0 / 12.0), sqrt(2.0 / 3.0)]], dtype=F64
)


@dataclass
class System:
    """One or several structures: positions [N, 3], cell [S, 3, 3], charges [N], dipoles [N, 3] | None."""

    positions: Tensor
    cell: Tensor
    charges: Tensor
    dipoles: Tensor | None
    structure: Tensor

    def args(self):
        return self.positions, self.cell, self.charges, self.dipoles, self.structure

    def with_(self, **changes) -> System:
        return replace(self, **changes)


def one(positions, cell, charges, dipoles=None) -> System:
    """A single structure from lists or tensors."""
    positions = torch.as_tensor(positions, dtype=F64)
    n = positions.shape[0]
    charges = torch.zeros(n, dtype=F64) if charges is None else torch.as_tensor(charges, dtype=F64)
    if dipoles is not None:
        dipoles = torch.as_tensor(dipoles, dtype=F64)
    cell = torch.as_tensor(cell, dtype=F64)[None]
    return System(positions, cell, charges, dipoles, torch.zeros(n, dtype=torch.int64))


def random_system(n, cell, seed, *, dipoles=True, net_charge=0.0) -> System:
    """Random positions and charges of rms 1 e, dipole components of rms 0.3 e·Å."""
    generator = torch.Generator().manual_seed(seed)
    fractional = torch.rand(n, 3, generator=generator, dtype=F64)
    charges = torch.randn(n, generator=generator, dtype=F64)
    charges = charges - charges.mean()
    charges = charges / charges.norm().clamp(min=1e-9) * sqrt(n) + net_charge / n
    mu = 0.3 * torch.randn(n, 3, generator=generator, dtype=F64)
    return one(fractional @ cell, cell, charges, mu if dipoles else None)


def ionic_system(cell, seed, *, n_side=4, dipoles=True, noise=0.15) -> System:
    """Alternating charges ±1 on a distorted rock-salt grid with n_side points along each lattice vector."""
    generator = torch.Generator().manual_seed(seed)
    grid = torch.cartesian_prod(*[torch.arange(n_side)] * 3)
    charges = 1.0 - 2.0 * (grid.sum(1) % 2)
    n = len(grid)
    fractional = (grid + noise * torch.randn(n, 3, generator=generator, dtype=F64)) / n_side
    mu = 0.3 * torch.randn(n, 3, generator=generator, dtype=F64)
    return one(fractional @ cell, cell, charges, mu if dipoles else None)


def batch_of(*systems: System) -> System:
    structure = torch.cat([s.structure + i for i, s in enumerate(systems)])
    parts = zip(*(s.args()[:4] for s in systems), strict=True)
    positions, cell, charges, dipoles = (None if p[0] is None else torch.cat(p) for p in parts)
    return System(positions, cell, charges, dipoles, structure)


def full_coulomb(system: System, smearing: float) -> Tensor:
    """Energy of point charges and dipoles in units of k_e: long-range part plus complement."""
    long_range = ewald_energy(*system.args(), smearing=smearing)
    return (long_range + complement_energy(*system.args(), smearing=smearing)) / COULOMB_CONSTANT


def gradients(energy_function, system: System, **options):
    """(energy [S], forces [N, 3], potential [N], field [N, 3] or None) of any of the energy functions."""
    variables = [system.positions, system.charges] + ([] if system.dipoles is None else [system.dipoles])
    variables = [v.detach().clone().requires_grad_() for v in variables]
    mu = variables[2] if len(variables) == 3 else None
    energy = energy_function(variables[0], system.cell, variables[1], mu, system.structure, **options)
    grads = torch.autograd.grad(energy.sum(), variables)
    return energy.detach(), -grads[0], grads[1], -grads[2] if mu is not None else None


def relative_rms(value: Tensor, reference: Tensor) -> float:
    return float((value - reference).norm() / reference.norm())


def mesh_for(system: System, spacing: float) -> Tensor:
    """[S, 3]: the coarsest mesh whose spacing along every lattice vector is at most `spacing` Å."""
    return torch.ceil(system.cell.norm(dim=2) / spacing - 1e-9).to(torch.int64)
