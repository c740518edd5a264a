"""The one place where an implementation is chosen: the differentiable reference, or the native core.

Training goes through `electrostatic_energy` (the reference). `native_pme` evaluates one structure with the
C++ core and returns numbers, not a graph.
"""

from types import SimpleNamespace

import numpy as np
from torch import Tensor

from hotpp_lr.electrostatics.boundary import cluster_energy, slab_correction
from hotpp_lr.electrostatics.mesh import pme_energy

BOUNDARIES = ("periodic", "slab", "cluster")


def electrostatic_energy(
    positions: Tensor,
    cell: Tensor,
    charges: Tensor,
    dipoles: Tensor | None,
    structure: Tensor,
    *,
    boundary: str = "periodic",
    smearing: float,
    order: int,
    mesh: Tensor,
    deconvolution: str = "alias",
    kernel: str = "gaussian",
) -> Tensor:
    """Energy of the smeared charges and dipoles with their own self terms taken off, [S] eV.

    Arguments as for `pme_energy`; `cluster` uses of cell and mesh only the number of structures.
    """
    if boundary not in BOUNDARIES:
        raise ValueError(f"boundary is {boundary!r}: choose one of {', '.join(BOUNDARIES)}.")
    if boundary == "cluster":
        return cluster_energy(positions, charges, dipoles, structure, cell.shape[0], smearing=smearing, kernel=kernel)
    energy = pme_energy(
        positions,
        cell,
        charges,
        dipoles,
        structure,
        smearing=smearing,
        order=order,
        mesh=mesh,
        deconvolution=deconvolution,
        kernel=kernel,
    )
    if boundary == "slab":
        energy = energy + slab_correction(positions, cell, charges, dipoles, structure)
    return energy


def native_available() -> bool:
    """Whether the compiled core `hotpp_lr._pme` is installed."""
    try:
        from hotpp_lr import _pme  # noqa: F401
    except ImportError:
        return False
    return True


def native_pme(
    positions: np.ndarray,
    cell: np.ndarray,
    charges: np.ndarray,
    dipoles: np.ndarray | None,
    *,
    smearing: float,
    order: int,
    mesh: tuple[int, int, int],
    deconvolution: str = "alias",
    kernel: str = "gaussian",
    boundary: str = "periodic",
    precision: str = "double",
) -> SimpleNamespace:
    """energy, potential, field, forces, strain_derivative of one structure by the native core, as numpy.

    Units and signs as `response.Derivatives`; boundary: periodic or slab; precision of the mesh: double or float.
    """
    plan = native_core().Plan(
        order=order,
        mesh=mesh,
        smearing=smearing,
        deconvolution=deconvolution,
        precision=precision,
        kernel=kernel,
        boundary=boundary,
    )
    plan.set_cell(cell)
    return SimpleNamespace(**plan.execute(positions, charges, dipoles, strain=True))


def native_cluster(
    positions: np.ndarray,
    charges: np.ndarray,
    dipoles: np.ndarray | None,
    *,
    smearing: float,
    kernel: str = "gaussian",
    accuracy: float = 1e-4,
    method: str = "auto",
    precision: str = "double",
) -> SimpleNamespace:
    """The same for one structure without periodic axes; method: direct, mesh, or the cheaper of them (auto)."""
    cluster = native_core().Cluster(
        smearing=smearing, kernel=kernel, accuracy=accuracy, method=method, precision=precision
    )
    return SimpleNamespace(**cluster.execute(positions, charges, dipoles, strain=True))


def native_core():
    """The module hotpp_lr._pme; ImportError with a sentence where it is not built."""
    try:
        from hotpp_lr import _pme
    except ImportError as error:
        raise ImportError(
            "the native core hotpp_lr._pme is not installed: build it with `pip install .` in the checkout."
        ) from error
    return _pme
