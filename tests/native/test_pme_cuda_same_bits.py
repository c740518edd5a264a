"""The kernels of the CUDA plan give the same bits whatever the order of threads, blocks and atoms."""

import numpy as np
import pytest
from device_plans import BACKENDS, PATHS, TILED, TOLERANCE, make_plan
from pme_systems import System, error


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("with_dipoles", [False, True])
def test_no_kernel_depends_on_the_order_of_threads_and_blocks(with_dipoles, precision):
    """A race, a missing barrier or a sum in the order of arrival would change bits."""
    system = System(11, n=150)
    for path in PATHS[precision]:
        results = []
        for order_of_threads in ("forward", "reverse", "shuffled"):
            plan = make_plan(
                "emulated", 5, TILED, system.cell, precision=precision, path=path, thread_order=order_of_threads
            )
            results.append(plan.execute(*system.atoms(with_dipoles), strain=True))
        for other in results[1:]:
            for name, value in results[0].items():
                assert np.array_equal(value, other[name]), (path, name)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_bits_for_atoms_in_another_order(backend):
    """The fixed-point mesh does not know in which order its charges came."""
    system = System(12, n=200)
    turned = System(12, n=200)
    turned.positions, turned.charges, turned.dipoles = (a[::-1] for a in turned.atoms())
    for path in PATHS["float"]:
        first, second = (
            make_plan(backend, 6, TILED, s.cell, precision="float", path=path).execute(*s.atoms())
            for s in (system, turned)
        )
        for name in ("potential", "field", "forces"):
            if name == "potential":  # holds the total charge, a float64 sum in the caller's order
                assert error(first[name], second[name][::-1]) < 1e-14
            else:
                assert np.array_equal(first[name], second[name][::-1]), (path, name)


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_plan_for_changing_atoms_and_cells(backend):
    """More and fewer atoms than before, none at all, another cell: as a fresh plan, bit for bit."""
    for precision in TOLERANCE:
        plan = make_plan(backend, 6, TILED, np.eye(3), precision=precision)
        for n, seed, with_dipoles in [(25, 1, True), (400, 2, True), (3, 3, False), (0, 4, True), (300, 5, True)]:
            system = System(seed, n=max(n, 2))
            atoms = [None if a is None else a[:n] for a in system.atoms(with_dipoles)]
            plan.set_cell(system.cell)
            fresh = make_plan(backend, 6, TILED, system.cell, precision=precision).execute(*atoms, strain=True)
            for name, value in plan.execute(*atoms, strain=True).items():
                assert np.array_equal(value, fresh[name]), (n, name)
