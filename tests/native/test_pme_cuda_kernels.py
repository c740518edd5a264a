"""The kernels of the CUDA plan: run by the emulated device everywhere, and on a real one where there is one.

The emulated device runs the same kernel bodies thread by thread, so these tests see every index, barrier and
sum; what only a real device shows (memory model, launch, graph, cuFFT) is tested in test_pme_cuda_device.py.
"""

import importlib

import numpy as np
import pytest
from cuda_device import has_cuda_device
from pme_systems import MESHES, ORDERS, SMEARING, System, error, reference

BACKENDS = [
    "emulated",
    pytest.param("device", marks=[pytest.mark.gpu, pytest.mark.skipif(not has_cuda_device(), reason="no CUDA device")]),
]
TILED = (24, 9, 36)  # several tiles, the last ones smaller than a stencil reaches
# Largest allowed error relative to the largest element. double: rounding of some hundred operations, and
# 2^-62 of the fixed point times the crowd of a tile; float: the same of the CPU plan in float32.
TOLERANCE = {"double": 1e-11, "float": 1e-5}
PATHS = {"double": ["direct", "sorted"], "float": ["direct", "sorted", "tiles"]}


def module_of(backend):
    return importlib.import_module("hotpp_lr._pme_cuda" if backend == "device" else "hotpp_lr._pme_emulated")


def cpu_module():
    """The mesh of the CPU, or where that is not built (no FFT library) the emulated device in float64."""
    try:
        return importlib.import_module("hotpp_lr._pme")
    except ImportError:
        return module_of("emulated")


def make_plan(backend, order, mesh, cell, **options):
    plan = module_of(backend).Plan(order, mesh, SMEARING, **options)
    plan.set_cell(cell)
    return plan


def expected_outputs(system, order, mesh, with_dipoles, deconvolution="alias", kernel="gaussian"):
    """By the CPU plan, or where that is not built by the Python reference."""
    smooth = order >= 4 or not with_dipoles
    if cpu_module() is module_of("emulated"):
        assert kernel == "gaussian"
        return reference(system, order, mesh, deconvolution, with_dipoles)
    plan = cpu_module().Plan(order, mesh, SMEARING, deconvolution, kernel=kernel)
    plan.set_cell(system.cell)
    return plan.execute(*system.atoms(with_dipoles), forces=smooth, strain=True)


def largest_error(results, expected):
    return max(error(results[name], value) for name, value in expected.items() if name in results)


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


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("backend", BACKENDS)
def test_values_that_are_not_finite_are_named(backend, which, value, precision):
    arrays = [a.copy() for a in System(16).atoms()]
    arrays[which][7] = value
    arrays[which][19] = value
    for path in PATHS[precision]:
        plan = make_plan(backend, 6, MESHES[0], System(16).cell, precision=precision, path=path)
        with pytest.raises(ValueError, match="Atom 7 has a position, charge or dipole that is NaN"):
            plan.execute(*arrays)
        assert np.isfinite(plan.execute(*System(16).atoms())["energy"])  # the plan is as good as new


@pytest.mark.parametrize("which", [1, 2])
@pytest.mark.parametrize("backend", BACKENDS)
def test_values_beyond_the_range_of_the_mesh_are_named(backend, which):
    arrays = [a.copy() for a in System(16).atoms()]
    arrays[which][3] = 1e33
    plan = make_plan(backend, 6, MESHES[0], System(16).cell, precision="float")
    with pytest.raises(ValueError, match="Atom 3 has a charge or dipole beyond 1e30"):
        plan.execute(*arrays)


@pytest.mark.parametrize("backend", BACKENDS)
def test_atoms_too_far_away_are_named(backend):
    arrays = [a.copy() for a in System(16).atoms()]
    plan = make_plan(backend, 6, MESHES[0], System(16).cell)
    arrays[0][5] = 1e6
    assert np.isfinite(plan.execute(*arrays)["energy"])
    arrays[0][5] = 1e9
    with pytest.raises(ValueError, match="Atom 5 is more than 1e7 cells away"):
        plan.execute(*arrays)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": 2}, "order is 2: choose"),
        ({"mesh": (8, 5, 8)}, "5 points along one axis"),
        ({"mesh": (2048, 2048, 2048)}, "more than 2\\^31"),
        ({"boundary": "wire"}, "'wire': choose periodic or slab"),
        ({"path": "magic"}, "'magic': choose auto"),
        ({"precision": "half"}, "'half': choose double"),
        ({"cell": np.ones((3, 3))}, "cell is degenerate"),
    ],
)
def test_wrong_settings(options, message):
    arguments = {"order": 6, "mesh": MESHES[0], "cell": np.eye(3)} | options
    with pytest.raises(ValueError, match=message):
        make_plan("emulated", **arguments)


@pytest.mark.parametrize("backend", BACKENDS)
def test_dipole_forces_of_order_3_are_refused(backend):
    plan = make_plan(backend, 3, MESHES[0], System(1).cell)
    with pytest.raises(ValueError, match="use order 4 or more"):
        plan.execute(*System(1).atoms())
    assert np.isfinite(plan.execute(*System(1).atoms(), forces=False)["field"]).all()


CASES = [(order, rank) for order in ORDERS for rank in range(4) if order >= rank + 2 or rank < 2]


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize(("order", "rank"), CASES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_spread_and_gather_of_every_rank(backend, order, rank, precision):
    """Against the CPU; where it is not built, the emulated device in float64."""
    module, exact = module_of(backend), cpu_module()
    rng = np.random.default_rng(order)
    mesh, columns = MESHES[order % 3], [1, 4, 10, 20][rank]
    u = rng.uniform(-1.5, 2.5, (50, 3)) * mesh
    u[0], u[1], u[2], u[3] = 0.0, -1e-17, (0.5, 1.5, 2.5), mesh
    coefficients, values = rng.normal(size=(50, columns)), rng.normal(size=mesh)
    spread = module.spread(u, coefficients, rank, order, mesh, precision=precision)
    assert error(spread, exact.spread(u, coefficients, rank, order, mesh)) < TOLERANCE[precision]
    derivatives = module.gather(u, values, rank, order, precision=precision)
    expected = exact.gather(u, values, rank, order)
    for c in range(columns):  # one by one: high derivatives would hide errors of low ones
        assert error(derivatives[:, c], expected[:, c]) < TOLERANCE[precision], c
    turned = module.spread(u[::-1], coefficients[::-1], rank, order, mesh, precision=precision)
    assert np.array_equal(spread, turned)  # integers: the order of the atoms does not matter


@pytest.mark.parametrize("backend", BACKENDS)
def test_spread_of_what_is_not_finite_is_not_finite(backend):
    """In training a NaN must reach the loss, although the fixed-point mesh has no number for it."""
    module = module_of(backend)
    u, coefficients = np.random.default_rng(0).random((5, 3)), np.ones((5, 4))
    assert np.isfinite(module.spread(u, coefficients, 1, 4, (8, 8, 8))).all()
    coefficients[3, 2] = np.nan
    assert np.isnan(module.spread(u, coefficients, 1, 4, (8, 8, 8))).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_spread_and_gather_of_no_atoms(backend):
    module = module_of(backend)
    assert not module.spread(np.zeros((0, 3)), np.zeros((0, 4)), 1, 6, (8, 8, 8)).any()
    assert module.gather(np.zeros((0, 3)), np.ones((8, 8, 8)), 1, 6).shape == (0, 4)
