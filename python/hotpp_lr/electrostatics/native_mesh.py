"""Particle-mesh Ewald on the compiled operators: the same energy as `mesh.pme_energy`, differentiable twice.

    rho = spread(u, c),   E = (2 pi k_e / V) sum_{k != 0} A(k²) |FFT[rho](k)|²  -  E_self  -  background

u = r·transform are mesh coordinates and c = (q, μ·transform) multipoles in mesh units. Here is the one
differentiable step that sees positions and the cell; the sum is one operator, `mesh_sum` (csrc/ops/mesh_sum.cpp).
"""

from functools import cache
from math import pi

import torch
from torch import Tensor

from hotpp_lr.constants import COULOMB_CONSTANT
from hotpp_lr.electrostatics.assignment import mesh_transform
from hotpp_lr.electrostatics.checks import check_shapes, check_volumes
from hotpp_lr.electrostatics.kernel import make_kernel
from hotpp_lr.electrostatics.mesh import check_choices, dipole_forces
from hotpp_lr.native import load_operators


@cache
def sums_in_one_piece(device_type: str) -> bool:
    """Whether the device has kernels for spread and sum together; the parts it must have anyway."""
    key = {"cpu": "CPU", "cuda": "CUDA"}[device_type]
    return torch._C._dispatch_has_kernel_for_dispatch_key("hotpp_lr::_mesh_sum_forward", key)


def reciprocal_cells(cell: Tensor, mesh: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Volumes [S] Å³, transforms [S, 3, 3] to mesh coordinates, metrics b_i·b_j [S, 3, 3] in 1/Å²."""
    if cell.device.type == "cpu" and not (cell.requires_grad and torch.is_grad_enabled()):
        return torch.ops.hotpp_lr.reciprocal_cells(cell.detach(), mesh)
    volume = torch.linalg.det(cell).abs()
    check_volumes(cell, volume)
    inverse_cell = torch.linalg.inv(cell)
    metric = (2.0 * pi) ** 2 * inverse_cell.transpose(1, 2) @ inverse_cell
    return volume, mesh_transform(inverse_cell, mesh.to(cell.device)), metric


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
    check_shapes(positions, cell, charges, dipoles, structure)
    check_choices(mesh, cell.shape[0], order, deconvolution, dipole_forces(positions, dipoles))
    shape = make_kernel(kernel, smearing)
    mesh = mesh.to(torch.int64)
    volume, transform, metric = reciprocal_cells(cell.to(torch.float64), mesh)
    u = ops.structure_map(positions, transform, structure)
    coefficients = charges[:, None]
    if dipoles is not None:
        in_mesh = ops.structure_map(dipoles, transform, structure)
        coefficients = torch.cat([coefficients, in_mesh.to(charges.dtype)], dim=1)
    choices = (mesh, order, deconvolution, kernel, float(smearing))
    if sums_in_one_piece(u.device.type):
        sums = ops.mesh_sum(u, coefficients, metric, structure, *choices)
    else:
        sums = ops.reciprocal_sum(ops.mesh_spread(u, coefficients, structure, mesh, order), metric, *choices)

    n = cell.shape[0]
    total = ops.structure_dot(charges[:, None], torch.ones_like(charges)[:, None], structure, n)
    energy = COULOMB_CONSTANT * (2.0 * pi * sums - shape.background() * total**2) / volume
    if subtract_self:
        b0, b1 = shape.at_zero()
        energy = energy - 0.5 * COULOMB_CONSTANT * b0 * ops.structure_dot(
            charges[:, None], charges[:, None], structure, n
        )
        if dipoles is not None:
            energy = energy - 0.5 * COULOMB_CONSTANT * b1 * ops.structure_dot(dipoles, dipoles, structure, n)
    return energy.to(torch.promote_types(positions.dtype, charges.dtype))
