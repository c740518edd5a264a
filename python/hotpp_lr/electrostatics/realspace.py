"""Pair energies of charges and dipoles, and the short-range complement that makes full Coulomb of E_LR.

With r = r_i - r_j and B0 the kernel, B1 = -B0'/r, B2 = -B1'/r (Smith 1982):

    E_ij = q_i q_j B0 + (q_i μ_j - q_j μ_i)·r B1 + μ_i·μ_j B1 - (μ_i·r)(μ_j·r) B2
"""

from collections.abc import Callable
from math import ceil

import torch
from torch import Tensor

from hotpp_lr.constants import COULOMB_CONSTANT
from hotpp_lr.electrostatics.checks import check_inputs
from hotpp_lr.electrostatics.kernel import make_kernel

Radial = Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]


def pair_energies(
    vectors: Tensor, first: Tensor, second: Tensor, charges: Tensor, dipoles: Tensor | None, radial: Radial
) -> Tensor:
    """E_ij / k_e of each pair [P] in float64; vectors [P, 3] = r_first - r_second, indices [P] int64."""
    wide = torch.float64
    vectors, q = vectors.to(wide), charges.to(wide)
    b0, b1, b2 = radial(vectors.norm(dim=1))
    energies = q[first] * q[second] * b0
    if dipoles is None:
        return energies
    mu = dipoles.to(wide)
    along_first = (mu[first] * vectors).sum(1)
    along_second = (mu[second] * vectors).sum(1)
    energies = energies + (q[first] * along_second - q[second] * along_first) * b1
    return energies + (mu[first] * mu[second]).sum(1) * b1 - along_first * along_second * b2


def complement_energy(
    positions: Tensor,
    cell: Tensor,
    charges: Tensor,
    dipoles: Tensor | None,
    structure: Tensor,
    *,
    smearing: float,
    kernel: str = "gaussian",
    cutoff_sigma: float = 9.0,
) -> Tensor:
    """Energy of erfc(r / (sqrt(2) smearing)) / r over all periodic images, [S] eV.

    Added to `ewald_energy` or `pme_energy` of the same smearing it gives point charges and point dipoles,
    independent of the smearing. Images beyond cutoff_sigma * smearing weigh exp(-cutoff_sigma²/2).
    For tests and small systems: every pair is visited once per image.
    """
    check_inputs(positions, cell, charges, dipoles, structure)
    kernel = make_kernel(kernel, smearing)
    cutoff = cutoff_sigma * kernel.smearing
    energies = []
    for s in range(cell.shape[0]):
        atoms = (structure == s).nonzero()[:, 0]
        vectors, first, second = image_pairs(positions[atoms], cell[s].to(positions), cutoff)
        mu = None if dipoles is None else dipoles[atoms]
        pairs = pair_energies(vectors, first, second, charges[atoms], mu, kernel.complement)
        energies.append(0.5 * COULOMB_CONSTANT * pairs.sum())
    return torch.stack(energies).to(torch.promote_types(positions.dtype, charges.dtype))


def image_pairs(positions: Tensor, cell: Tensor, cutoff: float) -> tuple[Tensor, Tensor, Tensor]:
    """All ordered pairs, own images included: (r_i - r_j - n·cell [P, 3], i [P], j [P]) within the cutoff."""
    n, device = positions.shape[0], positions.device
    inverse = torch.linalg.inv(cell.detach())
    reach = [ceil(cutoff * float(inverse[:, axis].norm())) + 1 for axis in range(3)]
    images = torch.cartesian_prod(*(torch.arange(-m, m + 1, device=device) for m in reach))
    first = torch.arange(n, device=device).repeat_interleave(n)
    second = torch.arange(n, device=device).repeat(n)
    difference = positions[first] - positions[second]
    # Atoms may be anywhere: reduce to the nearest cell first, so that `reach` suffices.
    home = torch.round(difference.detach() @ inverse).to(images.dtype)
    shifts = (home[:, None, :] + images).reshape(-1, 3)
    repeat = images.shape[0]
    first, second = first.repeat_interleave(repeat), second.repeat_interleave(repeat)
    with torch.no_grad():
        distance = (positions[first] - positions[second] - shifts.to(cell) @ cell).norm(dim=1)
        own = (first == second) & (shifts == 0).all(1)
        near = ((distance <= cutoff) & ~own).nonzero()[:, 0]
    first, second = first[near], second[near]
    return positions[first] - positions[second] - shifts[near].to(cell) @ cell, first, second
