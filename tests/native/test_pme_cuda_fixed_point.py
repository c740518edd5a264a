"""The fixed-point mesh of the CUDA plan: on every edge, for any magnitude of the charges."""

import numpy as np
import pytest
from device_plans import BACKENDS, PATHS, TILED, TOLERANCE, expected_outputs, largest_error, make_plan
from pme_systems import ORDERS, SMEARING, System, error


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_atoms_on_mesh_points_and_edges_of_tiles_and_cell(backend, order):
    system = System(13, n=60)
    rng = np.random.default_rng(13)
    u = rng.integers(-1, 4, (60, 3)) * np.array([8, 8, 16]) + rng.choice([0.0, 0.5, -0.5, -1e-17, 1.0], (60, 3))
    system.positions = u / np.array(TILED) @ system.cell
    expected = expected_outputs(system, order, TILED, False)
    for precision, tolerance in TOLERANCE.items():
        for path in PATHS[precision]:
            plan = make_plan(backend, order, TILED, system.cell, precision=precision, path=path)
            assert largest_error(plan.execute(*system.atoms(False), strain=True), expected) < tolerance, path


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("backend", BACKENDS)
def test_fixed_point_never_wraps(backend, scale):
    """All atoms in one place with charges of one sign, of any magnitude: the fullest mesh point there can be."""
    system = System(14, n=500)
    system.positions = np.array([[0.3, 0.2, 0.1]]) + np.zeros((500, 3))
    system.charges, system.dipoles = np.full(500, 3.0 * scale), np.full((500, 3), 0.5 * scale)
    expected = expected_outputs(system, 6, TILED, True)
    for path in PATHS["float"]:
        plan = make_plan(backend, 6, TILED, system.cell, precision="float", path=path)
        results = plan.execute(*system.atoms(), strain=True)
        for name in ("energy", "potential", "strain_derivative"):
            # 500 equal contributions are rounded alike, to 2^-21 of the largest
            assert error(results[name], expected[name]) < 5e-6, (path, name)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("mesh", [(9, 11, 17), (8, 12, 36), (8, 8, 9)])
def test_bound_of_the_mesh_holds_and_is_close(order, mesh):
    """The unit of the fixed point follows from it: too low would wrap, too high would waste bits."""
    from hotpp_lr import _pme

    rng = np.random.default_rng(order)
    for spread in (0.02, 0.2, 1.0):  # of the atoms over the cell: a droplet up to a gas
        for dipole in (0.0, 0.1, 1.0):
            system = System(order, n=100)
            system.positions = (spread * rng.random((100, 3)) + rng.random(3)) @ system.cell
            # of one sign each, so that they add up
            system.charges = rng.uniform(0.5, 1.0, 100)
            system.dipoles = dipole * rng.uniform(0.5, 1.0, (100, 3))
            plan = make_plan("emulated", order, mesh, system.cell, precision="float")
            plan.execute(*system.atoms(), forces=False)
            cpu = _pme.Plan(order, mesh, SMEARING)
            cpu.set_cell(system.cell)
            largest = abs(cpu.spread(*system.atoms())).max()
            # 256: 22 bits would be left. Charges alone are bounded within a factor of 5.
            assert largest < plan.mesh_bound() < (256 if dipole else 16) * largest, (spread, dipole)
