"""Every boundary condition, kernel and kind of source, neutral and charged, by every implementation and precision,
against brute-force sums that share nothing with the package."""

from types import SimpleNamespace

import brute_force
import numpy as np
import pytest
import torch
from boundary_cases import ATOMS, CELLS, CLUSTER_ACCURACY, METHODS, SMEARING, SYSTEMS, System
from hotpp_lr import _pme
from hotpp_lr.electrostatics.backend import electrostatic_energy
from hotpp_lr.electrostatics.boundary import cluster_mesh_energy
from hotpp_lr.electrostatics.response import energy_derivatives
from mpi_launch import launch

OUTPUTS = ("energy", "potential", "field", "forces", "strain_derivative")
RANKS = 3


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


@pytest.fixture(scope="module")
def expected():
    """By brute force, made once for each system."""
    made = {}

    def of(name: str) -> SimpleNamespace:
        if name not in made:
            system = SYSTEMS[name]
            screening, total = brute_force.Screening(system.kernel, SMEARING), getattr(brute_force, system.boundary)
            made[name] = derivatives(lambda r, cell, q, mu, _: total(screening, r, cell[0], q, mu)[None], system)
        return made[name]

    return of


def assert_right(found: dict, expected: SimpleNamespace, system: System, tolerance: float) -> None:
    r, q, _ = system.atoms()
    # what is left of terms that cancel has no scale of its own: energies and virials are compared with the terms
    scales = {
        "energy": np.abs(q * expected.potential).sum(),
        "strain_derivative": np.abs(expected.forces * r).sum() + np.abs(q * expected.potential).sum(),
    }
    for name in OUTPUTS:
        value, right = np.array(found[name]), np.array(getattr(expected, name))
        if name == "strain_derivative" and system.boundary == "slab":
            value[2, :2] = right[2, :2] = 0.0  # they tilt the plane; a slab's normal is z by definition
        scale = scales.get(name, np.sqrt((right**2).mean()))
        assert np.sqrt(((value - right) ** 2).mean()) < tolerance * scale, name


def tolerance_of(system: System, method: str, precision: str) -> float:
    if method == "direct":
        return 1e-9  # of the tables of a cluster, and of SciPy's spheroidal functions
    if system.boundary == "cluster":
        return 2 * CLUSTER_ACCURACY[system.kernel] + (1e-5 if precision == "float" else 0.0)
    if (system.boundary, system.kernel) == ("slab", "prolate"):
        return 4e-5  # its step of 1e-4 lets the images through the vacuum: docs/theory.md
    # order 8 at h/σ = 0.22, strain included; a float mesh by its rounding
    return {"double": 1e-7, "float": 1e-5}[precision]


CASES = [(name, method) for name, system in SYSTEMS.items() for method in METHODS[system.boundary]]
PRECISIONS = {"double": torch.float64, "float": torch.float32}


@pytest.mark.parametrize(("name", "method"), CASES)
def test_reference_equals_brute_force(name, method, expected):
    system = SYSTEMS[name]

    def energy(r, cell, q, mu, structure):
        if system.boundary == "cluster" and method == "mesh":
            spacing = {"gaussian": 0.2, "prolate": 0.3}[system.kernel] * SMEARING
            return cluster_mesh_energy(r, q, mu, structure, 1, smearing=SMEARING, order=8, spacing=spacing,
                                       kernel=system.kernel)  # fmt: skip
        options = system.mesh_options() | {"mesh": torch.tensor([system.mesh_options()["mesh"] or (8, 8, 8)])}
        return electrostatic_energy(
            r, cell, q, mu, structure, boundary=system.boundary, implementation="reference", **options
        )

    found = derivatives(energy, system)
    assert_right(vars(found), expected(name), system, tolerance_of(system, method, "double"))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("name", "method"), CASES)
def test_native_core_equals_brute_force(name, method, precision, expected):
    system = SYSTEMS[name]
    if system.boundary == "cluster":
        solver = _pme.Cluster(precision=precision, **system.cluster_options(method))
    else:
        solver = _pme.Plan(precision=precision, boundary=system.boundary, **system.mesh_options())
        solver.set_cell(CELLS[system.boundary])
    found = solver.execute(*system.atoms(), strain=True)
    assert_right(found, expected(name), system, tolerance_of(system, method, precision))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", [name for name, s in SYSTEMS.items() if s.boundary != "cluster"])
def test_training_operators_equal_brute_force(name, precision, expected):
    """Clusters are trained by the direct sum of the reference, which is tested above."""
    system = SYSTEMS[name]
    options = system.mesh_options() | {"mesh": torch.tensor([system.mesh_options()["mesh"]])}

    def energy(*arguments):
        return electrostatic_energy(*arguments, boundary=system.boundary, implementation="native", **options)

    found = derivatives(energy, system, PRECISIONS[precision])
    assert_right(vars(found), expected(name), system, tolerance_of(system, "mesh", precision))


@pytest.fixture(scope="module")
def on_ranks(tmp_path_factory):
    """Results of all ranks joined: {(system, method, precision): results}."""
    parts = launch("boundaries", RANKS, tmp_path_factory.mktemp("boundaries"))
    joined = {}
    for key in parts[0]:
        joined[key] = dict(parts[0][key])
        for name in ("potential", "field", "forces"):
            whole = np.full((ATOMS, *parts[0][key][name].shape[1:]), np.nan)
            for part in parts:
                whole[part[key]["own"]] = part[key][name]
            joined[key][name] = whole
    return joined


@pytest.mark.mpi
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("name", "method"), CASES)
def test_distributed_core_equals_brute_force(name, method, precision, on_ranks, expected):
    system = SYSTEMS[name]
    assert_right(on_ranks[name, method, precision], expected(name), system, tolerance_of(system, method, precision))
