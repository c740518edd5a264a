"""Trajectories on a kind of device: python graph_cases.py emulated models results.npz case ...

With HOTPP_GRAPH=0 every step is started anew; the results are compared with those of recorded steps
(test_device_graph.py).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from device_cases import on_device
from ionic_crystals import rock_salt
from lammps_engine import Engine, finalize

HOT = ("velocity all create 900 4711 loop all", "timestep 0.001")
NVE = (*HOT, "fix nve all nve", "neigh_modify every 4 delay 0 check no")
SHRINKING = "fix d all deform 1 x scale 0.95 y scale 0.95 z scale 0.95 remap x"


@dataclass
class Case:
    """A pair style ({} is the folder of the models), and what is run in pieces, after which results are taken."""

    style: str = "hotpp/lr {}/charge+dipole.pt"
    commands: tuple[str, ...] = NVE
    runs: tuple[int, ...] = (5, 4)
    cells: tuple[int, int, int] = (4, 4, 4)  # of rock salt


CASES = {
    "dynamics": Case(),
    "charges": Case("hotpp/lr {}/charge.pt"),
    "no mesh": Case("hotpp/lr {}/none.pt"),
    "float32": Case("hotpp/lr {}/charge+dipole.pt precision single"),
    "ensemble": Case("hotpp/lr {}/charge+dipole.pt {}/other.pt"),
    # of random weights, which hold no salt together for long
    "whole network": Case("hotpp/lr {}/model.pt", (*NVE, "timestep 0.0001")),
    "pressure": Case(
        commands=(*HOT, "fix npt all npt temp 900 900 0.05 aniso 0 0 0.1", "neigh_modify every 3 delay 0 check no")
    ),
    # more pairs than there was room for
    "shrinking": Case(commands=(*NVE, SHRINKING), runs=(9, 4)),
    # needs the mesh of the host at every third step
    "stress of the atoms": Case(
        commands=(*NVE, "compute s all stress/atom NULL virial", "dump d all custom 3 /dev/null c_s[1]")
    ),
    "slab": Case(cells=(4, 4, 2)),
    "waits": Case("hotpp/lr {}/waits.pt"),
}


def run_case(case: Case, name: str, device: str, folder: str, data: Path) -> dict[str, np.ndarray]:
    style = on_device(case.style, device).replace("{}", folder)
    boundary = "p p f" if name == "slab" else "p p p"
    engine = Engine(data, rock_salt(case.cells), style, extra=case.commands, boundary=boundary)
    results = {}
    for k, steps in enumerate(case.runs):
        engine.commands(f"run {steps}")
        found = {
            "energy": np.array(engine.energy()),
            "positions": engine.positions(),
            "forces": engine.forces(),
            "virial": engine.virial(),
        }
        results |= {f"{name}: {key} {k}": value for key, value in found.items()}
    engine.close()
    log = [line.split(None, 2)[2] for line in engine.log.read_text().splitlines() if "  device graph" in line]
    return results | {f"log of {name}": np.array(log, dtype=str)}


def main(device: str, folder: str, output: str, *names: str) -> None:
    results = {}
    for name in names:
        results |= run_case(CASES[name], name, device, folder, Path(output).with_suffix(".data"))
    np.savez(output, **results)
    finalize()


if __name__ == "__main__":
    main(*sys.argv[1:])
