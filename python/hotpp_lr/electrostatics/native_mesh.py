"""Particle-mesh Ewald on the compiled operators: the same energy as `mesh.pme_energy`, differentiable twice.

    rho = mesh_spread(u, c),   sums = sum_k A(k²) |FFT[rho](k)|²,   E = 2 pi k_e / V sums + self + background

u = r·transform are mesh coordinates and c = (q, μ·transform) multipoles in mesh units. Here is the one
differentiable step that sees positions and the cell; behind it everything happens in csrc/ops.
"""

from math import pi

import torch
from torch import Tensor

from hotpp_lr.constants import COULOMB_CONSTANT
from hotpp_lr.electrostatics.assignment import mesh_transform
from hotpp_lr.electrostatics.checks import check_inputs
from hotpp_lr.electrostatics.influence import check_deconvolution
from hotpp_lr.electrostatics.kernel import make_kernel
from hotpp_lr.electrostatics.mesh import background_energy, check_mesh, self_energy
from hotpp_lr.native import load_operators


def pme_energy_native(
    positions: Tensor,
    cell: Tensor,
    charges: Tensor,
    dipoles: Tensor | None,
    structure: Tensor,
    *,
    smearing: float,
    order: int,
    mesh: Tensor,
    deconvolution: str = "alias",
    kernel: str = "gaussian",
    subtract_self: bool = True,
) -> Tensor:
    """Arguments, result and errors as `pme_energy`; the mesh has the dtype of the charges."""
    load_operators()
    ops = torch.ops.hotpp_lr
    check_inputs(positions, cell, charges, dipoles, structure)
    check_mesh(mesh, cell.shape[0], order)
    check_deconvolution(deconvolution)
    if dipoles is not None and order < 4 and positions.requires_grad:
        raise ValueError(f"forces with dipoles need an assignment order >= 4, given {order}: raise it.")
    shape = make_kernel(kernel, smearing)
    wide = torch.float64
    cell = cell.to(wide)
    inverse_cell = torch.linalg.inv(cell)
    volume = torch.linalg.det(cell).abs()

    transform = mesh_transform(inverse_cell, mesh)[structure]
    u = torch.bmm(positions.to(wide)[:, None, :], transform)[:, 0]
    coefficients = charges[:, None]
    if dipoles is not None:
        in_mesh = torch.bmm(dipoles.to(wide)[:, None, :], transform)[:, 0]
        coefficients = torch.cat([coefficients, in_mesh.to(charges.dtype)], dim=1)
    rho = ops.mesh_spread(u, coefficients, structure, mesh, order)

    metric = (2.0 * pi) ** 2 * inverse_cell.transpose(1, 2) @ inverse_cell
    sums = ops.reciprocal_sum(rho, metric, mesh, order, deconvolution, kernel, smearing)
    energy = 2.0 * pi * COULOMB_CONSTANT * sums / volume
    energy = energy + background_energy(charges, structure, volume, shape)
    if subtract_self:
        energy = energy - self_energy(charges, dipoles, structure, cell.shape[0], shape)
    return energy.to(torch.promote_types(positions.dtype, charges.dtype))
