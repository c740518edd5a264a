"""Two LAMMPS instances in one process, on as many ranks as this is started on: mpiexec -n 2 python rank_instances.py
models results.npz

Each is run by itself, and then both take turns: alone and together they must do the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from ionic_crystals import Ions, rock_salt
from lammps_engine import Engine, finalize, mpi_rank

DYNAMICS = ("velocity all create 900 4711 loop all", "timestep 0.001", "fix nve all nve")
SETTINGS: dict[str, tuple[Ions, str]] = {
    # another mesh, another width of the rows that travel, another precision
    "first": (rock_salt((4, 4, 4)), "hotpp/lr {}/charge+dipole.pt"),
    "second": (rock_salt((4, 4, 6), tilt=(0.2, 0.0, 0.1)), "hotpp/lr {}/other.pt {}/third.pt"),
}


def start(name: str, folder: str, data: Path) -> Engine:
    ions, style = SETTINGS[name]
    return Engine(data.with_name(f"{name}.data"), ions, style.replace("{}", folder), extra=DYNAMICS)


def state(engine: Engine) -> dict[str, np.ndarray]:
    return {"energy": np.array(engine.energy()), "forces": engine.forces(), "positions": engine.positions()}


def main(folder: str, output: str) -> None:
    data = Path(output)
    results = {}
    for name in SETTINGS:
        alone = start(name, folder, data).commands("run 0", "run 6", "run 4")
        results |= {f"{name} alone: {key}": value for key, value in state(alone).items()}
        alone.close()

    engines = {name: start(name, folder, data) for name in SETTINGS}
    for turn in ("run 0", "run 6", "run 4"):
        for engine in engines.values():
            engine.commands(turn)
    for name, engine in engines.items():  # the first ends while the second is still alive
        results |= {f"{name} together: {key}": value for key, value in state(engine).items()}
        engine.close()
    if mpi_rank() == 0:
        np.savez(output, **results)
    finalize()


if __name__ == "__main__":
    main(*sys.argv[1:])
