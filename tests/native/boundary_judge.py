"""What the implementations of all boundary conditions are compared with, and how closely."""

from functools import cache
from types import SimpleNamespace

import brute_force
import numpy as np
import torch
from boundary_cases import ATOMS, CELLS, CLUSTER_ACCURACY, SMEARING, SYSTEMS, System
from hotpp_lr.electrostatics.response import energy_derivatives

OUTPUTS = ("energy", "potential", "field", "forces", "strain_derivative")
PRECISIONS = {"double": torch.float64, "float": torch.float32}


def derivatives(energy, system: System, dtype=torch.float64) -> SimpleNamespace:
    """Of energy(r, cell [1, 3, 3], q, mu, structure), by automatic differentiation, as arrays without a batch axis."""
    r, q, mu = system.atoms()
    cell = np.eye(3) if CELLS[system.boundary] is None else CELLS[system.boundary]
    found = energy_derivatives(
        energy,
        torch.tensor(r),
        torch.tensor(cell)[None],
        torch.tensor(q, dtype=dtype),
        None if mu is None else torch.tensor(mu, dtype=dtype),
        torch.zeros(ATOMS, dtype=torch.int64),
    )
    values = {name: getattr(found, name).detach().double().numpy() for name in OUTPUTS}
    values["energy"], values["strain_derivative"] = values["energy"][0], values["strain_derivative"][0]
    return SimpleNamespace(**values)


@cache
def expected(name: str) -> SimpleNamespace:
    """By brute force, made once for each system."""
    system = SYSTEMS[name]
    screening, total = brute_force.Screening(system.kernel, SMEARING), getattr(brute_force, system.boundary)
    return derivatives(lambda r, cell, q, mu, _: total(screening, r, cell[0], q, mu)[None], system)


def assert_right(found: dict, name: str, method: str, precision: str) -> None:
    """All outputs as by brute force."""
    system, right_ones, tolerance = SYSTEMS[name], expected(name), tolerance_of(SYSTEMS[name], method, precision)
    r, q, _ = system.atoms()
    # what is left of terms that cancel has no scale of its own: energies and virials are compared with the terms
    scales = {
        "energy": np.abs(q * right_ones.potential).sum(),
        "strain_derivative": np.abs(right_ones.forces * r).sum() + np.abs(q * right_ones.potential).sum(),
    }
    for output in OUTPUTS:
        value, right = np.array(found[output]), np.array(getattr(right_ones, output))
        if output == "strain_derivative" and system.boundary == "slab":
            value[2, :2] = right[2, :2] = 0.0  # they tilt the plane; a slab's normal is z by definition
        scale = scales.get(output, np.sqrt((right**2).mean()))
        assert np.sqrt(((value - right) ** 2).mean()) < tolerance * scale, output


def tolerance_of(system: System, method: str, precision: str) -> float:
    if method == "direct":
        return 1e-9  # of the tables of a cluster, and of SciPy's spheroidal functions
    if system.boundary == "cluster":
        return 2 * CLUSTER_ACCURACY[system.kernel] + (1e-5 if precision == "float" else 0.0)
    if (system.boundary, system.kernel) == ("slab", "prolate"):
        return 4e-5  # its step of 1e-4 lets the images through the vacuum: docs/theory.md
    # order 8 at h/σ = 0.22, strain included; a float mesh by its rounding
    return {"double": 1e-7, "float": 1e-5}[precision]
