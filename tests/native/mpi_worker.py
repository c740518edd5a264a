"""One rank of the tests on several ranks: python mpi_worker.py <task> <directory for the results>."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import boundary_cases
import cluster_cases
import numpy as np
from hotpp_lr import _pme_mpi
from mpi_cases import CASES, SMEARING, Case, make_plan, run


def all_cases(rank: int, ranks: int) -> dict:
    results = {}
    for name, case in CASES.items():
        if case.owners > ranks:
            continue
        plan = make_plan(case)
        for step in range(case.steps):
            results[name, step] = run(case, step, plan, case.owner(step, ranks), rank)
        results[name, "layout"] = plan.layout
    return results


def two_communicators(rank: int, ranks: int) -> dict:
    """Odd and even ranks have a plan each, and all have one together; used in turns."""
    cases = [Case("tiled", order=6), Case("tiled", order=5, mesh=(9, 11, 15), atoms=40)]
    colour, members = rank % 2, ranks // 2
    together = make_plan(cases[0])
    apart = make_plan(cases[colour], colour=colour)
    results = {}
    for step in range(3):
        results["together", step] = run(cases[0], step, together, cases[0].owner(step, ranks), rank)
        if colour == 0 or step > 0:  # one group may do more steps than the other
            owner = cases[colour].owner(step, members)
            results["apart", step] = run(cases[colour], step, apart, owner, rank // 2)
    return results


def mistakes(rank: int, ranks: int) -> dict:
    """The exception of each mistake on this rank (None: none), with a good step after each one."""
    case = Case("dealt")
    cell, positions, charges, dipoles = case.system(0)
    own = np.flatnonzero(case.owner(0, ranks) == rank)
    good = positions[own], charges[own], dipoles[own]
    results = {}

    def attempt(name, action):
        try:
            action()
            results[name] = None
        except Exception as error:
            results[name] = f"{type(error).__name__}: {error}"

    def spoiled(which, value, on_rank=1):
        atoms = [array.copy() for array in good]
        if rank == on_rank:
            atoms[which].flat[0] = value
        return atoms

    for precision, kind in (("double", _pme_mpi.DistributedPlanDouble), ("float", _pme_mpi.DistributedPlanFloat)):
        plan = kind(6, case.mesh, SMEARING)
        attempt(f"no cell, {precision}", lambda plan=plan: plan.execute(*good))
        attempt(f"no cell, strain of atoms, {precision}", lambda plan=plan: plan.atom_strain(*good))
        plan.set_cell(cell)
        before = plan.execute(*good) | {"strain of atoms": plan.atom_strain(*good)}
        for which, array in enumerate(("position", "charge", "dipole")):
            for value in (np.nan, np.inf):
                atoms = spoiled(which, value)
                attempt(f"{array} {value}, {precision}", lambda plan=plan, atoms=atoms: plan.execute(*atoms))
                name = f"{array} {value}, strain of atoms, {precision}"
                attempt(name, lambda plan=plan, atoms=atoms: plan.atom_strain(*atoms))
        atoms = spoiled(1, 1e300)
        attempt(f"charge 1e300, {precision}", lambda plan=plan, atoms=atoms: plan.execute(*atoms))
        plan.set_cell(cell * (1.001 if rank == 1 else 1.0))
        attempt(f"cells differ, {precision}", lambda plan=plan: plan.execute(*good))
        if rank == 1:
            attempt("degenerate cell by itself", lambda plan=plan: plan.set_cell(np.zeros((3, 3))))
        attempt(f"degenerate cell, {precision}", lambda plan=plan: plan.execute(*good))
        plan.set_cell(cell)
        after = plan.execute(*good) | {"strain of atoms": plan.atom_strain(*good)}
        results[f"same after mistakes, {precision}"] = all(np.array_equal(before[k], after[k]) for k in before)

        def stack(count, precision_kind=kind):
            """Unit charges on one mesh point, about equally many on all ranks. Returns the largest mesh value."""
            plan = precision_kind(4, (8, 8, 8), SMEARING, layout=(1, 1))
            plan.set_cell(8 * np.eye(3))
            n = (count + ranks - 1 - rank) // ranks
            mesh = plan.charge_mesh(np.zeros((n, 3)), np.ones(n))[2]
            return mesh.max() if rank == 0 else None

        results[f"value, {precision}"] = stack(1)
        for count in (108, 109):
            attempt(f"{count} charges on a point, {precision}", lambda count=count, stack=stack: stack(count))

    plan = _pme_mpi.DistributedPlanDouble(3, case.mesh, SMEARING)
    plan.set_cell(cell)
    attempt("order 3 forces on one rank", lambda: plan.execute(*good, forces=rank == 1))
    slab = CASES["slab"]
    plan = make_plan(slab)
    cell, positions, charges, dipoles = slab.system(0)
    plan.set_cell(cell)
    # each rank's atoms are a thin layer, but all together are too thick
    flat = positions[rank::ranks] * (1.0, 1.0, 0.1) + (0.0, 0.0, 8.0 * rank)
    atoms = flat, charges[rank::ranks], dipoles[rank::ranks]
    attempt("slab too thick", lambda plan=plan, atoms=atoms: plan.execute(*atoms))
    settings = {
        "orders differ": {"order": 6 + (rank == 1)},
        "meshes differ": {"mesh": (12, 10, 14 + 2 * (rank == 1))},
        "order 99": {"order": 99},
        "mesh of 16385 points": {"mesh": (16385, 8, 8)},
        "too many owners": {"layout": (2, ranks)},
        "more rows than mesh points": {"layout": (11, 1)},
    }
    for name, change in settings.items():
        arguments = {"order": 6, "mesh": case.mesh, "smearing": SMEARING} | change
        attempt(name, lambda arguments=arguments: _pme_mpi.DistributedPlanDouble(**arguments))
    return results


def rounding(rank: int, ranks: int) -> dict:
    """The charge on this rank's part of a float mesh of 4000 unit charges."""
    plan = _pme_mpi.DistributedPlanFloat(8, (20, 20, 20), SMEARING)
    plan.set_cell(12.0 * np.eye(3))
    positions = 12.0 * np.random.default_rng(0).random((4000, 3))[rank::ranks]
    return {"charge": plan.charge_mesh(positions, np.ones(len(positions)))[2].sum(dtype=float)}


if __name__ == "__main__":
    task, directory = sys.argv[1:]
    _pme_mpi.init()
    this = _pme_mpi.rank()
    tasks = {f.__name__: f for f in (all_cases, two_communicators, mistakes, rounding)}
    tasks |= {"boundaries": boundary_cases.distributed, "clusters": cluster_cases.distributed}
    tasks |= {"cluster_mistakes": cluster_cases.mistakes}
    found = tasks[task](this, _pme_mpi.size())
    (Path(directory) / f"rank{this}.pickle").write_bytes(pickle.dumps(found))
    _pme_mpi.finalize()
