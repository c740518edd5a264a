"""The wall between atoms at close contact."""

from __future__ import annotations

import pytest
import torch
from hotpp_lr.model.repulsion import Repulsion

SODIUM, CHLORINE = 0, 1


def energies(distances, receiver=SODIUM, sender=CHLORINE):
    r = torch.as_tensor(distances, dtype=torch.float64)
    same = torch.ones(len(r), dtype=torch.int64)
    return Repulsion((11, 17))(r, receiver * same, sender * same)


def test_close_to_the_nuclei_it_is_the_universal_potential():
    # eV, Na-Cl by pair_style zbl of LAMMPS with its cutoff at 40 Å. It rounds the screening length to 0.4685 Å, which
    # is 6e-5 of the energy; the envelope is 1 here to 1e-5.
    assert energies([0.05, 0.1, 0.2]).tolist() == pytest.approx([36122.424, 13145.049, 3883.983], rel=1e-4)


def test_it_pushes_atoms_apart_until_their_covalent_radii_touch():
    reach = 1.66 + 1.02  # Å, covalent radii of Na and Cl (Cordero et al. 2008)
    r = torch.linspace(0.3, reach, 500, dtype=torch.float64, requires_grad=True)
    energy = energies(r)
    (slope,) = torch.autograd.grad(energy.sum(), r)
    assert (slope[:-1] < 0).all()
    assert energies([reach + 1e-9, 5.0]).tolist() == [0.0, 0.0]


def test_it_does_not_depend_on_the_order_of_the_atoms():
    assert torch.equal(energies([1.0, 2.0], SODIUM, CHLORINE), energies([1.0, 2.0], CHLORINE, SODIUM))


def test_it_can_be_exported():
    scripted = torch.jit.script(Repulsion((11, 17)))
    r = torch.tensor([1.0, 2.0], dtype=torch.float64)
    kinds = torch.tensor([0, 1])
    assert torch.equal(scripted(r, kinds, kinds), Repulsion((11, 17))(r, kinds, kinds))
