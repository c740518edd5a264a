"""Particle-mesh Ewald for smeared charges and dipoles (dipoles through the gradient of the weights).

    E = (2 pi k_e / V) sum_{k != 0} influence(k) |FFT[rho](k)|²  -  E_self  -  pi k_e smearing² Q² / V

The last term is the neutralising background of a charged cell. Geometry, influence and
sums are float64; spread and FFT use the dtype of the charges. Everything is differentiable twice by autograd.
"""

from math import pi

import torch
from torch import Tensor

from hotpp_lr.constants import COULOMB_CONSTANT
from hotpp_lr.electrostatics.assignment import Stencils, make_stencils, mesh_transform, spread
from hotpp_lr.electrostatics.checks import check_inputs
from hotpp_lr.electrostatics.influence import check_deconvolution, half_mesh_weights, influence_function
from hotpp_lr.electrostatics.kernel import TruncatedKernel, make_kernel
from hotpp_lr.electrostatics.splines import check_order


def pme_energy(
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
    kernel: str | TruncatedKernel = "gaussian",
    subtract_self: bool = True,
) -> Tensor:
    """Long-range energy of each periodic structure, [S] eV, in the wider dtype of positions and charges.

    positions [N, 3] Å (anywhere, not necessarily wrapped), cell [S, 3, 3] Å with lattice vectors as rows,
    charges [N] e, dipoles [N, 3] e·Å or None, structure [N] int64, mesh [S, 3] int64 on the CPU.

    Dipoles need order >= 4 for forces and >= 5 for training on forces.
    """
    check_inputs(positions, cell, charges, dipoles, structure)
    check_choices(mesh, cell.shape[0], order, deconvolution, dipole_forces(positions, dipoles))
    kernel = make_kernel(kernel, smearing)
    wide = torch.float64
    cell = cell.to(wide)
    inverse_cell = torch.linalg.inv(cell)
    volume = torch.linalg.det(cell).abs()

    layout = MeshLayout(mesh, positions.device)
    transform = mesh_transform(inverse_cell, layout.mesh)
    stencils, dipoles_in_mesh = locate(positions, dipoles, structure, transform, layout, order, charges.dtype)
    rho = spread(stencils, charges, dipoles_in_mesh, layout.size)

    sums = reciprocal_sums(rho, inverse_cell, layout, kernel=kernel, order=order, deconvolution=deconvolution)
    energy = 2.0 * pi * COULOMB_CONSTANT * sums / volume
    energy = energy + background_energy(charges, structure, volume, kernel)
    if subtract_self:
        energy = energy - self_energy(charges, dipoles, structure, cell.shape[0], kernel)
    return energy.to(torch.promote_types(positions.dtype, charges.dtype))


def dipole_forces(positions: Tensor, dipoles: Tensor | None) -> bool:
    """Whether second derivatives of the weights are needed."""
    return dipoles is not None and positions.requires_grad


def check_choices(mesh: Tensor, n_structures: int, order: int, deconvolution: str, dipole_forces: bool) -> None:
    """What a caller chooses beside the structures, for every implementation of the mesh."""
    check_order(order)
    if tuple(mesh.shape) != (n_structures, 3) or mesh.is_floating_point():
        raise ValueError(
            f"mesh has shape {tuple(mesh.shape)}, type {mesh.dtype}: expected integers [{n_structures}, 3]."
        )
    if n_structures and int(mesh.min()) < order:
        raise ValueError(
            f"the mesh {tuple(mesh.min(dim=0).values.tolist())} has fewer points than the assignment order "
            f"{order}: use a finer mesh or a lower order."
        )
    check_deconvolution(deconvolution)
    if dipole_forces and order < 4:
        raise ValueError(f"forces with dipoles need an assignment order >= 4, given {order}: raise it.")


