"""The kernels of the CUDA plan: all outputs equal those of the CPU."""

import numpy as np
import pytest
from device_plans import BACKENDS, PATHS, TILED, TOLERANCE, expected_outputs, largest_error, make_plan
from pme_systems import MESHES, ORDERS, System, error


@pytest.mark.parametrize("with_dipoles", [False, True])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_all_outputs_equal_the_cpu_plan(backend, order, with_dipoles):
    for mesh in [*MESHES, TILED]:
        system = System(order)
        smooth = order >= 4 or not with_dipoles
        expected = expected_outputs(system, order, mesh, with_dipoles)
        for precision, tolerance in TOLERANCE.items():
            for path in PATHS[precision]:
                plan = make_plan(backend, order, mesh, system.cell, precision=precision, path=path)
                results = plan.execute(*system.atoms(with_dipoles), forces=smooth, strain=True)
                assert largest_error(results, expected) < tolerance, (mesh, precision, path)


@pytest.mark.parametrize("deconvolution", ["plain", "none"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_other_deconvolutions(backend, deconvolution):
    system, mesh = System(3), MESHES[2]
    expected = expected_outputs(system, 6, mesh, True, deconvolution)
    plan = make_plan(backend, 6, mesh, system.cell, deconvolution=deconvolution, precision="double")
    assert largest_error(plan.execute(*system.atoms(), strain=True), expected) < TOLERANCE["double"]


def test_band_limited_kernel():
    system, mesh = System(3), MESHES[2]
    expected = expected_outputs(system, 6, mesh, True, kernel="prolate")
    plan = make_plan("emulated", 6, mesh, system.cell, kernel="prolate", precision="double")
    assert largest_error(plan.execute(*system.atoms(), strain=True), expected) < TOLERANCE["double"]


@pytest.mark.parametrize("with_dipoles", [False, True])
@pytest.mark.parametrize("backend", BACKENDS)
def test_outputs_alone_equal_those_of_all(backend, with_dipoles):
    """Energy alone, without the way back from the mesh, and with each of the others."""
    system = System(6)
    atoms = system.atoms(with_dipoles)
    plan = make_plan(backend, 6, MESHES[1], system.cell, precision="double")
    expected = plan.execute(*atoms, strain=True)
    for fields, forces, strain in [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 0, 1), (0, 1, 1)]:
        results = plan.execute(*atoms, forces=bool(forces), strain=bool(strain), fields=bool(fields))
        for name, value in results.items():
            # gathered with or without second derivatives: another kernel, equal to rounding
            assert error(value, expected[name]) < 1e-13, (name, fields, forces, strain)


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_atoms_give_zero(backend):
    plan = make_plan(backend, 6, MESHES[0], 10 * np.eye(3))
    results = plan.execute(np.zeros((0, 3)), np.zeros(0), np.zeros((0, 3)), strain=True)
    assert results["energy"] == 0 and not results["strain_derivative"].any()


@pytest.mark.parametrize("with_dipoles", [False, True])
@pytest.mark.parametrize("backend", BACKENDS)
def test_float32_arrays(backend, with_dipoles):
    system = System(15)
    system.positions, system.charges, system.dipoles = (a.astype(np.float32) for a in system.atoms())
    plan = make_plan(backend, 6, MESHES[0], system.cell, precision="double")
    expected = plan.execute(*system.atoms(with_dipoles), strain=True)
    results = plan.execute(*system.atoms(with_dipoles), strain=True, single=True)
    assert results["forces"].dtype == np.float32
    assert results["energy"] == expected["energy"]  # the same positions, and energy is float64
    assert largest_error(results, expected) < 2e-7  # one rounding to float32
