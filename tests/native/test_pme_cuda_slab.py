"""Slabs by the CUDA plan."""

import numpy as np
import pytest
from device_plans import BACKENDS, TOLERANCE, cpu_module, largest_error, make_plan
from pme_systems import SMEARING, System


def flat_system(n=40):
    """A slab of about 4 Å in a cell of 24 Å, a and b skewed in the xy plane, net charge not zero."""
    system = System(17, n=n)
    rng = np.random.default_rng(17)
    system.cell = np.array([[8.0, 1.0, 0.0], [-0.5, 9.0, 0.0], [0.7, -1.3, 24.0]])
    system.positions = np.column_stack([rng.uniform(-15, 25, (n, 2)), rng.uniform(-1, 3, n)])
    return system


@pytest.mark.parametrize("with_dipoles", [False, True])
@pytest.mark.parametrize("backend", BACKENDS)
def test_slab_equals_that_of_the_cpu_plan(backend, with_dipoles):
    system, mesh = flat_system(), (10, 12, 33)
    exact = cpu_module().Plan(6, mesh, SMEARING, boundary="slab")
    exact.set_cell(system.cell)
    expected = exact.execute(*system.atoms(with_dipoles), strain=True)
    for precision, tolerance in TOLERANCE.items():
        plan = make_plan(backend, 6, mesh, system.cell, precision=precision, boundary="slab")
        results = plan.execute(*system.atoms(with_dipoles), strain=True)
        assert largest_error(results, expected) < tolerance, precision


@pytest.mark.parametrize("backend", BACKENDS)
def test_slab_without_enough_vacuum(backend):
    system = flat_system()
    plan = make_plan(backend, 6, (10, 12, 33), system.cell, boundary="slab")
    system.positions[3, 2] += 10
    with pytest.raises(ValueError, match="make the vacuum at least 2 times the thickness"):
        plan.execute(*system.atoms())
    plan.set_cell(System(1).cell)
    with pytest.raises(ValueError, match="must lie in the xy plane"):
        plan.execute(*flat_system().atoms())
