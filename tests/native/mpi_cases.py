"""What the ranks of test_pme_mpi.py compute: systems, and ways to share out their atoms. No torch: ranks start fast."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hotpp_lr import _pme_mpi

SMEARING = 1.1


@dataclass
class Case:
    ownership: str
    order: int = 6
    mesh: tuple[int, int, int] = (12, 10, 14)
    precision: str = "double"
    dipoles: bool = True
    layout: tuple[int, int] = (0, 0)
    atoms: int = 90
    steps: int = 1
    options: dict = field(default_factory=dict)
    plan: dict = field(default_factory=dict)
    atom_strain: bool = False

    @property
    def owners(self) -> int:
        return max(1, self.layout[0] * self.layout[1])

    def system(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
        """Cell, positions anywhere in and around a triclinic cell, charges that are not neutral, dipoles."""
        rng = np.random.default_rng(self.atoms)
        cell = np.diag([8.0, 9.0, 10.0]) + rng.uniform(-1.5, 1.5, (3, 3))
        positions = rng.uniform(0, 1, (self.atoms, 3)) @ cell + rng.integers(-1, 2, (self.atoms, 3)) @ cell
        positions += 0.9 * step * rng.normal(size=3) + 0.1 * step * rng.normal(size=(self.atoms, 3))
        if self.plan.get("boundary") == "slab":  # a and b in the xy plane, atoms not wrapped along z
            cell[:2, 2], cell[2, 2] = 0.0, 30.0
            scaled = rng.uniform(0, 1, (self.atoms, 3)) * (1.0, 1.0, 0.3)
            positions = (scaled + (1.0, 1.0, 0.0) * rng.integers(-1, 2, (self.atoms, 3))) @ cell
        positions[:1] = 0.0  # on a mesh point
        positions[1:2] = -1e-17  # rounds to a whole cell
        charges = rng.normal(size=self.atoms) + 0.1
        dipoles = 0.3 * rng.normal(size=(self.atoms, 3))
        return cell * (1 + 0.01 * step), positions, charges, dipoles if self.dipoles else None

    def owner(self, step: int, ranks: int) -> np.ndarray:
        """[n] rank of each atom. Domains lag one step behind: atoms are then a little outside of their rank's."""
        cell, positions = self.system(max(0, step - 1))[:2]
        scaled = positions @ np.linalg.inv(cell)
        return OWNERSHIPS[self.ownership](scaled - np.floor(scaled), ranks, np.random.default_rng(7 + step))


def bricks(scaled: np.ndarray, ranks: int, _) -> np.ndarray:
    grid = {1: (1, 1, 1), 2: (1, 1, 2), 3: (3, 1, 1), 4: (2, 1, 2), 8: (2, 2, 2)}[ranks]
    x, y, z = np.minimum((scaled * grid).astype(int), np.array(grid) - 1).T
    return (x * grid[1] + y) * grid[2] + z


def tiled(scaled: np.ndarray, ranks: int, rng: np.random.Generator) -> np.ndarray:
    """Recursive cuts at random places along random axes, displaced so that domains cross the cell's faces."""
    owner = np.zeros(len(scaled), dtype=int)
    shifted = (scaled + rng.uniform(size=3)) % 1.0

    def cut(atoms, first, count):
        owner[atoms] = first
        if count > 1:
            axis, part = rng.integers(3), rng.integers(1, count)
            below = shifted[atoms, axis] < rng.uniform(0.3, 0.7)
            cut(atoms[below], first, part)
            cut(atoms[~below], first + part, count - part)

    cut(np.arange(len(scaled)), 0, ranks)
    return owner


def dealt(scaled: np.ndarray, ranks: int, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, ranks, len(scaled))


def last_owns_all(scaled: np.ndarray, ranks: int, _) -> np.ndarray:
    return np.full(len(scaled), ranks - 1)


