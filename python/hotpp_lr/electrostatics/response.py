"""Derivatives of the mesh energy: by autograd (any of them), and by the explicit gather of native kernels."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hotpp_lr.constants import COULOMB_CONSTANT
from hotpp_lr.electrostatics.assignment import gather, mesh_transform, spread, to_cartesian
from hotpp_lr.electrostatics.influence import influence_function
from hotpp_lr.electrostatics.kernel import make_kernel
from hotpp_lr.electrostatics.mesh import MeshLayout, locate, mesh_potential, pme_energy


@dataclass
class Derivatives:
    """All first derivatives of the energy at fixed Cartesian q and μ."""

    energy: Tensor  # [S] eV
    potential: Tensor  # [N] V, dE/dq
    field: Tensor  # [N, 3] V/Å, -dE/dμ
    forces: Tensor  # [N, 3] eV/Å, -dE/dr; net force of the mesh not removed
    strain_derivative: Tensor | None  # [S, 3, 3] eV, dE/dε_ab, see `strained`


def strained(positions: Tensor, cell: Tensor, structure: Tensor, strain: Tensor) -> tuple[Tensor, Tensor]:
    """(1 + ε) applied to positions [N, 3] and to the rows of cell [S, 3, 3]; strain [S, 3, 3]."""
    moved = positions + torch.einsum("nab,nb->na", strain[structure], positions)
    return moved, cell + cell @ strain.transpose(1, 2)


def energy_derivatives(energy_function, positions, cell, charges, dipoles, structure, **options) -> Derivatives:
    """Derivatives of any energy_function(positions, cell, charges, dipoles, structure, **options) -> [S]."""
    positions = positions.detach().requires_grad_()
    charges = charges.detach().requires_grad_()
    mu = torch.zeros_like(positions, dtype=charges.dtype) if dipoles is None else dipoles.detach()
    mu.requires_grad_()
    strain = torch.zeros_like(cell, requires_grad=True)
    moved, moved_cell = strained(positions, cell.detach(), structure, strain)
    energy = energy_function(moved, moved_cell, charges, mu, structure, **options)
    gradients = torch.autograd.grad(energy.sum(), (charges, mu, positions, strain))
    potential, minus_field, minus_forces, strain_derivative = gradients
    return Derivatives(energy.detach(), potential, -minus_field, -minus_forces, strain_derivative)


def atom_strain_derivatives(energy_function, positions, cell, charges, dipoles, structure, **options) -> Tensor:
    """Strain derivative of each atom's share of an energy that is quadratic in q and μ, [N, 3, 3] eV.

    e_i = (q_i ∂E/∂q_i + μ_i·∂E/∂μ_i)/2 and w_i = de_i/dε at fixed Cartesian q and μ: half the virial of every pair to
    each of its atoms, images included. One backward pass for each atom: for tests; csrc/pme/atom_strain.h is the fast
    one. Arguments as for `energy_derivatives`.
    """
    charges = charges.detach().requires_grad_()
    mu = None if dipoles is None else dipoles.detach().requires_grad_()
    strain = torch.zeros_like(cell, requires_grad=True)
    moved, moved_cell = strained(positions.detach(), cell.detach(), structure, strain)
    energy = energy_function(moved, moved_cell, charges, mu, structure, **options)
    sources = (charges,) if mu is None else (charges, mu)
    gradients = torch.autograd.grad(energy.sum(), sources, create_graph=True)
    shares = 0.5 * charges.detach() * gradients[0]
    if mu is not None:
        shares = shares + 0.5 * (mu.detach() * gradients[1]).sum(1)
    of_atoms = [torch.autograd.grad(share, strain, retain_graph=True)[0] for share in shares]
    return torch.stack(of_atoms)[torch.arange(len(shares)), structure]


def pme_derivatives(positions, cell, charges, dipoles, structure, **options) -> Derivatives:
    """Energy, potential, field, forces and strain derivative; arguments as for `pme_energy`, order >= 4."""
    return energy_derivatives(pme_energy, positions, cell, charges, dipoles, structure, **options)


def gathered_derivatives(
    positions: Tensor,
    cell: Tensor,
    charges: Tensor,
    dipoles: Tensor,
    structure: Tensor,
    *,
    smearing: float,
    order: int,
    mesh: Tensor,
    deconvolution: str = "alias",
    kernel: str = "gaussian",
) -> Derivatives:
    """The same (without strain) from potential, gradient and Hessian gathered from the mesh.

    Written stage by stage as native kernels do it: weights, spread, influence, potential mesh, gather.
    """
    kernel = make_kernel(kernel, smearing)
    cell = cell.detach().to(torch.float64)
    inverse_cell, volume = torch.linalg.inv(cell), torch.linalg.det(cell).abs()
    layout = MeshLayout(mesh, positions.device)
    transform = mesh_transform(inverse_cell, layout.mesh)
    stencils, mu = locate(positions, dipoles, structure, transform, layout, order, charges.dtype)
    rho = spread(stencils, charges, mu, layout.size)

    parts = []
    for members, view in layout.views(rho):
        influence = influence_function(
            inverse_cell[members],
            tuple(view.shape[1:]),
            kernel=kernel,
            order=order,
            deconvolution=deconvolution,
            dtype=rho.dtype,
        )
        parts.append(mesh_potential(view, influence, volume[members]).flatten())
    gathered = gather(stencils, torch.cat(parts), rank=2)
    potential, gradient, hessian = to_cartesian(gathered, transform[structure].to(rho.dtype))
    # Products of coefficients with what they feel, before the self and background terms are taken off.
    felt = charges * potential + (dipoles * gradient).sum(-1)
    energy = torch.zeros_like(volume).index_add(0, structure, 0.5 * felt.to(torch.float64))
    forces = -charges[:, None] * gradient - torch.einsum("nab,nb->na", hessian, dipoles)

    b0, b1 = kernel.at_zero()
    own = b0 * charges**2 + b1 * (dipoles**2).sum(-1)
    energy = energy.index_add(0, structure, -0.5 * COULOMB_CONSTANT * own.to(torch.float64))
    total = torch.zeros_like(volume).index_add(0, structure, charges.to(volume.dtype))
    background = -COULOMB_CONSTANT * kernel.background() * total / volume
    energy = energy + background * total
    potential = potential - COULOMB_CONSTANT * b0 * charges + (2.0 * background[structure]).to(charges.dtype)
    field = -(gradient - COULOMB_CONSTANT * b1 * dipoles)
    return Derivatives(energy, potential, field, forces, None)
