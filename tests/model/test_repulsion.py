"""The wall between atoms at close contact."""

from __future__ import annotations

import pytest
import torch
from ase.data import covalent_radii
from hotpp_lr.data.batch import collate
from hotpp_lr.data.neighbours import neighbour_list
from hotpp_lr.model.exported import ExportedNetwork, frozen_tables
from hotpp_lr.model.potential import Potential
from hotpp_lr.model.repulsion import ScreenedNuclei
from hotpp_lr.training.dataset import sample
from support import NACL, make_potential, make_salt

SODIUM, CHLORINE = 0, 1


def energies(distances, receiver=SODIUM, sender=CHLORINE):
    r = torch.as_tensor(distances, dtype=torch.float64)
    same = torch.ones(len(r), dtype=torch.int64)
    return ScreenedNuclei((11, 17)).pair_energy(r, receiver * same, sender * same)


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


@pytest.mark.parametrize("elements", [(1, 1), (6, 8), (19, 19), (55, 118), (2, 92)], ids=str)
def test_it_is_smooth_and_ends_at_contact_or_the_cutoff_for_any_elements(elements):
    cutoff = 4.0
    wall = ScreenedNuclei(elements, cutoff)
    end = min(covalent_radii[list(elements)].sum(), cutoff)
    r = torch.linspace(0.1, end + 0.5, 4001, dtype=torch.float64, requires_grad=True)
    zero, one = torch.zeros(len(r), dtype=torch.int64), torch.ones(len(r), dtype=torch.int64)
    energy = wall.pair_energy(r, zero, one)
    (slope,) = torch.autograd.grad(energy.sum(), r, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), r)
    assert torch.isfinite(curvature).all()
    beyond = r >= end
    assert not energy[beyond].any() and not slope[beyond].any() and (slope[~beyond][:-3] < 0).all()
    # value, slope and curvature go to zero like the third, second and first power of the distance to the end
    near = (r > end - 0.01) & ~beyond
    assert energy[near].max() < 1e-4 * energy[r < 0.5].max()
    assert slope[near].abs().max() < 1e-3 * slope[r < 0.5].abs().max()


def test_it_does_not_depend_on_the_order_of_the_atoms():
    assert torch.equal(energies([1.0, 2.0], SODIUM, CHLORINE), energies([1.0, 2.0], CHLORINE, SODIUM))


@pytest.mark.parametrize("form", ["reference", "training", "exported"])
def test_a_potential_with_it_is_the_one_without_plus_every_close_pair_once(form):
    structure = make_salt(jitter=0.5)
    energy, forces = {}, {}
    for kind in ("none", "zbl"):
        potential = make_potential("charge", repulsion=kind, native=form == "training")
        if form == "exported":
            tables, _, _ = frozen_tables(potential.network)
            scripted = torch.jit.script(ExportedNetwork(potential.network, tables).eval())
            potential = Potential(potential.config, potential.normalisation, network=scripted)
        result = potential(collate([sample(structure, NACL, potential.config)]))
        energy[kind], forces[kind] = result.energy, result.forces
    positions = torch.from_numpy(structure.positions).requires_grad_()
    shifts = torch.cartesian_prod(*[torch.tensor([-1.0, 0.0, 1.0])] * 3).double() @ torch.from_numpy(structure.cell)
    first, second = torch.triu_indices(len(positions), len(positions), 1)
    r = (positions[second] - positions[first] + shifts[:, None]).norm(dim=-1)
    species = torch.from_numpy((structure.numbers == NACL[1]).astype(int))
    pairs = ScreenedNuclei(NACL).pair_energy(r, species[first].expand(r.shape), species[second].expand(r.shape)).sum()
    (gradient,) = torch.autograd.grad(pairs, positions)
    assert pairs > 0.1  # eV: some pairs do overlap
    # sums of some hundred eV in another order
    torch.testing.assert_close(energy["zbl"] - energy["none"], pairs.detach().reshape(1), rtol=0, atol=1e-10)
    torch.testing.assert_close(forces["zbl"] - forces["none"], -gradient, rtol=0, atol=1e-10)


def test_all_edges_at_once_as_on_a_device_give_the_same_and_in_any_order():
    structure = make_salt(jitter=0.5)
    edges = neighbour_list(structure, 4.0)
    x = structure.positions
    vectors = x[edges.senders] - x[edges.receivers] + edges.shifts @ structure.cell
    species = torch.from_numpy((structure.numbers == NACL[1]).astype(int))
    receivers, senders = torch.from_numpy(edges.receivers), torch.from_numpy(edges.senders)
    wall, n = ScreenedNuclei(NACL), len(x)

    def both(evaluate, order):
        v = torch.from_numpy(vectors)[order].requires_grad_()
        energy = evaluate(v, receivers[order], senders[order], species, n)
        (gradient,) = torch.autograd.grad(energy.sum(), v)
        return energy.detach(), gradient[order.argsort()]

    straight = torch.arange(len(receivers))
    expected, found = both(wall, straight), both(wall.of_all_edges, straight)
    # units of 1.5e-11 eV, some ten edges per atom
    torch.testing.assert_close(found[0], expected[0], rtol=0, atol=1e-9)
    torch.testing.assert_close(found[1], expected[1], rtol=0, atol=1e-12)
    shuffled = both(wall.of_all_edges, torch.randperm(len(receivers), generator=torch.Generator().manual_seed(0)))
    assert torch.equal(found[0], shuffled[0]) and torch.equal(found[1], shuffled[1])
