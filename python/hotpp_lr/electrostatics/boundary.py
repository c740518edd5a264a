"""Other boundary conditions than three periodic axes: slabs (one open axis) and clusters (three)."""

from math import pi

import torch
from torch import Tensor

from hotpp_lr.constants import COULOMB_CONSTANT
from hotpp_lr.electrostatics.accuracy import fft_size
from hotpp_lr.electrostatics.checks import check_inputs
from hotpp_lr.electrostatics.kernel import PointKernel, TruncatedKernel, make_kernel
from hotpp_lr.electrostatics.mesh import pme_energy, self_energy
from hotpp_lr.electrostatics.realspace import pair_energies

#: Vacuum over slab thickness below which the images of the slab still feel each other (Yeh & Berkowitz 1999).
MIN_VACUUM = 2.0


def slab_correction(
    positions: Tensor, cell: Tensor, charges: Tensor, dipoles: Tensor | None, structure: Tensor
) -> Tensor:
    """What to add to the periodic energy of slabs open along z (EW3DC with dipoles), [S] eV.

        (2 pi k_e / V) [ M² - Q sum_i (q_i z_i² + 2 z_i μ_iz) - Q² Lz²/12 ],  M = sum_i (q_i z_i + μ_iz)

    Yeh & Berkowitz 1999; Ballenegger, Arnold & Cerdà 2009 for net charges. Positions must not be wrapped
    through the vacuum: z is used as given.
    """
    check_inputs(positions, cell, charges, dipoles, structure)
    wide = torch.float64
    cell, z, q = cell.to(wide), positions[:, 2].to(wide), charges.to(wide)
    height = check_vacuum(z.detach(), cell, structure)
    moment, second_moment = q * z, q * z**2
    if dipoles is not None:
        mu_z = dipoles[:, 2].to(wide)
        moment, second_moment = moment + mu_z, second_moment + 2.0 * z * mu_z

    def total(values: Tensor) -> Tensor:
        return torch.zeros(cell.shape[0], dtype=wide, device=cell.device).index_add(0, structure, values)

    charge = total(q)
    bracket = total(moment) ** 2 - charge * total(second_moment) - charge**2 * height**2 / 12.0
    energy = 2.0 * pi * COULOMB_CONSTANT / torch.linalg.det(cell).abs() * bracket
    return energy.to(torch.promote_types(positions.dtype, charges.dtype))


def check_vacuum(z: Tensor, cell: Tensor, structure: Tensor) -> Tensor:
    """Height of each cell along z [S]; refuses slabs that are tilted or whose images are too near."""
    tilt = cell[:, :2, 2].abs().amax(dim=1)
    if bool((tilt > 1e-8 * cell.norm(dim=2).amax(dim=1)).any()):
        raise ValueError("the first two lattice vectors of a slab must lie in the xy plane: rotate the structure.")
    height = torch.linalg.det(cell).abs() / torch.linalg.cross(cell[:, 0], cell[:, 1]).norm(dim=1)
    low = torch.full_like(height, torch.inf).scatter_reduce(0, structure, z, "amin")
    high = torch.full_like(height, -torch.inf).scatter_reduce(0, structure, z, "amax")
    thickness = (high - low).clamp(min=0.0)
    too_thick = (height.detach() - thickness < MIN_VACUUM * thickness).nonzero()[:, 0]
    if len(too_thick):
        s = int(too_thick[0])
        raise ValueError(
            f"slab {s} is {float(thickness[s]):.2f} Å thick in a cell of height {float(height[s]):.2f} Å: "
            f"make the vacuum at least {MIN_VACUUM:g} times the thickness, and do not wrap atoms through it."
        )
    return height


