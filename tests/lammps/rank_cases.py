"""Runs cases on as many MPI ranks as it is started on: mpiexec -n 4 python rank_cases.py models results.npz [case ...]

The results of one rank are compared with those of several (test_ranks.py). All cases of a start share one process, so
that LAMMPS and torch are loaded once, and several instances live one after the other.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ionic_crystals import Ions, rock_salt, with_guests
from lammps_engine import Engine, finalize, mpi_rank

IONS = rock_salt((4, 4, 4))
BALANCE = ("comm_style tiled", "balance 0.9 rcb")
DYNAMICS = ("velocity all create 900 4711 loop all", "timestep 0.001", "fix nve all nve")


def in_a_corner() -> Ions:
    """Vacuum in most of the cell: most ranks have no atom."""
    ions = rock_salt((2, 2, 2), noise=0.15)
    ions.cell = np.diag([40.0, 12.0, 12.0])
    return ions


def in_two_places() -> Ions:
    """On two ranks each has a crystal of its own, whose only neighbours are its own images."""
    ions = in_a_corner()
    both = [ions.positions + np.array([x, 0.0, 0.0]) for x in (5.0, 25.0)]
    return Ions(np.concatenate(both), ions.cell, np.concatenate([ions.types, ions.types]))


@dataclass
class Case:
    """A structure, a pair style ({} is the folder of the models), commands before and after the pair style."""

    ions: Ions
    style: str
    coeff: str = "* * Na Cl"
    after: tuple[str, ...] = ()
    run: tuple[str, ...] = ("run 0",)
    settings: dict = field(default_factory=dict)
    stress: bool = False  # of every atom


MODEL = "hotpp/lr {}/charge+dipole.pt"
GUESTS = with_guests(IONS, 5)
CASES = {
    "brick": Case(IONS, MODEL),
    "tiled": Case(IONS, MODEL, after=BALANCE),
    "triclinic": Case(rock_salt((4, 4, 4), tilt=(0.3, -0.2, 0.15)), MODEL),
    "triclinic tiled": Case(rock_salt((4, 4, 4), tilt=(0.3, -0.2, 0.15)), MODEL, after=BALANCE),
    "cell smaller than the cutoff": Case(rock_salt((2, 2, 2), noise=0.15), MODEL),
    "empty ranks": Case(in_a_corner(), MODEL),
    "ranks that have no neighbour": Case(in_two_places(), MODEL),
    "charge": Case(IONS, "hotpp/lr {}/charge.pt"),
    "none": Case(IONS, "hotpp/lr {}/none.pt"),
    "float32": Case(IONS, MODEL + " precision single"),
    "ensemble": Case(IONS, MODEL + " {}/other.pt {}/third.pt"),
    "units real": Case(IONS, MODEL, settings={"units": "real"}),
    "overlay": Case(
        IONS, "hybrid/overlay " + MODEL + " lj/cut 6.0", "* * hotpp/lr Na Cl", ("pair_coeff * * lj/cut 0.01 2.5",)
    ),
    "ignored atoms": Case(
        GUESTS,
        "hybrid/overlay lj/cut 6.0 " + MODEL,
        "* * hotpp/lr Na Cl NULL",
        ("pair_coeff * 3 lj/cut 0.01 2.5",),
    ),
    "ignored atoms, hybrid": Case(
        GUESTS,
        "hybrid lj/cut 6.0 " + MODEL,
        "* * hotpp/lr Na Cl NULL",
        ("pair_coeff * 3 lj/cut 0.01 2.5",),
    ),
    "excluded pairs": Case(IONS, MODEL, after=("neigh_modify exclude type 1 1",)),
    "dynamics": Case(IONS, MODEL, run=(*DYNAMICS, "neigh_modify every 1 delay 0 check no", "run 20", "run 20")),
    "dynamics, fix balance": Case(
        IONS, MODEL, after=("comm_style tiled",), run=(*DYNAMICS, "fix b all balance 7 1.0 rcb", "run 40")
    ),
    "dynamics, shifting bricks": Case(
        in_a_corner(), MODEL, run=(*DYNAMICS, "fix b all balance 5 1.0 shift x 10 1.01", "run 40")
    ),
    "dynamics, new meshes": Case(
        IONS,
        MODEL,
        run=(*DYNAMICS, "fix d all deform 1 x scale 1.12 y scale 0.9 z scale 1.02 remap x", "run 40"),
    ),
    "slab": Case(rock_salt((4, 4, 2)), MODEL, settings={"boundary": "p p f"}),
    "cluster": Case(rock_salt((2, 2, 2)), MODEL, settings={"boundary": "f f f"}),
    "stress of the atoms": Case(IONS, MODEL, stress=True),
    "stress of the atoms, few ions": Case(in_a_corner(), "hotpp/lr {}/charge.pt", stress=True),
    "stress of the atoms, slab": Case(rock_salt((4, 4, 2)), MODEL, settings={"boundary": "p p f"}, stress=True),
    "exported network": Case(IONS, "hotpp/lr {}/model.pt"),
    "exported network, tiled, float32": Case(IONS, "hotpp/lr {}/model.pt precision single", after=BALANCE),
    "exported network, empty ranks": Case(in_a_corner(), "hotpp/lr {}/model.pt"),
    "gas": Case(rock_salt((2, 2, 2), noise=0.0).scaled(3.0), MODEL),
}


def run_case(case: Case, folder: str, data: Path) -> dict[str, np.ndarray]:
    style = case.style.replace("{}", folder)
    outputs = (
        "fix q all pair 1 hotpp/lr charge 0",
        "fix mu all pair 1 hotpp/lr dipole 0",
        "fix phi all pair 1 hotpp/lr potential 0",
        "fix field all pair 1 hotpp/lr field 0",
        "fix deviation all pair 1 hotpp/lr force_deviation 0",
        "compute parts all pair hotpp/lr",
        "compute atom all pe/atom",
    )
    if case.stress:
        outputs += ("compute stress all stress/atom NULL virial", "dump d all custom 1 /dev/null c_stress[1]")
    engine = Engine(data, case.ions, style, coeff=case.coeff, extra=(*case.after, *outputs), **case.settings)
    engine.commands("thermo_style custom step pe ke etotal press c_virial[1] c_parts[1]", "thermo_modify norm no")
    engine.commands(*case.run)
    result = {
        "energy": np.array(engine.energy()),
        "pressure": np.array(engine.lmp.get_thermo("press")),
        "forces": engine.forces(),
        "positions": engine.positions(),
        "virial": engine.virial(),
        "parts": engine.vector("parts", 7),
        "atom energies": engine.compute("atom"),
        "charges": engine.fix("q", 1),
        "dipoles": engine.fix("mu", 3),
        "potential": engine.fix("phi", 1),
        "field": engine.fix("field", 3),
        "deviation": engine.fix("deviation", 1),
    }
    if case.stress:
        result["stress"] = engine.compute("stress", 6)
    engine.close()
    return result


def main(folder: str, output: str, *names: str) -> None:
    results = {}
    for name in names or CASES:
        for key, value in run_case(CASES[name], folder, Path(output).with_suffix(".data")).items():
            results[f"{name}: {key}"] = value
    if mpi_rank() == 0:
        np.savez(output, **results)
    finalize()


if __name__ == "__main__":
    main(*sys.argv[1:])
