"""Order and mesh from a requested accuracy: the cheapest of those whose estimated force error is small enough.

The error comes from `error_model`, the cost from `mesh_cost`. csrc/pme/accuracy.cpp is the same in C++.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, log2

import numpy as np
import torch

from hotpp_lr.electrostatics.error_model import ErrorModel, Sources
from hotpp_lr.electrostatics.kernel import make_kernel
from hotpp_lr.electrostatics.splines import MAX_ORDER, check_order

#: Mesh spacings that are considered, in units of the smearing.
FINEST, COARSEST = 0.05, 1.0

#: Atoms per Å³ where the number of atoms is not known.
ASSUMED_DENSITY = 0.08

#: Nanoseconds on one core (float32 mesh, AVX-512; measured by benchmarks/pme/cost_model.py): per atom, and per atom and
#: row of mesh points touched (order² of them), for charges only and with dipoles; per mesh point and log2 of the mesh
#: points; per mesh point where the mesh does not fit into the caches.
ATOM_COST = {False: 51.0, True: 74.0}
ROW_COST = {False: 1.4, True: 1.9}
FFT_COST = 0.15
MEMORY_COST = 3.5
CACHED_POINTS = 1 << 20


@dataclass(frozen=True)
class Choice:
    """An order, a mesh and the relative rms force error expected of them."""

    order: int
    mesh: tuple[int, int, int]
    estimate: float


def choose(
    cell: torch.Tensor | Sequence[Sequence[float]],
    n_atoms: int,
    *,
    smearing: float,
    accuracy: float,
    kernel: str = "gaussian",
    dipoles: bool = True,
    orders: Sequence[int] = range(4, MAX_ORDER + 1),
    sources: Sources | None = None,
) -> Choice:
    """The cheapest order and mesh whose estimated relative rms force error is at most `accuracy`.

    cell [3, 3] Å, rows are lattice vectors. sources: a measured structure; without it an ionic melt is assumed, for
    which meshes must be finest, so that errors of other structures are smaller than asked for.
    """
    model = _model(cell, smearing, kernel, dipoles, n_atoms, sources)
    best, lowest = None, float("inf")
    for order in orders:
        spacing = _largest_spacing(accuracy, order, model)
        if spacing is None:
            continue
        mesh = _mesh_of(model, order, spacing)
        cost = mesh_cost(n_atoms, order, mesh, dipoles=dipoles)
        if cost < lowest:
            best, lowest = (order, mesh), cost
    if best is None:
        raise ValueError(
            f"no order of {list(orders)} reaches a relative force error of {accuracy:g}: allow orders up to "
            f"{MAX_ORDER} or a larger error."
        )
    return Choice(*best, _limited(model.relative_error(*best)))


def mesh_size(
    cell: torch.Tensor | Sequence[Sequence[float]],
    smearing: float,
    accuracy: float,
    order: int,
    *,
    kernel: str = "gaussian",
    dipoles: bool = True,
    n_atoms: int | None = None,
    sources: Sources | None = None,
) -> tuple[int, int, int]:
    """Points along each lattice vector for a given order: the smallest 2^a 3^b 5^c 7^d that reach the accuracy."""
    model = _model(cell, smearing, kernel, dipoles, n_atoms, sources)
    return _mesh_of(model, order, relative_spacing(accuracy, order, model))


def estimated_error(
    cell: torch.Tensor | Sequence[Sequence[float]],
    smearing: float,
    order: int,
    mesh: Sequence[int],
    *,
    kernel: str = "gaussian",
    dipoles: bool = True,
    n_atoms: int | None = None,
    sources: Sources | None = None,
) -> float:
    """Relative rms force error expected of a mesh; cell [3, 3] Å, rows are lattice vectors."""
    check_order(order)
    return _limited(_model(cell, smearing, kernel, dipoles, n_atoms, sources).relative_error(order, mesh))


def mesh_cost(n_atoms: int, order: int, mesh: Sequence[int], *, dipoles: bool) -> float:
    """Nanoseconds of one evaluation of energy, forces, potential and field on one core."""
    points = float(np.prod(np.asarray(mesh, dtype=float)))
    per_atom = ATOM_COST[dipoles] + ROW_COST[dipoles] * order**2
    per_point = FFT_COST * log2(points) + (MEMORY_COST if points > CACHED_POINTS else 0.0)
    return n_atoms * per_atom + points * per_point


def relative_spacing(accuracy: float, order: int, model: ErrorModel) -> float:
    """Largest mesh spacing / smearing, at most COARSEST, whose relative rms force error is `accuracy`."""
    spacing = _largest_spacing(accuracy, order, model)
    if spacing is None:
        raise ValueError(
            f"order {order} does not reach a relative force error of {accuracy:g} with any reasonable mesh: raise the "
            "order or the accuracy."
        )
    return spacing


def _largest_spacing(accuracy: float, order: int, model: ErrorModel) -> float | None:
    check_order(order)
    if not 0.0 < accuracy < 1.0:
        raise ValueError(f"accuracy is {accuracy}: give the relative rms force error, between 0 and 1.")
    lengths = np.linalg.norm(model.cell, axis=1) / model.kernel.smearing

    def excess(log_h: float) -> float:
        return log(model.relative_error(order, lengths / exp(log_h)) / accuracy)

    low, high = log(FINEST), log(COARSEST)
    above = excess(high)
    if above <= 0.0:
        return COARSEST
    below = excess(low)
    if below > 0.0:
        return None
    for _ in range(20):  # log(error) is nearly linear in log(h): secants between brackets
        middle = low + (high - low) * min(0.95, max(0.05, -below / (above - below)))
        value = excess(middle)
        if value > 0.0:
            high, above = middle, value
        else:
            low, below = middle, value
            if value > -0.03:  # half a percent in h
                break
    return exp(low)


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


def _mesh_of(model: ErrorModel, order: int, spacing: float) -> tuple[int, int, int]:
    h = model.kernel.smearing * spacing
    # 1e-9: a cell written with rounded digits must not cost one more point
    k1, k2, k3 = (fft_size(max(order, length / h - 1e-9)) for length in np.linalg.norm(model.cell, axis=1).tolist())
    return k1, k2, k3


def _model(cell, smearing, kernel, dipoles, n_atoms, sources) -> ErrorModel:
    vectors = torch.as_tensor(cell, dtype=torch.float64).detach().cpu().numpy()
    if vectors.shape != (3, 3) or not np.isfinite(vectors).all():
        raise ValueError(f"the cell has shape {vectors.shape}: expected three finite lattice vectors.")
    volume = abs(float(np.linalg.det(vectors)))
    if volume <= 1e-9 * np.prod(np.linalg.norm(vectors, axis=1)):
        raise ValueError("the cell has no volume: give three independent lattice vectors in Å as rows.")
    if sources is None:
        sources = Sources.assumed(n_atoms or max(1, round(ASSUMED_DENSITY * volume)), dipoles)
    return ErrorModel(vectors, make_kernel(kernel, smearing), sources)


def _limited(error: float) -> float:
    return min(1.0, error)