def cluster_energy(
    positions: Tensor,
    charges: Tensor,
    dipoles: Tensor | None,
    structure: Tensor,
    n_structures: int,
    *,
    smearing: float | None,
    kernel: str = "gaussian",
    subtract_self: bool = True,
) -> Tensor:
    """Energy of each isolated cluster by the direct pair sum, [S] eV, O(N²).

    Same smeared kernel as the periodic sums; smearing None is the bare Coulomb energy of point charges and
    dipoles. With subtract_self=False every Gaussian also interacts with itself.
    """
    check_inputs(positions, None, charges, dipoles, structure)
    pair_kernel = PointKernel() if smearing is None else make_kernel(kernel, smearing)
    first, second = pairs_within(structure)
    pairs = pair_energies(positions[first] - positions[second], first, second, charges, dipoles, pair_kernel.radial)
    energy = torch.zeros(n_structures, dtype=torch.float64, device=positions.device)
    energy = energy.index_add(0, structure[first], COULOMB_CONSTANT * pairs)
    if not subtract_self:
        energy = energy + self_energy(charges, dipoles, structure, n_structures, pair_kernel)
    return energy.to(torch.promote_types(positions.dtype, charges.dtype))


#: Smearings beyond which two smeared charges are point charges to 1e-9.
SMEARING_REACH = 6.0


def cluster_mesh_energy(
    positions: Tensor,
    charges: Tensor,
    dipoles: Tensor | None,
    structure: Tensor,
    n_structures: int,
    *,
    smearing: float,
    order: int,
    spacing: float,
    kernel: str = "gaussian",
    deconvolution: str = "alias",
    subtract_self: bool = True,
    room: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """The same as `cluster_energy` to mesh accuracy, [S] eV, O(N log N), twice differentiable.

    A periodic mesh of at most `spacing` Å with a kernel that is cut off between a cluster and its images:
    radius R = largest diameter + 6 smearings, edges of the box = extent + R + 6 smearings. room: extents [S, 3] and
    diameters [S] in Å for which the box is made, not smaller than those of the positions; a mesh that follows the
    atoms makes the energy jump by the error of the mesh.
    """
    check_inputs(positions, None, charges, dipoles, structure)
    margin = SMEARING_REACH * smearing
    extent, diameter = room or extents(positions.detach().to(torch.float64), structure, n_structures)
    radius = float(diameter.max()) + margin
    box = extent + radius + margin
    mesh = torch.tensor([[fft_size(max(order, float(x) / spacing)) for x in row] for row in box], dtype=torch.int64)
    truncated = TruncatedKernel(make_kernel(kernel, smearing), radius)
    return pme_energy(
        positions,
        torch.diag_embed(box).to(positions),
        charges,
        dipoles,
        structure,
        smearing=smearing,
        order=order,
        mesh=mesh,
        deconvolution=deconvolution,
        kernel=truncated,
        subtract_self=subtract_self,
    )


def extents(positions: Tensor, structure: Tensor, n_structures: int) -> tuple[Tensor, Tensor]:
    """Edges of the bounding box of each structure [S, 3], and a bound of the largest distance within it [S]."""
    index = structure[:, None].expand(-1, 3)
    low = positions.new_full((n_structures, 3), torch.inf).scatter_reduce(0, index, positions, "amin")
    high = positions.new_full((n_structures, 3), -torch.inf).scatter_reduce(0, index, positions, "amax")
    centre = 0.5 * (low + high)
    distance = (positions - centre[structure]).norm(dim=1)
    farthest = positions.new_zeros(n_structures).scatter_reduce(0, structure, distance, "amax")
    return (high - low).clamp(min=0.0), 2.0 * farthest


def pairs_within(structure: Tensor) -> tuple[Tensor, Tensor]:
    """Indices i < j [P] of all pairs of atoms of the same structure; structure [N] ascending."""
    counts = torch.unique_consecutive(structure, return_counts=True)[1].tolist()
    pairs, start = [torch.zeros(2, 0, dtype=torch.int64, device=structure.device)], 0
    for count in counts:
        pairs.append(torch.triu_indices(count, count, offset=1, device=structure.device) + start)
        start += count
    first, second = torch.cat(pairs, dim=1)
    return first, second
