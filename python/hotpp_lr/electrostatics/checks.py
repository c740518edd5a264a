"""Checks of the inputs shared by all electrostatic sums: each error is one sentence with the remedy."""

import torch
from torch import Tensor


def check_inputs(
    positions: Tensor, cell: Tensor | None, charges: Tensor, dipoles: Tensor | None, structure: Tensor
) -> None:
    """Shapes, finiteness and non-degenerate cells of one batch (cell None: no periodic axis)."""
    check_shapes(positions, cell, charges, dipoles, structure)
    for name, value in (("positions", positions), ("charges", charges), ("dipoles", dipoles)):
        if value is not None and not bool(torch.isfinite(value).all()):
            raise ValueError(f"{name} contain NaN or infinity: check the input structure or the model.")
    if len(structure) and int(structure.min()) < 0:
        raise ValueError("structure contains a negative index: number the structures from 0.")
    if cell is None:
        return
    if len(structure) and int(structure.max()) >= cell.shape[0]:
        raise ValueError(f"structure goes up to {int(structure.max())} but there are {cell.shape[0]} cells.")
    wide = cell.detach().to(torch.float64)
    check_volumes(wide, torch.linalg.det(wide).abs())


def check_shapes(
    positions: Tensor, cell: Tensor | None, charges: Tensor, dipoles: Tensor | None, structure: Tensor
) -> None:
    """positions [N, 3], cell [S, 3, 3] or None, charges [N], dipoles [N, 3] or None, structure [N]."""
    n = positions.shape[0]
    expected = {"positions": (positions, (n, 3)), "charges": (charges, (n,)), "structure": (structure, (n,))}
    if dipoles is not None:
        expected["dipoles"] = (dipoles, (n, 3))
    for name, (value, shape) in expected.items():
        if tuple(value.shape) != shape:
            raise ValueError(f"{name} have shape {tuple(value.shape)}: expected {shape}.")
    if cell is not None and (cell.dim() != 3 or tuple(cell.shape[1:]) != (3, 3)):
        raise ValueError(f"cell has shape {tuple(cell.shape)}: expected [n_structures, 3, 3].")


def check_volumes(cell: Tensor, volume: Tensor) -> None:
    """cell [S, 3, 3] and its volume [S], float64: finite, and not far smaller than the product of the lengths."""
    cell, volume = cell.detach(), volume.detach()
    degenerate = ~(volume > 1e-6 * cell.norm(dim=-1).prod(dim=-1))  # also for NaN and infinity
    if not bool(degenerate.any()):
        return
    if not bool(torch.isfinite(cell).all()):
        raise ValueError("the cell contains NaN or infinity: check the input structure.")
    raise ValueError(
        f"the cell of structure {int(degenerate.nonzero()[0])} has no volume: give three independent lattice vectors, "
        "or use the cluster boundary for open systems."
    )
