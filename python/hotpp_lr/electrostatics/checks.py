"""Checks of the inputs shared by all electrostatic sums: each error is one sentence with the remedy."""

import torch
from torch import Tensor


def check_inputs(
    positions: Tensor, cell: Tensor | None, charges: Tensor, dipoles: Tensor | None, structure: Tensor
) -> None:
    """Shapes, finiteness and non-degenerate cells of one batch (cell None: no periodic axis)."""
    n = positions.shape[0]
    expected = {"positions": (positions, (n, 3)), "charges": (charges, (n,)), "structure": (structure, (n,))}
    if dipoles is not None:
        expected["dipoles"] = (dipoles, (n, 3))
    for name, (value, shape) in expected.items():
        if tuple(value.shape) != shape:
            raise ValueError(f"{name} have shape {tuple(value.shape)}: expected {shape}.")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ValueError(f"{name} contain NaN or infinity: check the input structure or the model.")
    if n and int(structure.min()) < 0:
        raise ValueError("structure contains a negative index: number the structures from 0.")
    if cell is None:
        return
    if cell.dim() != 3 or tuple(cell.shape[1:]) != (3, 3):
        raise ValueError(f"cell has shape {tuple(cell.shape)}: expected [n_structures, 3, 3].")
    if n and int(structure.max()) >= cell.shape[0]:
        raise ValueError(f"structure goes up to {int(structure.max())} but there are {cell.shape[0]} cells.")
    if not bool(torch.isfinite(cell).all()):
        raise ValueError("the cell contains NaN or infinity: check the input structure.")
    lengths = cell.detach().to(torch.float64).norm(dim=-1).prod(dim=-1)
    volumes = torch.linalg.det(cell.detach().to(torch.float64)).abs()
    if bool((volumes <= 1e-6 * lengths).any()):
        bad = int((volumes <= 1e-6 * lengths).nonzero()[0])
        raise ValueError(
            f"the cell of structure {bad} has no volume: give three independent lattice vectors, or use the "
            "cluster boundary for open systems."
        )