def every_other_is_empty(scaled: np.ndarray, ranks: int, rng: np.random.Generator) -> np.ndarray:
    return tiled(scaled, (ranks + 1) // 2, rng) * 2


#: Enough lines for four columns of owners, none of which gets as many as the others.
LAYOUT_MESH = (10, 50, 50)

OWNERSHIPS = {f.__name__: f for f in (bricks, tiled, dealt, last_owns_all, every_other_is_empty)}

CASES = {
    **{
        f"{name}, {precision}": Case(name, precision=precision)
        for name in OWNERSHIPS
        for precision in ("double", "float")
    },
    **{f"order {p}": Case("tiled", order=p, options={"forces": p > 3}) for p in (3, 4, 5, 7, 8)},
    "charges only": Case("bricks", dipoles=False),
    "charges only, float": Case("dealt", dipoles=False, precision="float", order=3),
    "odd mesh": Case("tiled", mesh=(9, 11, 15), order=5),
    "odd mesh, float": Case("dealt", mesh=(9, 11, 15), precision="float"),
    "mesh smaller than the ranks": Case("tiled", mesh=(5, 4, 6), order=4),
    "mesh of as many points as the order": Case("dealt", mesh=(6, 6, 6)),
    "fewer atoms than ranks": Case("dealt", atoms=2),
    "no atoms": Case("dealt", atoms=0, order=4),
    "moving atoms and domains": Case("tiled", steps=4),
    "moving atoms and domains, float": Case("tiled", steps=4, precision="float"),
    "prolate kernel": Case("tiled", plan={"kernel": "prolate"}),
    "slab": Case("tiled", mesh=(12, 10, 45), plan={"boundary": "slab"}),
    "slab, float": Case("dealt", mesh=(12, 10, 45), precision="float", plan={"boundary": "slab"}),
    "slab, charges only, empty ranks": Case(
        "every_other_is_empty", mesh=(12, 10, 45), dipoles=False, plan={"boundary": "slab"}
    ),
    "slab, prolate kernel": Case("tiled", mesh=(12, 10, 45), plan={"boundary": "slab", "kernel": "prolate"}),
    "slab, 2 x 2 owners": Case("bricks", layout=(2, 2), mesh=LAYOUT_MESH, plan={"boundary": "slab"}),
    "energy only": Case("tiled", options={"outputs": False, "strain": False}),
    "strain without outputs": Case("tiled", options={"outputs": False}),
    "strain of atoms": Case("tiled", atom_strain=True),
    "strain of atoms, float": Case("dealt", precision="float", atom_strain=True),
    "strain of atoms, charges only": Case("every_other_is_empty", dipoles=False, atom_strain=True),
    "strain of atoms, prolate kernel, 2 x 2 owners": Case(
        "tiled", layout=(2, 2), mesh=LAYOUT_MESH, plan={"kernel": "prolate"}, atom_strain=True
    ),
    "strain of atoms, slab": Case("tiled", mesh=(12, 10, 45), plan={"boundary": "slab"}, atom_strain=True),
    **{
        f"{rows} x {columns} owners, {precision}": Case(
            "tiled", layout=(rows, columns), precision=precision, mesh=LAYOUT_MESH
        )
        for rows, columns in ((1, 1), (2, 1), (1, 2), (3, 1), (2, 2), (1, 4), (4, 2), (2, 4), (8, 1))
        for precision in ("double", "float")
    },
}


def run(case: Case, step: int, plan, owner: np.ndarray, rank: int) -> dict:
    """One step of one rank: all outputs, `own` (whose they are), `mesh` (its part of the charge mesh), traffic."""
    cell, positions, charges, dipoles = case.system(step)
    own = np.flatnonzero(owner == rank)
    atoms = positions[own], charges[own], dipoles[own] if case.dipoles else None
    plan.set_cell(cell)
    results = plan.execute(*atoms, **({"strain": True} | case.options))
    traffic = plan.traffic
    if case.atom_strain:
        results["atom_strain"] = plan.atom_strain(*atoms)
    x, y, mesh = plan.charge_mesh(*atoms)
    return results | {"own": own, "x": x, "y": y, "mesh": mesh, "traffic": traffic}


def make_plan(case: Case, **options):
    kind = {"double": _pme_mpi.DistributedPlanDouble, "float": _pme_mpi.DistributedPlanFloat}[case.precision]
    return kind(case.order, case.mesh, SMEARING, layout=case.layout, **case.plan, **options)
