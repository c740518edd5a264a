"""The network as engines run it (frozen tables, fused operators): the physical properties of its model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hotpp_lr.data.batch import collate
from hotpp_lr.model.exported import MOST_KNOTS, ExportedNetwork, frozen_tables
from hotpp_lr.model.potential import Potential
from hotpp_lr.training.dataset import sample
from scipy.spatial.transform import Rotation
from support import NACL, make_potential, make_salt


def exported(potential) -> Potential:
    tables, _, _ = frozen_tables(potential.network)
    network = torch.jit.script(ExportedNetwork(potential.network, tables).eval())
    return Potential(potential.config, potential.normalisation, network=network)


def evaluate(potential, structure, stress=False):
    return potential(collate([sample(structure, NACL, potential.config)]), stress=stress)


@pytest.mark.parametrize(
    "settings", [{}, {"layers": 1}, {"layers": 3}, {"max_rank": 1}, {"many_body": False}, {"repulsion": "zbl"}], ids=str
)
def test_exported_network_is_the_network_with_the_same_tables(electrostatics, settings):
    potential = make_potential(electrostatics, **settings)
    model = exported(potential)
    potential.network.knots = model.network.layers[0].table.shape[0]
    structure = make_salt(triclinic=True)
    a, b = (evaluate(p, structure, stress=True) for p in (potential, model))
    torch.testing.assert_close(b.energy, a.energy, rtol=1e-12, atol=0)
    torch.testing.assert_close(b.charges, a.charges, rtol=0, atol=1e-12)
    torch.testing.assert_close(b.dipoles, a.dipoles, rtol=0, atol=1e-12)
    # rounding of sums in another order, relative to the forces that cancel in them
    torch.testing.assert_close(b.forces, a.forces, rtol=0, atol=1e-12 * max(10.0, float(a.forces.abs().max())))
    torch.testing.assert_close(b.stress, a.stress, rtol=0, atol=1e-12)
    assert a.forces.abs().max() > 1e-2


@pytest.mark.parametrize("improper", [False, True], ids=["rotation", "reflection"])
def test_exported_network_is_equivariant(electrostatics, improper):
    model = exported(make_potential(electrostatics))
    structure = make_salt(triclinic=True)
    matrix = Rotation.random(random_state=3).as_matrix() * (-1 if improper else 1)
    turned = replace(structure, positions=structure.positions @ matrix.T, cell=structure.cell @ matrix.T)
    a, b = evaluate(model, structure), evaluate(model, turned)
    r = torch.from_numpy(matrix)
    torch.testing.assert_close(b.energy, a.energy, rtol=0, atol=1e-10)
    torch.testing.assert_close(b.charges, a.charges, rtol=0, atol=1e-12)
    torch.testing.assert_close(b.dipoles, a.dipoles @ r.T, rtol=0, atol=1e-12)
    torch.testing.assert_close(b.forces, a.forces @ r.T, rtol=0, atol=1e-10)
    assert a.forces.abs().max() > 1e-2


def test_exported_forces_are_minus_gradient():
    """Of the interpolated weights themselves: to the error of the difference, not to that of the tables."""
    model = exported(make_potential("charge+dipole"))
    structure = make_salt(triclinic=True)
    forces = evaluate(model, structure).forces
    h = 1e-4
    for atom, axis in ((0, 0), (13, 1), (40, 2)):
        step = np.zeros_like(structure.positions)
        step[atom, axis] = h
        ends = [
            float(evaluate(model, replace(structure, positions=structure.positions + s)).energy) for s in (step, -step)
        ]
        slope = (ends[0] - ends[1]) / (2 * h)
        # h² = 1e-8 times third derivatives of the order of force / Å²; the curvature's steps at knots are smaller
        assert float(forces[atom, axis]) == pytest.approx(-slope, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("where", ["cutoff", "knot"])
def test_exported_energy_and_forces_are_continuous(where):
    """One atom moves through the cutoff of another, or through a knot of the tables: no jump anywhere."""
    model = exported(make_potential("charge+dipole", cutoff=4.0))
    knots = model.network.layers[0].table.shape[0]
    point = 4.0 if where == "cutoff" else 4.0 * round(0.7 * (knots - 1)) / (knots - 1)

    def at(distance):
        structure = replace(
            make_salt(1),
            numbers=np.array([11, 17, 17]),
            positions=np.array([[5.0, 5, 5], [5 + distance, 5, 5], [5.0, 7.5, 5]]),
            cell=20.0 * np.eye(3),
        )
        return evaluate(model, structure)

    below, above = at(point - 1e-7), at(point + 1e-7)
    # slopes (forces and their slopes of some eV/Å and 10 eV/Å²) times 2e-7 Å
    assert abs(float(below.energy - above.energy)) < 1e-5
    assert float((below.forces - above.forces).abs().max()) < 1e-5


def test_weights_that_no_table_holds_are_refused():
    potential = make_potential("none")
    with torch.no_grad():
        for layer in potential.network.layers:
            layer.radial.perceptron[0].weight.mul_(1e4)
    with pytest.raises(RuntimeError, match=f"{MOST_KNOTS} knots"):
        frozen_tables(potential.network)
