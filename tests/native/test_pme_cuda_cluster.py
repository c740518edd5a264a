"""Clusters on a device, by the direct sum: emulated everywhere, and on a real device where there is one."""

import numpy as np
import pytest
from device_plans import BACKENDS, module_of
from hotpp_lr import _pme
from pme_systems import System, error

SMEARING = 1.3


def cluster(n=150, seed=3):
    """More atoms than a block has threads, of a net charge, some near to each other."""
    rng = np.random.default_rng(seed)
    system = System(seed, n=n)
    system.positions = rng.normal(size=(n, 3)) * (6.0, 4.0, 9.0)
    system.charges = system.charges + 0.1
    return system


def expected_outputs(system, with_dipoles=True, **options):
    exact = _pme.Cluster(SMEARING, method="direct", **options)
    return exact.execute(*system.atoms(with_dipoles), strain=True)


def largest_error(results, expected):
    return max(error(results[name], expected[name]) for name in results)


@pytest.mark.parametrize("kernel", ["gaussian", "prolate"])
@pytest.mark.parametrize("with_dipoles", [False, True])
@pytest.mark.parametrize("backend", BACKENDS)
def test_all_outputs_equal_the_direct_sum_of_the_cpu(backend, with_dipoles, kernel):
    system = cluster()
    for subtract_self in (True, False):
        options = {"kernel": kernel, "subtract_self": subtract_self}
        sums = module_of(backend).Cluster(SMEARING, farthest=60.0, **options)
        results = sums.execute(*system.atoms(with_dipoles), strain=True)
        assert set(results) == {"energy", "potential", "field", "forces", "strain_derivative"}
        # sums of some hundred terms in another order; the tables agree to rounding
        assert largest_error(results, expected_outputs(system, with_dipoles, **options)) < 1e-12


@pytest.mark.parametrize("backend", BACKENDS)
def test_float32_arrays(backend):
    system = cluster()
    system.positions, system.charges, system.dipoles = (a.astype(np.float32) for a in system.atoms())
    results = module_of(backend).Cluster(SMEARING).execute(*system.atoms(), single=True)
    assert results["forces"].dtype == np.float32
    assert largest_error(results, expected_outputs(system)) < 2e-7  # one rounding to float32


@pytest.mark.parametrize("backend", BACKENDS)
def test_number_of_atoms_may_change(backend):
    sums = module_of(backend).Cluster(SMEARING)
    for n in (5, 400, 2, 64):
        system = cluster(n)
        assert largest_error(sums.execute(*system.atoms()), expected_outputs(system)) < 1e-12
    for n in (1, 0):
        results = sums.execute(*(array[:n] for array in system.atoms()), strain=True)
        assert not any(np.any(values) for values in results.values())


def test_no_result_depends_on_the_order_of_threads_and_blocks():
    results = [
        module_of("emulated").Cluster(SMEARING, thread_order=order).execute(*cluster(300).atoms(), strain=True)
        for order in ("forward", "reverse", "shuffled")
    ]
    for other in results[1:]:
        assert all(np.array_equal(results[0][name], other[name]) for name in other)


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("backend", BACKENDS)
def test_values_that_are_not_finite_are_named(backend, which):
    arrays = [a.copy() for a in cluster().atoms()]
    arrays[which][70] = arrays[which][90] = np.nan
    sums = module_of(backend).Cluster(SMEARING)
    with pytest.raises(ValueError, match="Atom 70 has a position, charge or dipole that is NaN"):
        sums.execute(*arrays)
    assert np.isfinite(sums.execute(*cluster().atoms())["energy"])  # as good as new


@pytest.mark.parametrize("backend", BACKENDS)
def test_only_a_prolate_kernel_ends_with_its_table(backend):
    far = cluster(3)
    far.positions[2, 0] += 500.0
    sums = module_of(backend).Cluster(SMEARING, farthest=50.0)
    assert largest_error(sums.execute(*far.atoms()), expected_outputs(far)) < 1e-12
    sums = module_of(backend).Cluster(SMEARING, kernel="prolate", farthest=50.0)
    with pytest.raises(ValueError, match="Atom 0 and another one of the cluster are farther apart"):
        sums.execute(*far.atoms())


@pytest.mark.parametrize("farthest", [0.0, -1.0, np.nan, 1e9])
def test_wrong_largest_distance(farthest):
    with pytest.raises(ValueError, match="give the largest distance of two atoms"):
        module_of("emulated").Cluster(SMEARING, farthest=farthest)
