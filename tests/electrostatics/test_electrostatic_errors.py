"""Wrong input is refused in one sentence that names the value and the remedy."""

import pytest
import torch
from electrostatic_systems import F64, TRICLINIC, random_system
from hotpp_lr.electrostatics.accuracy import estimated_error, mesh_size
from hotpp_lr.electrostatics.boundary import cluster_energy
from hotpp_lr.electrostatics.ewald import ewald_energy
from hotpp_lr.electrostatics.mesh import pme_energy

SYSTEM = random_system(5, 0.5 * TRICLINIC, seed=1)
OPTIONS = {"smearing": 1.2, "order": 5, "mesh": torch.tensor([[8, 9, 10]])}


def with_nan(value):
    value = value.clone()
    value.view(-1)[2] = torch.nan
    return value


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": 2}, "assignment order is 2: choose an integer from 3 to 8"),
        ({"order": 9}, "assignment order is 9"),
        ({"order": 5.5}, "assignment order is 5.5"),
        ({"mesh": torch.tensor([[8, 9, 4]])}, "fewer points than the assignment order 5"),
        ({"mesh": torch.tensor([[8, 9]])}, "expected integers"),
        ({"mesh": torch.tensor([[8.0, 9.0, 10.0]])}, "expected integers"),
        ({"smearing": 0.0}, "smearing is 0.0: give a positive length"),
        ({"smearing": float("nan")}, "smearing is nan"),
        ({"deconvolution": "euler"}, "deconvolution is 'euler': choose one of alias, plain, none"),
    ],
)
def test_options(changes, message):
    with pytest.raises(ValueError, match=message):
        pme_energy(*SYSTEM.args(), **(OPTIONS | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": with_nan(SYSTEM.positions)}, "positions contain NaN"),
        ({"charges": with_nan(SYSTEM.charges)}, "charges contain NaN"),
        ({"dipoles": with_nan(SYSTEM.dipoles)}, "dipoles contain NaN"),
        ({"cell": with_nan(SYSTEM.cell)}, "cell contains NaN"),
        ({"charges": SYSTEM.charges[:3]}, r"charges have shape \(3,\): expected \(5,\)"),
        ({"dipoles": SYSTEM.dipoles[:, :2]}, "dipoles have shape"),
        ({"cell": SYSTEM.cell[0]}, "cell has shape"),
        ({"structure": SYSTEM.structure + 1}, "structure goes up to 1 but there are 1 cells"),
        ({"structure": SYSTEM.structure - 1}, "negative index"),
        ({"cell": torch.zeros(1, 3, 3, dtype=F64)}, "cell of structure 0 has no volume"),
        ({"cell": torch.ones(1, 3, 3, dtype=F64)}, "three independent lattice vectors"),
    ],
)
def test_inputs(changes, message):
    system = SYSTEM.with_(**changes)
    with pytest.raises(ValueError, match=message):
        pme_energy(*system.args(), **OPTIONS)
    with pytest.raises(ValueError, match=message):
        ewald_energy(*system.args(), smearing=1.2)


def test_order_3_refuses_forces_on_dipoles():
    r, *rest = SYSTEM.args()
    with pytest.raises(ValueError, match="forces with dipoles need an assignment order >= 4, given 3"):
        pme_energy(r.clone().requires_grad_(), *rest, **(OPTIONS | {"order": 3}))


@pytest.mark.parametrize(("order", "dipoles"), [(4, True), (3, False)])
def test_training_on_forces_refuses_low_orders(order, dipoles):
    r, cell, q, mu, structure = SYSTEM.args()
    r = r.clone().requires_grad_()
    energy = pme_energy(r, cell, q, mu if dipoles else None, structure, **(OPTIONS | {"order": order}))
    (gradient,) = torch.autograd.grad(energy.sum(), r, create_graph=True)
    with pytest.raises(ValueError, match="training on forces order >= 5"):
        (gradient**2).sum().backward()


def test_accuracy_and_cell_of_the_mesh_size():
    with pytest.raises(ValueError, match="accuracy is 2: give the relative rms force error"):
        mesh_size(TRICLINIC, 1.0, 2, 6)
    with pytest.raises(ValueError, match="smearing is -1"):
        mesh_size(TRICLINIC, -1.0, 1e-4, 6)
    with pytest.raises(ValueError, match="assignment order is 12"):
        mesh_size(TRICLINIC, 1.0, 1e-4, 12)
    with pytest.raises(ValueError, match="three finite lattice vectors"):
        estimated_error(TRICLINIC * torch.nan, 1.0, 6, [8, 8, 8])


def test_bare_self_energy():
    r, _, q, mu, structure = SYSTEM.args()
    with pytest.raises(ValueError, match="self energy of a point charge is infinite"):
        cluster_energy(r, q, mu, structure, 1, smearing=None, subtract_self=False)
