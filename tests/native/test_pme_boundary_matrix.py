"""Every boundary condition, kernel and kind of source, neutral and charged, by every implementation and precision,
against brute-force sums that share nothing with the package. The training operators: test_mesh_boundary_matrix.py."""

import numpy as np
import pytest
import torch
from boundary_cases import ATOMS, CELLS, METHODS, SMEARING, SYSTEMS
from boundary_judge import PRECISIONS, assert_right, derivatives
from hotpp_lr import _pme
from hotpp_lr.electrostatics.backend import electrostatic_energy
from hotpp_lr.electrostatics.boundary import cluster_mesh_energy
from mpi_launch import launch

RANKS = 3
CASES = [(name, method) for name, system in SYSTEMS.items() for method in METHODS[system.boundary]]


@pytest.mark.parametrize(("name", "method"), CASES)
def test_reference_equals_brute_force(name, method):
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
    assert_right(vars(found), name, method, "double")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("name", "method"), CASES)
def test_native_core_equals_brute_force(name, method, precision):
    system = SYSTEMS[name]
    if system.boundary == "cluster":
        solver = _pme.Cluster(precision=precision, **system.cluster_options(method))
    else:
        solver = _pme.Plan(precision=precision, boundary=system.boundary, **system.mesh_options())
        solver.set_cell(CELLS[system.boundary])
    found = solver.execute(*system.atoms(), strain=True)
    assert_right(found, name, method, precision)


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
def test_distributed_core_equals_brute_force(name, method, precision, on_ranks):
    assert_right(on_ranks[name, method, precision], name, method, precision)
