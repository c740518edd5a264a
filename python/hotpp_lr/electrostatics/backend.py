"""The one place where an implementation is chosen: the readable reference, or the compiled one.

Training and the calculator go through `electrostatic_energy`, which is differentiable twice with either: the
compiled operators of csrc/ops where they are built for the device, else the reference. The environment variable
HOTPP_ELECTROSTATICS (auto, native, reference) or the argument `implementation` chooses otherwise. `native_pme`
evaluates one structure with the C++ core and returns numbers, not a graph.
"""

import os
from functools import cache
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from hotpp_lr.electrostatics.boundary import cluster_energy, slab_correction
from hotpp_lr.electrostatics.mesh import pme_energy
from hotpp_lr.electrostatics.native_mesh import pme_energy_native
from hotpp_lr.native import load_operators

BOUNDARIES = ("periodic", "slab", "cluster")
IMPLEMENTATIONS = ("auto", "native", "reference")
#: Environment variable with one of IMPLEMENTATIONS, for `implementation=None`.
IMPLEMENTATION_VARIABLE = "HOTPP_ELECTROSTATICS"


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
    implementation: str | None = None,
) -> Tensor:
    """Energy of the smeared charges and dipoles with their own self terms taken off, [S] eV.

    Arguments as for `pme_energy`; `cluster` uses of cell and mesh only the number of structures.
    implementation of the mesh: auto, native or reference; None: what HOTPP_ELECTROSTATICS says, else auto.
    """
    if boundary not in BOUNDARIES:
        raise ValueError(f"boundary is {boundary!r}: choose one of {', '.join(BOUNDARIES)}.")
    if boundary == "cluster":
        return cluster_energy(positions, charges, dipoles, structure, cell.shape[0], smearing=smearing, kernel=kernel)
    mesh_energy = pme_energy_native if use_native(implementation, positions.device) else pme_energy
    energy = mesh_energy(
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


@cache
def operators_on(device_type: str) -> bool:
    """Whether the compiled mesh operators are installed, with kernels for this type of device."""
    key = {"cpu": "CPU", "cuda": "CUDA"}.get(device_type)
    if key is None:
        return False
    try:
        load_operators()
    except ImportError:
        return False
    needed = ("hotpp_lr::mesh_spread", "hotpp_lr::mesh_gather", "hotpp_lr::_reciprocal_sum_forward")
    return all(torch._C._dispatch_has_kernel_for_dispatch_key(name, key) for name in needed)


def use_native(implementation: str | None, device: torch.device) -> bool:
    """Whether the mesh goes through the compiled operators; see `electrostatic_energy`."""
    origin = "implementation"
    if implementation is None:
        implementation = os.environ.get(IMPLEMENTATION_VARIABLE, "auto")
        origin = f"the environment variable {IMPLEMENTATION_VARIABLE}"
    if implementation not in IMPLEMENTATIONS:
        raise ValueError(f"{origin} is {implementation!r}: choose one of {', '.join(IMPLEMENTATIONS)}.")
    if implementation == "reference":
        return False
    if implementation == "native" and not operators_on(device.type):
        load_operators()  # says what is missing if nothing is installed
        raise ValueError(
            f"{origin} is 'native', but the compiled mesh operators have no kernels for {device.type}: "
            "use the cpu, or 'auto'."
        )
    return operators_on(device.type)


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
