"""What the CUDA plan refuses, with the atom's name where there is one."""

import numpy as np
import pytest
from device_plans import BACKENDS, PATHS, TOLERANCE, make_plan
from pme_systems import MESHES, System


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
