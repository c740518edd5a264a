"""Spread of charges and dipoles to the mesh, and gather of the potential and its derivatives: adjoint stages.

All meshes of a batch live in one flat buffer; `Stencils` holds where each atom touches it.
Derivatives are in mesh units here (per mesh spacing along each lattice vector); `to_cartesian` maps them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from hotpp_lr.electrostatics.splines import spline_weights, stencil


@dataclass
class Stencils:
    """The order³ mesh points around each of N atoms."""

    indices: Tensor  # [N, p, p, p] int64, into the flat buffer
    t: Tensor  # [N, 3], centred fraction of each axis, dtype of the mesh
    order: int

    def weights(self, derivative: int = 0) -> Tensor:
        """[N, 3, p]"""
        return spline_weights(self.t, self.order, derivative)


def mesh_transform(inverse_cell: Tensor, mesh: Tensor) -> Tensor:
    """[S, 3, 3]: Cartesian row vector -> mesh coordinates, u = r @ transform. Columns are K_i b_i / 2pi."""
    return inverse_cell * mesh.to(inverse_cell)[:, None, :]


def make_stencils(u: Tensor, mesh: Tensor, offset: Tensor, order: int, dtype: torch.dtype) -> Stencils:
    """u [N, 3] float64 mesh coordinates (anywhere), mesh [N, 3] int64, offset [N] int64 of the atom's mesh.

    The integer part is split off in float64: float32 coordinates would cost digits on large meshes.
    """
    first, t = stencil(u, order)
    points = torch.remainder(first[:, :, None] + torch.arange(order, device=u.device), mesh[:, :, None])  # [N, 3, p]
    plane = (points[:, 0] * mesh[:, 1, None])[:, :, None] + points[:, 1, None, :]
    plane = plane * mesh[:, 2, None, None] + offset[:, None, None]
    indices = plane[..., None] + points[:, None, None, 2, :]
    return Stencils(indices, t.to(dtype), order)


def spread(stencils: Stencils, charges: Tensor, dipoles: Tensor | None, size: int) -> Tensor:
    """rho(m) = sum_i q_i W(m - u_i) + (μ_i·grad_u) W(m - u_i), flat buffer [size].

    charges [N]; dipoles [N, 3] in mesh units (μ @ mesh_transform) or None.
    """
    x, y, z = stencils.weights().unbind(1)
    plane = (charges[:, None] * x)[:, :, None] * y[:, None, :]
    if dipoles is None:
        values = plane[..., None] * z[:, None, None, :]
    else:
        dx, dy, dz = stencils.weights(1).unbind(1)
        mx, my, mz = dipoles[:, :, None].unbind(1)
        plane = plane + (mx * dx)[:, :, None] * y[:, None, :] + x[:, :, None] * (my * dy)[:, None, :]
        plane_z = x[:, :, None] * y[:, None, :]
        values = plane[..., None] * z[:, None, None, :] + plane_z[..., None] * (mz * dz)[:, None, None, :]
    buffer = torch.zeros(size, dtype=values.dtype, device=values.device)
    return buffer.index_add(0, stencils.indices.flatten(), values.flatten())


def gather(stencils: Stencils, buffer: Tensor, rank: int = 0) -> tuple[Tensor, ...]:
    """Potential [N], gradient [N, 3] and Hessian [N, 3, 3] (up to `rank`) of a flat mesh buffer at the atoms.

    The adjoint of `spread`: <spread(q, μ), m> = sum_i q_i potential_i + μ_i·gradient_i.
    """
    values = buffer[stencils.indices]
    w = [stencils.weights(d) for d in range(rank + 1)]

    def contract(dx: int, dy: int, dz: int) -> Tensor:
        along_z = torch.einsum("nxyz,nz->nxy", values, w[dz][:, 2])
        return torch.einsum("nxy,nx,ny->n", along_z, w[dx][:, 0], w[dy][:, 1])

    results = [contract(0, 0, 0)]
    unit = [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    if rank >= 1:
        results.append(torch.stack([contract(*e) for e in unit], dim=-1))
    if rank >= 2:
        rows = [[contract(*(i + j for i, j in zip(a, b, strict=True))) for b in unit] for a in unit]
        results.append(torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2))
    return tuple(results)


def to_cartesian(derivatives: tuple[Tensor, ...], transform: Tensor) -> tuple[Tensor, ...]:
    """Mesh-unit potential, gradient, Hessian -> V, V/Å, V/Å²; transform [N, 3, 3] of each atom."""
    results = list(derivatives[:1])
    if len(derivatives) > 1:
        results.append(torch.einsum("nab,nb->na", transform, derivatives[1]))
    if len(derivatives) > 2:
        results.append(transform @ derivatives[2] @ transform.transpose(1, 2))
    return tuple(results)