class MeshLayout:
    """Where the meshes of a batch lie in one flat buffer: structures of equal mesh lie next to each other."""

    def __init__(self, mesh: Tensor, device: torch.device) -> None:
        shapes = [tuple(row) for row in mesh.tolist()]
        members: dict[tuple[int, int, int], list[int]] = {}
        for s, shape in enumerate(shapes):
            members.setdefault(shape, []).append(s)
        self.groups = list(members.items())
        offsets, self.size = [0] * len(shapes), 0
        for shape, group in self.groups:
            for s in group:
                offsets[s] = self.size
                self.size += shape[0] * shape[1] * shape[2]
        self.mesh = mesh.to(device=device, dtype=torch.int64)
        self.offset = torch.tensor(offsets, dtype=torch.int64, device=device)
        grouped = [s for _, group in self.groups for s in group]
        self.position = torch.tensor(grouped, dtype=torch.int64, device=device).argsort()

    def views(self, buffer: Tensor):
        """(members, buffer of the group as [len(members), K1, K2, K3]) for every group of equal meshes."""
        start = 0
        for shape, members in self.groups:
            stop = start + len(members) * shape[0] * shape[1] * shape[2]
            yield members, buffer[start:stop].view(len(members), *shape)
            start = stop


def locate(
    positions: Tensor,
    dipoles: Tensor | None,
    structure: Tensor,
    transform: Tensor,
    layout: MeshLayout,
    order: int,
    dtype: torch.dtype,
) -> tuple[Stencils, Tensor | None]:
    """Stencils and dipoles in mesh units: the one differentiable step that sees positions and the cell."""
    transform_of_atom = transform[structure]
    u = torch.einsum("na,nab->nb", positions.to(transform.dtype), transform_of_atom)
    stencils = make_stencils(u, layout.mesh[structure], layout.offset[structure], order, dtype)
    if dipoles is None:
        return stencils, None
    in_mesh = torch.einsum("na,nab->nb", dipoles.to(transform.dtype), transform_of_atom)
    return stencils, in_mesh.to(dtype)


def reciprocal_sums(
    rho: Tensor, inverse_cell: Tensor, layout: MeshLayout, *, kernel, order: int, deconvolution: str
) -> Tensor:
    """sum_k influence(k) |FFT[rho](k)|² of each structure, [S] float64, in the order of the batch."""
    sums = []
    for members, view in layout.views(rho):
        cells = inverse_cell if len(layout.groups) == 1 else inverse_cell[members]
        mesh = tuple(view.shape[1:])
        # float64 from here on: energy and virial are small differences to the self terms
        influence = influence_function(cells, mesh, kernel=kernel, order=order, deconvolution=deconvolution)
        modes = torch.view_as_real(torch.fft.rfftn(view, dim=(1, 2, 3)))
        power = (modes * modes).sum(-1).to(influence.dtype)
        power = power * half_mesh_weights(mesh[2], power.dtype, rho.device)
        sums.append((influence * power).sum(dim=(1, 2, 3)))
    return torch.cat(sums)[layout.position]


def mesh_potential(rho: Tensor, influence: Tensor, volume: Tensor) -> Tensor:
    """Potential of the spread charges at the mesh points, [S, K1, K2, K3] V: the derivative of E to rho."""
    modes = torch.fft.rfftn(rho, dim=(1, 2, 3)) * influence
    n_points = rho.shape[1] * rho.shape[2] * rho.shape[3]
    scale = (4.0 * pi * COULOMB_CONSTANT * n_points / volume).to(rho.dtype)
    return torch.fft.irfftn(modes, s=rho.shape[1:], dim=(1, 2, 3)) * scale[:, None, None, None]


def self_energy(charges: Tensor, dipoles: Tensor | None, structure: Tensor, n_structures: int, kernel) -> Tensor:
    """Interaction of every smeared charge and dipole with itself, [S] eV."""
    b0, b1 = kernel.at_zero()
    per_atom = b0 * charges.to(torch.float64) ** 2
    if dipoles is not None:
        per_atom = per_atom + b1 * (dipoles.to(torch.float64) ** 2).sum(-1)
    zeros = torch.zeros(n_structures, dtype=torch.float64, device=charges.device)
    return zeros.index_add(0, structure, 0.5 * COULOMB_CONSTANT * per_atom)


def background_energy(charges: Tensor, structure: Tensor, volume: Tensor, kernel) -> Tensor:
    """-pi k_e smearing² Q² / V, [S] eV: makes the energy of a charged cell independent of the smearing."""
    total = torch.zeros_like(volume).index_add(0, structure, charges.to(volume.dtype))
    return -COULOMB_CONSTANT * kernel.background() * total**2 / volume
