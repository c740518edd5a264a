"""Forces and virial are derivatives of the energy, through LAMMPS, on one rank and on two.

Two ranks add what one has not: the ghost exchange with its backward pass, the distributed mesh, and reverse
communication of forces.
"""

from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.mpi


@pytest.fixture(scope="module", params=[1, 2])
def differences(request, models, mpiexec, tmp_path_factory):
    file = tmp_path_factory.mktemp("differences") / "results.npz"
    script = Path(__file__).parent / "difference_cases.py"
    done = mpiexec(request.param, str(script), str(models["charge+dipole"]), str(file))
    assert done.returncode == 0, done.stdout
    return dict(np.load(file))


def test_forces_are_minus_the_slope_of_the_energy(differences):
    expected = -np.einsum("kia,ia->k", differences["directions"], differences["forces"])
    # rounding: energies of -200 eV to 1e-13, over the step of 4e-5
    assert np.abs(differences["slopes"] - expected).max() <= 1e-6
    assert np.abs(expected).min() > 0.1


def test_virial_is_minus_the_slope_by_strain(differences):
    virial = differences["virial"]
    # 7 digits of the pressure unit, and the mesh's error under rotation (accuracy 1e-8)
    assert np.abs(differences["by strain"] + virial).max() <= 2e-6 * np.abs(virial).max()
    assert np.abs(virial).min() > 1e-2
