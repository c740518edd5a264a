"""The sum that judges all codes of benchmarks/pme is itself judged by the one of the package."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "pme"))

from configurations import CONTENTS, Configuration, random_configuration
from judge import disagreement


@pytest.mark.parametrize("width", [1.0, 2.5])
@pytest.mark.parametrize("content", CONTENTS)
def test_forces_equal_the_ewald_sum_of_the_package_however_the_sum_is_split(content, width):
    # modes that are left out weigh exp(-6²/2) = 1.5e-8, times k² for dipoles
    assert disagreement(random_configuration(150), content, width, np.arange(0, 150, 7)) < 3e-7


def test_triclinic_cells():
    cubic = random_configuration(100)
    shear = np.array([[1.0, 0.0, 0.0], [0.4, 1.0, 0.0], [-0.3, 0.2, 1.1]])
    sheared = Configuration(cubic.cell @ shear, cubic.positions @ shear, cubic.charges, cubic.dipoles)
    assert disagreement(sheared, "q+mu", 2.0, np.arange(10)) < 3e-7
