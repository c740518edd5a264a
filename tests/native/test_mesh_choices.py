"""Which implementation of the mesh runs, and what all of them refuse."""

import pytest
import torch
from electrostatics.electrostatic_systems import F64, TRICLINIC, random_system
from hotpp_lr.electrostatics.backend import electrostatic_energy, use_native
from hotpp_lr.electrostatics.native_mesh import pme_energy_native
from native.mesh_batches import assert_close, atoms_in_meshes, metric_of, random_like


def test_implementation_is_chosen_by_argument_and_environment(monkeypatch):
    cpu = torch.device("cpu")
    assert use_native(None, cpu) and use_native("native", cpu) and not use_native("reference", cpu)
    assert not use_native("auto", torch.device("meta"))
    monkeypatch.setenv("HOTPP_ELECTROSTATICS", "reference")
    assert not use_native(None, cpu) and use_native("native", cpu)
    monkeypatch.setenv("HOTPP_ELECTROSTATICS", "quick")
    with pytest.raises(ValueError, match="HOTPP_ELECTROSTATICS is 'quick': choose one of auto, native, reference"):
        use_native(None, cpu)
    with pytest.raises(ValueError, match="no kernels for meta"):
        use_native("native", torch.device("meta"))


def test_slab_is_native_mesh_plus_correction():
    thin = random_system(6, torch.diag(torch.tensor([9.0, 9.0, 3.0], dtype=F64)), 5)
    system = thin.with_(cell=torch.diag(torch.tensor([9.0, 9.0, 12.0], dtype=F64))[None])
    options = {"boundary": "slab", "smearing": 1.0, "order": 6, "mesh": torch.tensor([[16, 16, 20]])}
    native, reference = (
        electrostatic_energy(*system.args(), **options, implementation=i) for i in ("native", "reference")
    )
    assert_close([native], [reference])


@pytest.mark.parametrize("strained", [False, True])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"charges": torch.tensor([1.0, torch.nan])}, "charges contain NaN"),
        ({"dipoles": torch.full((2, 3), torch.inf)}, "dipoles contain NaN or infinity"),
        ({"dipoles": torch.zeros(2, 2)}, "dipoles have shape .2, 2.: expected .2, 3."),
        ({"positions": torch.full((2, 3), torch.nan)}, "positions contain NaN"),
        ({"cell": torch.eye(3)}, "expected .n_structures, 3, 3."),
        ({"cell": torch.ones(1, 3, 3)}, "structure 0 has no volume"),
        ({"cell": torch.full((1, 3, 3), torch.inf)}, "cell contains NaN or infinity"),
        ({"structure": torch.tensor([0, 1])}, "belongs to structure 1, but there are 1"),
        ({"order": 3}, "order >= 4"),
        ({"mesh": torch.tensor([[5, 8, 8]])}, "fewer points than the assignment order"),
    ],
)
def test_energy_refuses_wrong_input(changes, message, strained):
    arguments = {
        "positions": torch.tensor([[0.0, 0, 0], [1, 1, 1]]),
        "cell": 8 * torch.eye(3)[None],
        "charges": torch.tensor([1.0, -1.0]),
        "dipoles": torch.zeros(2, 3),
        "structure": torch.tensor([0, 0]),
        "smearing": 1.0,
        "order": 6,
        "mesh": torch.tensor([[8, 8, 8]]),
    }
    pme_energy_native(**arguments)
    arguments |= changes
    arguments["positions"] = arguments["positions"].requires_grad_()
    arguments["cell"] = arguments["cell"].requires_grad_(strained)  # cells with and without derivatives differ
    with pytest.raises(ValueError, match=message):
        pme_energy_native(**arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"u": torch.zeros(8, 3)}, "mesh coordinates have shape .*expected float64"),
        ({"u": torch.full((8, 3), torch.nan, dtype=F64)}, "positions contain NaN or infinity"),
        ({"u": torch.full((8, 3), torch.inf, dtype=F64)}, "positions contain NaN or infinity"),
        ({"u": torch.full((8, 3), 1e300, dtype=F64)}, "too far"),
        ({"coefficients": torch.zeros(8, 5, dtype=F64)}, "expected .n_atoms, 1 | 4 | 10 | 20."),
        ({"coefficients": torch.zeros(7, 4, dtype=F64)}, "one per atom, 8"),
        ({"coefficients": torch.zeros(8, 4, dtype=torch.int64)}, "expected float32 or float64"),
        ({"structure": torch.tensor([0, 0, 0, 0, 0, 0, 0, 4])}, "belongs to structure 4, but there are 4"),
        ({"structure": torch.tensor([0, 0, 0, 0, 0, 0, 0, -1])}, "number the structures from 0"),
        ({"structure": torch.zeros(8)}, "expected int64"),
        ({"mesh": torch.full((4, 3), 5)}, "at least as many points as the order"),
        ({"mesh": torch.full((4, 3), 8.0)}, "expected int64 .n_structures, 3."),
        ({"mesh": torch.full((4, 2), 8)}, "expected int64 .n_structures, 3."),
        ({"order": 9, "mesh": torch.full((4, 3), 12)}, "choose an integer from 3 to 8"),
        ({"deconvolution": "alais"}, "choose one of alias, plain, none"),
        ({"kernel": "gauss"}, "choose gaussian or prolate"),
        ({"smearing": 0.0}, "give a positive length"),
        ({"metric": torch.full((4, 3, 3), torch.nan, dtype=F64)}, "not finite: check the cell"),
        ({"metric": torch.zeros(3, 3, 3, dtype=F64)}, "expected float64 .4, 3, 3."),
    ],
)
def test_wrong_input_is_refused(ops, changes, message):
    u, structure, mesh = atoms_in_meshes()
    arguments = {
        "u": u,
        "coefficients": random_like(8, 4),
        "metric": metric_of((0.6 * TRICLINIC).expand(4, 3, 3).contiguous()),
        "structure": structure,
        "mesh": mesh,
        "order": 6,
        "deconvolution": "alias",
        "kernel": "gaussian",
        "smearing": 1.0,
    }
    ops.mesh_sum(*arguments.values())
    with pytest.raises(ValueError, match=message):
        ops.mesh_sum(*(arguments | changes).values())
