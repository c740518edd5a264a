"""Direct Ewald summation in reciprocal space: the judge of every mesh result.

E = (2 pi k_e / V) sum_{k != 0} exp(-smearing² k²/2)/k² |S(k)|² - E_self - pi k_e smearing² Q²/V,
S(k) = sum_i (q_i + i k·μ_i) exp(i k·r_i)
"""

from math import pi

import torch
from torch import Tensor

from hotpp_lr.constants import COULOMB_CONSTANT
from hotpp_lr.electrostatics.checks import check_inputs
from hotpp_lr.electrostatics.kernel import Kernel, make_kernel
from hotpp_lr.electrostatics.mesh import background_energy, self_energy


def ewald_energy(
    positions: Tensor,
    cell: Tensor,
    charges: Tensor,
    dipoles: Tensor | None,
    structure: Tensor,
    *,
    smearing: float,
    k_max_sigma: float = 9.0,
    kernel: str = "gaussian",
    subtract_self: bool = True,
) -> Tensor:
    """Long-range energy of each periodic structure, [S] eV; arguments as for `pme_energy`.

    All k with |k| smearing <= k_max_sigma are summed; the neglected ones weigh exp(-k_max_sigma²/2).
    """
    check_inputs(positions, cell, charges, dipoles, structure)
    kernel = make_kernel(kernel, smearing)
    sums = []
    for s in range(cell.shape[0]):
        atoms = (structure == s).nonzero()[:, 0]
        mu = None if dipoles is None else dipoles[atoms]
        sums.append(_reciprocal_sum(positions[atoms], cell[s], charges[atoms], mu, kernel, k_max_sigma))
    volume = torch.linalg.det(cell.to(torch.float64)).abs()
    energy = 2.0 * pi * COULOMB_CONSTANT * torch.stack(sums) / volume
    energy = energy + background_energy(charges, structure, volume, kernel)
    if subtract_self:
        energy = energy - self_energy(charges, dipoles, structure, cell.shape[0], kernel)
    return energy.to(torch.promote_types(positions.dtype, charges.dtype))


def _reciprocal_sum(
    positions: Tensor,
    cell: Tensor,
    charges: Tensor,
    dipoles: Tensor | None,
    kernel: Kernel,
    k_max_sigma: float,
) -> Tensor:
    """sum over k != 0 of kernel.transform(k²) |S(k)|², over half of the reciprocal lattice, doubled."""
    modes = half_space_modes(cell.detach(), k_max_sigma / kernel.smearing)
    k = 2.0 * pi * modes.to(positions) @ torch.linalg.inv(cell.to(positions)).T
    phase = k @ positions.T
    real, imag = torch.cos(phase), torch.sin(phase)
    s_real, s_imag = real @ charges, imag @ charges
    if dipoles is not None:
        projected = k @ dipoles.T
        s_real = s_real - (projected * imag).sum(1)
        s_imag = s_imag + (projected * real).sum(1)
    weights = kernel.transform((k * k).sum(1))
    return 2.0 * (weights * (s_real**2 + s_imag**2)).sum(dtype=torch.float64)


def half_space_modes(cell: Tensor, k_max: float) -> Tensor:
    """Integer modes n [M, 3] with 0 < |k| <= k_max, one of each pair n, -n; cell [3, 3]."""
    # |n_i| = |k·a_i| / 2 pi <= k_max |a_i| / 2 pi
    bounds = (k_max * cell.norm(dim=1) / (2.0 * pi)).floor().to(torch.int64).tolist()
    ranges = [torch.arange(-b, b + 1, device=cell.device) for b in bounds]
    ranges[0] = ranges[0][bounds[0] :]
    modes = torch.cartesian_prod(*ranges)
    n1, n2, n3 = modes.unbind(1)
    half = (n1 > 0) | ((n1 == 0) & ((n2 > 0) | ((n2 == 0) & (n3 > 0))))
    k = 2.0 * pi * modes.to(cell) @ torch.linalg.inv(cell).T
    return modes[half & (k.norm(dim=1) <= k_max)]
