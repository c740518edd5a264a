"""Wrong input is refused with a sentence that names it; FFT libraries of other packages do not interfere."""

import subprocess
import sys

import numpy as np
import pytest
from hotpp_lr import _pme

MESH = (8, 9, 10)
CELL = 10.0 * np.eye(3)


def plan(order=6, mesh=MESH, smearing=1.0, cell=CELL, **options):
    result = _pme.Plan(order, mesh, smearing, **options)
    result.set_cell(cell)
    return result


def atoms(n=3):
    rng = np.random.default_rng(0)
    return rng.uniform(0, 10, (n, 3)), rng.normal(size=n), rng.normal(size=(n, 3))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"order": 2}, "order is 2: choose"),
        ({"order": 9}, "order is 9: choose"),
        ({"mesh": (8, 5, 8)}, "5 points along one axis, but order 6"),
        ({"mesh": (8, -5, 8)}, "-5 points"),
        ({"smearing": 0.0}, "smearing is 0: give"),
        ({"smearing": -1.0}, "smearing is -1"),
        ({"smearing": float("nan")}, "smearing is nan"),
        ({"deconvolution": "full"}, "'full': choose alias"),
        ({"precision": "half"}, "'half': choose double or float"),
        ({"cell": np.zeros((3, 3))}, "vector 0 is 0.0+ long"),
        ({"cell": np.ones((3, 3))}, "cell is degenerate"),
        ({"cell": np.full((3, 3), np.nan)}, "not finite"),
        ({"cell": np.full((3, 3), np.inf)}, "vector 0 is inf long"),
        ({"cell": 1e7 * np.eye(3)}, "vector 0 is 10000000.0+ long: give it in Å"),
        ({"cell": np.eye(2)}, "cell has shape"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        plan(**settings)


@pytest.mark.parametrize(("which", "name"), [(0, "position"), (1, "charge"), (2, "dipole")])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(which, name, value):
    arrays = atoms()
    arrays[which][1] = value
    with pytest.raises(ValueError, match=f"{name} of atom 1 is -?(nan|inf)"):
        plan().execute(*arrays)


def test_dipole_forces_of_order_3():
    with pytest.raises(ValueError, match="use order 4 or more"):
        plan(order=3).execute(*atoms())
    assert np.isfinite(plan(order=3).execute(*atoms(), forces=False)["field"]).all()
    assert np.isfinite(plan(order=3).execute(*atoms()[:2])["forces"]).all()


def test_arrays_of_different_length():
    positions, charges, dipoles = atoms()
    with pytest.raises(ValueError, match="positions has shape"):
        plan().execute(positions[:2], charges)
    with pytest.raises(ValueError, match="dipoles has shape"):
        plan().execute(positions, charges, dipoles[:2])


def test_no_cell_yet():
    with pytest.raises(ValueError, match="call set_cell first"):
        _pme.Plan(6, MESH, 1.0).execute(*atoms())


@pytest.mark.parametrize("accuracy", [0.0, 1.0, -1e-4, float("nan")])
def test_wrong_accuracy(accuracy):
    with pytest.raises(ValueError, match="accuracy is"):
        _pme.mesh_size(CELL, 1.0, accuracy, 6)


IMPORTS = {
    "core first": "from hotpp_lr import _pme; _pme.Plan(4, (8, 8, 8), 1.0); import torch",
    "torch first": "import torch; from hotpp_lr import _pme",
    # as in LAMMPS, which opens plugins so: torch's MKL must not answer for ours, nor ours for torch's
    "torch global": "import os, sys; sys.setdlopenflags(os.RTLD_NOW | os.RTLD_GLOBAL); import torch; "
    "from hotpp_lr import _pme",
    "both global": "import os, sys; sys.setdlopenflags(os.RTLD_NOW | os.RTLD_GLOBAL); "
    "from hotpp_lr import _pme; import torch",
}
TRANSFORMS = """
import numpy as np
mesh = (8, 9, 10)
plan = _pme.Plan(4, mesh, 1.0)
plan.set_cell(10 * np.eye(3))
rho = np.random.default_rng(0).normal(size=mesh)
potential = plan.potential_mesh(rho)[0]
expected = np.fft.irfftn(np.fft.rfftn(rho) * plan.influence(), s=mesh, axes=(0, 1, 2)) * rho.size
assert abs(potential - expected).max() < 1e-12 * abs(expected).max(), "native FFT is wrong"
spectrum = torch.fft.rfftn(torch.tensor(rho)).numpy()
assert abs(spectrum - np.fft.rfftn(rho)).max() < 1e-11, "FFT of torch is wrong"
"""


@pytest.mark.parametrize("order", IMPORTS)
def test_fft_next_to_the_one_of_torch(order):
    """In a child process: a clash of libraries may end it."""
    child = subprocess.run(
        [sys.executable, "-c", IMPORTS[order] + TRANSFORMS], capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
