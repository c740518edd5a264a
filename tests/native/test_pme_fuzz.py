"""Whatever a caller gives: a refusal in words, or the right answer; never a crash, a hang or a NaN."""

import sys

import numpy as np
import pytest
from hotpp_lr import _pme
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

FUZZ = settings(
    max_examples=80, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
ORDER, MESH, SMEARING = 5, (9, 10, 12), 1.3
REFUSED = (ValueError, MemoryError)

anything = st.floats(allow_nan=True, allow_infinity=True, width=64)
giant = st.sampled_from([1e16, -1e20, 1e38, 1e100, -1e155, 1e300, sys.float_info.max])
small = st.floats(-3, 3)


def system(seed: int, n: int = 6):
    rng = np.random.default_rng(seed)
    cell = np.diag([9.0, 10.0, 12.0]) + rng.uniform(-2, 2, (3, 3))
    return cell, rng.uniform(-5, 15, (n, 3)), rng.normal(size=n), 0.3 * rng.normal(size=(n, 3))


def plan_of(cell, order=ORDER, mesh=MESH, smearing=SMEARING, **options):
    plan = _pme.Plan(order, mesh, smearing, **options)
    plan.set_cell(cell)
    return plan


def outcome(function) -> dict | None:
    """Results, all finite, or None for a refusal in words."""
    try:
        results = function()
    except REFUSED as error:
        assert len(str(error)) > 30 and str(error).strip().endswith(".") and "nan nan" not in str(error)
        return None
    for name, value in results.items():
        assert np.isfinite(value).all(), name
    return results


def assert_same(results: dict, expected: dict, tolerance: float) -> None:
    for name, value in expected.items():
        scale = np.abs(value).max(initial=0.0) + 1e-300
        assert np.abs(np.asarray(results[name]) - value).max(initial=0.0) <= tolerance * scale, name


@FUZZ
@given(
    order=st.one_of(st.integers(2, 9), st.integers(-(2**31), 2**31 - 1)),
    mesh=st.tuples(*[st.one_of(st.integers(-2, 14), st.sampled_from([2**31 - 1, -(2**31), 16384, 16385, 65536]))] * 3),
    smearing=st.one_of(st.floats(0.3, 3), anything),
    precision=st.sampled_from(["float", "double"]),
    dipoles=st.booleans(),
)
def test_settings(order, mesh, smearing, precision, dipoles):
    assume(sorted(mesh)[0] < 3 or np.prod(mesh, dtype=float) < 1e4 or np.prod(mesh, dtype=float) > 1e12)
    cell, r, q, mu = system(0)
    results = outcome(
        lambda: plan_of(cell, order, mesh, smearing, precision=precision).execute(r, q, mu if dipoles else None)
    )
    valid = 3 <= order <= 8 and min(mesh) >= order and max(mesh) <= 14 and 1e-3 <= smearing <= 1e6
    assert (results is not None) == (valid and not (dipoles and order == 3))


def test_a_mesh_larger_than_the_memory_is_refused_beforehand():
    with pytest.raises(MemoryError, match=r"16384 x 16384 x 16384 points needs .* GB, but this machine has"):
        _pme.Plan(6, (16384,) * 3, 1.0, precision="float")
    with pytest.raises(ValueError, match="at most 16384"):
        _pme.Plan(6, (2**31 - 1,) * 3, 1.0)


@FUZZ
@given(
    values=st.lists(st.one_of(small, small, small, anything), min_size=9, max_size=9),
    scale=st.sampled_from([1.0, 5.0, 1e-3, 1e-9, 1e-160, 1e5, 1e9, 1e120]),
    precision=st.sampled_from(["float", "double"]),
)
def test_cells(values, scale, precision):
    with np.errstate(over="ignore", invalid="ignore"):
        cell = scale * np.array(values).reshape(3, 3)
    _, r, q, mu = system(1)
    results = outcome(lambda: plan_of(cell, precision=precision).execute(r, q, mu, strain=True))
    if results is None:
        return
    # another choice of vectors of the same lattice and handedness: the same atoms, wrapped elsewhere
    shifted = outcome(lambda: plan_of(cell, precision=precision).execute(r + cell[0] - 2 * cell[2], q, mu, strain=True))
    if shifted is not None and precision == "double" and scale == 5.0 and abs(np.linalg.det(cell)) > 100:
        assert_same(shifted, results, 1e-9)  # flat cells amplify the rounding of positions


@FUZZ
@given(seed=st.integers(0, 10**6), flips=st.tuples(*[st.sampled_from([1.0, -1.0])] * 3))
def test_left_handed_cells_are_as_good_as_right_handed_ones(seed, flips):
    cell, r, q, mu = system(seed)
    expected = plan_of(cell).execute(r, q, mu, strain=True)
    mirrored = plan_of(np.array(flips)[:, None] * cell).execute(r, q, mu, strain=True)
    # an odd order on an even mesh is not symmetric about a mesh point to the last bit
    assert_same(mirrored, expected, 1e-9)


@FUZZ
@given(
    which=st.sampled_from(["positions", "charges", "dipoles"]),
    value=st.one_of(anything, giant),
    place=st.integers(0, 5),
    precision=st.sampled_from(["float", "double"]),
)
def test_any_number_anywhere(which, value, place, precision):
    cell, *arrays = system(2)
    plan = plan_of(cell, precision=precision)
    expected = plan.execute(*arrays)
    spoilt = [a.copy() for a in arrays]
    spoilt[["positions", "charges", "dipoles"].index(which)].reshape(6, -1)[place, -1] = value
    results = outcome(lambda: plan.execute(*spoilt, strain=True))
    if not np.isfinite(value):
        assert results is None
    # and the plan is none the worse for it
    again = plan.execute(*arrays)
    for name, before in expected.items():
        assert np.array_equal(again[name], before), name


@FUZZ
@given(seed=st.integers(0, 10**6), distance=st.sampled_from([1, 1000, 10**6]), sign=st.sampled_from([1, -1]))
def test_atoms_in_other_cells(seed, distance, sign):
    cell, r, q, mu = system(seed)
    rng = np.random.default_rng(seed)
    far = r + sign * distance * rng.integers(0, 2, (len(r), 3)) @ cell
    expected = plan_of(cell).execute(r, q, mu)
    # rounding of a position of `distance` cells, times the steepness of the weights
    assert_same(plan_of(cell).execute(far, q, mu), expected, 1e-11 + 1e-14 * distance)


@pytest.mark.parametrize("distance", [1e10, -1e15, 1e17, 1e100, 1e308])
def test_atoms_so_far_away_that_their_place_is_lost_are_refused(distance):
    cell, r, q, mu = system(3)
    r[4, 1] = distance
    with pytest.raises(ValueError, match=r"position of atom 4 is .* cells away: .* wrap the positions"):
        plan_of(cell).execute(r, q, mu)


NOT_NUMBERS = [np.array("text"), np.array([None, 1.0]), np.array(3.0), np.array(["a"] * 6), np.zeros(6, complex)]
BROKEN_ARRAYS = st.one_of(
    st.tuples(*[st.integers(0, 4)] * 2).map(np.zeros),
    st.integers(0, 8).map(np.zeros),
    st.tuples(*[st.integers(0, 3)] * 3).map(np.zeros),
    st.sampled_from(
        [np.array("text"), np.array([None, 1.0]), np.array(3.0), np.array(["a"] * 6), np.zeros(6, complex)]
    ),
)


@FUZZ
@given(which=st.integers(0, 2), array=BROKEN_ARRAYS)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_shapes_and_types(which, array):
    cell, *arrays = system(4)
    right = arrays[which].shape
    arrays[which] = array
    try:
        results = plan_of(cell).execute(*arrays)
    except (ValueError, TypeError) as error:  # TypeError: not numbers at all
        assert len(str(error)) > 20
        return
    assert np.shape(array) == right and all(np.isfinite(v).all() for v in results.values())


@pytest.mark.parametrize("method", ["set_cell", "spread", "gather", "potential_mesh"])
@FUZZ
@given(array=BROKEN_ARRAYS)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_shapes_of_the_stages(method, array):
    cell, r, q, _ = system(5)
    plan = plan_of(cell)
    mesh = np.ones(MESH)
    arguments = {
        "set_cell": [(array,)],
        "spread": [(array, q), (r, array), (r, q, array)],
        "gather": [(array, mesh), (r, array)],
        "potential_mesh": [(array,)],
    }
    for chosen in arguments[method]:
        try:
            getattr(plan, method)(*chosen)
        except (ValueError, TypeError) as error:
            assert len(str(error)) > 20


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_stages_refuse_positions_without_a_place(value):
    cell, r, q, mu = system(6)
    r[2, 0] = value
    plan = plan_of(cell)
    with pytest.raises(ValueError, match="position of atom 2"):
        plan.spread(r, q, mu)
    with pytest.raises(ValueError, match="position of atom 2"):
        plan.gather(r, np.ones(MESH))


@FUZZ
@given(seed=st.integers(0, 10**6), layout=st.sampled_from(["F", "reversed", "strided", "float32", "int", "list"]))
def test_any_layout_of_the_arrays(seed, layout):
    cell, *arrays = system(seed)
    if layout in ("float32", "int"):
        arrays = [a.astype(np.float32 if layout == "float32" else int) for a in arrays]
    expected = plan_of(cell).execute(*(np.ascontiguousarray(a, dtype=float) for a in arrays))
    change = {
        "F": np.asfortranarray,
        "reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
        "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
        "list": lambda a: a.tolist(),
    }.get(layout, lambda a: a)
    results = plan_of(change(cell)).execute(*map(change, arrays))
    for name, value in expected.items():
        assert np.array_equal(results[name], value), name


@FUZZ
@given(
    accuracy=st.one_of(st.floats(1e-12, 1), anything),
    smearing=st.one_of(st.floats(0.1, 10), anything),
    order=st.integers(1, 10),
    length=st.one_of(st.floats(1, 1e4), anything),
)
def test_choice_of_the_mesh(accuracy, smearing, order, length):
    try:
        mesh = _pme.mesh_size(length * np.eye(3), smearing, accuracy, order)
        estimate = _pme.estimated_error(length * np.eye(3), smearing, order, mesh)
    except REFUSED as error:
        assert len(str(error)) > 30
        return
    assert min(mesh) >= order and 0 <= estimate <= 1
    if order > 3 and length > 10 * smearing and accuracy < 0.01:  # else there is next to no force to be right about
        assert estimate <= accuracy * (1 + 1e-9)


@FUZZ
@given(
    spread=st.floats(0.1, 1e9),
    value=st.one_of(anything, giant, st.floats(-1e9, 1e9)),
    which=st.integers(0, 2),
    method=st.sampled_from(["auto", "direct", "mesh"]),
)
def test_clusters(spread, value, which, method):
    _, *arrays = system(7)
    arrays[0] *= spread / 20
    arrays[which].reshape(6, -1)[3, 0] = value
    results = outcome(lambda: _pme.Cluster(SMEARING, method=method).execute(*arrays, strain=True))
    assert np.isfinite(value) or results is None


def test_a_sparse_cluster_whose_mesh_would_be_too_large_is_summed_directly():
    rng = np.random.default_rng(8)
    r, q, mu = 5e3 * rng.random((800, 3)), rng.normal(size=800), rng.normal(size=(800, 3))
    expected = _pme.Cluster(SMEARING, method="direct").execute(r, q, mu)
    assert_same(_pme.Cluster(SMEARING).execute(r, q, mu), expected, 1e-12)


@FUZZ
@given(
    which=st.integers(0, 2),
    array=st.one_of(st.none(), BROKEN_ARRAYS),
    value=st.one_of(anything, giant, small),
    place=st.integers(0, 5),
    precision=st.sampled_from(["float", "double"]),
    boundary=st.sampled_from(["periodic", "slab"]),
    kernel=st.sampled_from(["gaussian", "prolate"]),
)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_strain_derivatives_of_atoms(which, array, value, place, precision, boundary, kernel):
    """Wrong arrays, and right ones with any number in one place."""
    cell, *arrays = system(10)
    if boundary == "slab":
        cell[:2, 2], cell[2] = 0.0, (0.0, 0.0, 40.0)
    if array is None:
        arrays[which].reshape(6, -1)[place, -1] = value
    else:
        arrays[which] = array
    options = {"boundary": boundary, "kernel": kernel}
    plan = plan_of(cell, mesh=(9, 10, 40), precision=precision, **options)

    def strain(plan):
        try:
            return outcome(lambda: {"strain": plan.atom_strain(*arrays)})
        except TypeError:
            return None

    results = strain(plan)
    assert results is None or results["strain"].shape == (6, 6) or array is not None
    whole = {"strain": results["strain"].sum(0)} if results else None
    total = outcome(lambda: plan.execute(*arrays, strain=True)) if results else None
    if total and np.abs(arrays[which]).max(initial=0.0) < 1e3:
        w = total["strain_derivative"]
        symmetric = (0.5 * (w + w.T))[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
        # sums of positive and negative terms; float: of the mesh
        assert_same(whole, {"strain": symmetric}, 1e-3 if precision == "float" else 1e-9)


def test_strain_derivatives_of_atoms_need_a_cell():
    with pytest.raises(ValueError, match="no cell yet"):
        _pme.Plan(ORDER, MESH, SMEARING).atom_strain(*system(11)[1:])


@FUZZ
@given(height=st.one_of(st.floats(1, 300), anything), tilt=st.sampled_from([0.0, 1e-12, 0.3]), total=st.floats(-5, 5))
def test_slabs(height, tilt, total):
    _, r, q, mu = system(9)
    r[:, 2] = np.clip(r[:, 2], 0, 6)
    cell = np.array([[9.0, 0, tilt], [1.0, 10, 0], [0, 0, height]])
    q += (total - q.sum()) / len(q)
    mesh = (9, 10, int(min(200, max(ORDER, height)))) if np.isfinite(height) else MESH
    results = outcome(lambda: plan_of(cell, mesh=mesh, boundary="slab").execute(r, q, mu, strain=True))
    assert (results is not None) == (18 <= height <= 1e6 and tilt < 0.1) or 17 < height < 19


@FUZZ
@given(
    rank=st.one_of(st.integers(0, 3), st.integers(-(2**31), 2**31 - 1)),
    order=st.integers(1, 10),
    mesh=st.tuples(*[st.one_of(st.integers(3, 12), st.sampled_from([-1, 0, 16385, 2**31 - 1]))] * 3),
    u=st.one_of(st.floats(-50, 50), anything),
    columns=st.sampled_from([1, 4, 10, 20, 0, 7]),
    precision=st.sampled_from(["float", "double"]),
)
def test_multipoles_at_mesh_coordinates(rank, order, mesh, u, columns, precision):
    coordinates = np.array([[1.0, 2.0, 3.0], [u, 0.5, -0.5]])
    try:
        charge_mesh = _pme.spread(coordinates, np.ones((2, columns)), rank, order, mesh, precision)
        derivatives = _pme.gather(coordinates, charge_mesh, rank, order, precision)
    except REFUSED as error:
        assert len(str(error)) > 20
        return
    assert np.isfinite(charge_mesh).all() and np.isfinite(derivatives).all()
    # the weights of every atom add up to one, those of derivatives to zero
    assert charge_mesh.sum() == pytest.approx(2, abs=1e-4 if precision == "float" else 1e-11)


@pytest.mark.parametrize("threads", [0, -1, 2**31 - 1])
def test_number_of_threads(threads):
    with pytest.raises(ValueError, match="number of threads is"):
        _pme.set_num_threads(threads)


@pytest.mark.parametrize("t", [0.6, -2.0, np.nan, np.inf])
def test_weights_outside_of_their_piece(t):
    with pytest.raises(ValueError, match="t is"):
        _pme.weights(t, 6)
