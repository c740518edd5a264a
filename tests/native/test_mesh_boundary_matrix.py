"""The training operators with every boundary condition, kernel and kind of source against brute-force sums."""

import pytest
import torch
from boundary_cases import SYSTEMS
from boundary_judge import PRECISIONS, assert_right, derivatives
from hotpp_lr.electrostatics.backend import electrostatic_energy


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", [name for name, s in SYSTEMS.items() if s.boundary != "cluster"])
def test_training_operators_equal_brute_force(name, precision):
    """Clusters are trained by the direct sum of the reference, which is tested above."""
    system = SYSTEMS[name]
    options = system.mesh_options() | {"mesh": torch.tensor([system.mesh_options()["mesh"]])}

    def energy(*arguments):
        return electrostatic_energy(*arguments, boundary=system.boundary, implementation="native", **options)

    found = derivatives(energy, system, PRECISIONS[precision])
    assert_right(vars(found), name, "mesh", precision)
