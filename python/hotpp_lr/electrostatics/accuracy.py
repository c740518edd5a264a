"""Mesh sizes from a requested accuracy: the error is a function of order and h/smearing (h mesh spacing).

The table holds the relative rms force error (against direct Ewald summation, `alias` deconvolution) at
several h/smearing: the largest of random and ionic configurations with charges and dipoles, and half of that
of dipoles alone, in cubic, triclinic and 60° cells, smearing 1 to 2.6 Å (order 3: charges alone). So the
actual error stays below twice the requested one. Between the points log(error) is linear in log(h/smearing),
finer meshes follow the first segment. csrc/pme holds the same table.
"""

from collections.abc import Sequence
from math import exp, log

import torch

from hotpp_lr.electrostatics.splines import check_order

#: h / smearing of the columns of RELATIVE_FORCE_ERROR.
SPACINGS = (0.12, 0.17, 0.25, 0.35, 0.5, 0.6, 0.7, 0.85, 1.0)

RELATIVE_FORCE_ERROR = {
    3: (1.4e-3, 2.8e-3, 6.5e-3, 1.4e-2, 3.2e-2, 5.2e-2, 8.0e-2, 1.4e-1, 2.4e-1),
    4: (1.2e-3, 2.4e-3, 5.1e-3, 1.0e-2, 2.6e-2, 3.7e-2, 5.3e-2, 1.0e-1, 1.8e-1),
    5: (4.3e-5, 1.3e-4, 4.9e-4, 1.5e-3, 5.0e-3, 1.05e-2, 1.9e-2, 4.4e-2, 8.6e-2),
    6: (1.5e-6, 6.0e-6, 3.0e-5, 1.5e-4, 9.4e-4, 2.7e-3, 6.9e-3, 2.5e-2, 5.5e-2),
    7: (1.0e-7, 5.3e-7, 4.7e-6, 3.3e-5, 2.9e-4, 1.1e-3, 3.5e-3, 1.7e-2, 3.8e-2),
    8: (4.2e-9, 3.6e-8, 4.2e-7, 5.1e-6, 8.3e-5, 4.4e-4, 1.9e-3, 1.2e-2, 2.9e-2),
}


def relative_spacing(accuracy: float, order: int) -> float:
    """Largest h/smearing (at most 1) whose relative rms force error is `accuracy`."""
    check_order(order)
    if not 0.0 < accuracy < 1.0:
        raise ValueError(f"accuracy is {accuracy}: give the relative rms force error, between 0 and 1.")
    errors = RELATIVE_FORCE_ERROR[order]
    if accuracy >= errors[-1]:
        return SPACINGS[-1]
    return _log_interpolate(errors, SPACINGS, accuracy)


def estimated_error(
    cell: torch.Tensor | Sequence[Sequence[float]], smearing: float, order: int, mesh: Sequence[int]
) -> float:
    """Relative rms force error expected of a mesh; cell [3, 3] Å, rows are lattice vectors."""
    check_order(order)
    lengths = _lengths(cell)
    spacing = max(length / int(k) for length, k in zip(lengths, mesh, strict=True))
    return min(1.0, _log_interpolate(SPACINGS, RELATIVE_FORCE_ERROR[order], spacing / smearing))


def mesh_size(
    cell: torch.Tensor | Sequence[Sequence[float]], smearing: float, accuracy: float, order: int
) -> tuple[int, int, int]:
    """Points along each lattice vector: the smallest 2^a 3^b 5^c 7^d >= |a_i| / h, never below the order."""
    if not smearing > 0.0:
        raise ValueError(f"smearing is {smearing}: give a positive length in Å.")
    h = smearing * relative_spacing(accuracy, order)
    # 1e-9: a cell written with rounded digits must not cost one more point
    k1, k2, k3 = (fft_size(max(order, length / h - 1e-9)) for length in _lengths(cell))
    return k1, k2, k3


def fft_size(minimum: float) -> int:
    """Smallest integer >= minimum without prime factors above 7."""
    n = max(1, int(minimum))
    n += n < minimum
    while not _is_smooth(n):
        n += 1
    return n


def _is_smooth(n: int) -> bool:
    for factor in (2, 3, 5, 7):
        while n % factor == 0:
            n //= factor
    return n == 1


def _lengths(cell: torch.Tensor | Sequence[Sequence[float]]) -> list[float]:
    vectors = torch.as_tensor(cell, dtype=torch.float64).detach().cpu()
    if tuple(vectors.shape) != (3, 3) or not bool(torch.isfinite(vectors).all()):
        raise ValueError(f"the cell has shape {tuple(vectors.shape)}: expected three finite lattice vectors.")
    return vectors.norm(dim=1).tolist()


def _log_interpolate(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    """Piecewise linear in log-log; xs ascending; the first and last segments continue outside."""
    i = 0
    while i < len(xs) - 2 and x > xs[i + 1]:
        i += 1
    slope = log(ys[i + 1] / ys[i]) / log(xs[i + 1] / xs[i])
    return ys[i] * exp(slope * log(x / xs[i]))
