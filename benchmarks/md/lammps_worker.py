"""LAMMPS on the ranks of mpiexec: times of single steps, first step, memory. Called by step_time.py.

python lammps_worker.py model.pt melt.data single|double max_steps max_seconds result.json

With HOTPP_PROFILE=1 STEPS_ONE_WAY steps are timed together, and result.log has their profiles.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
from hotpp_lr.lammps import lammps_instance

STEPS_ONE_WAY = 30


def resident() -> float:
    """Memory of this process, kB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1024


def faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def main(model: str, data: str, precision: str, max_steps: str, max_seconds: str, result: str) -> None:
    rank, ranks = int(os.environ.get("PMI_RANK", 0)), int(os.environ.get("PMI_SIZE", 1))
    lmp = lammps_instance("-log", str(Path(result).with_suffix(".log")), "-screen", "none")
    before = resident()
    # Constant velocities, forth and back: an untrained model would soon pull the ions into each other. They would not
    # go far enough for new neighbour lists, which a hot melt needs about every 20 steps.
    for line in (
        "units metal",
        "atom_modify map array",
        f"read_data {data}",
        "velocity all create 1000 4711",
        "neigh_modify every 20 delay 0 check no",
        "timestep 0.001",
        "fix move all nve/noforce",
        "thermo 100000",
    ):
        lmp.command(line)
    begin = time.perf_counter()
    lmp.command(f"pair_style hotpp/lr {model} precision {precision}")
    lmp.command("pair_coeff * * Na Cl")
    loaded = time.perf_counter()
    lmp.command("run 0")
    first = time.perf_counter()
    forces = np.array(lmp.gather_atoms("f", 1, 3)).reshape(-1, 3)
    energy = lmp.get_thermo("pe")

    start = time.perf_counter()
    lmp.command("run 3 post no")
    steps = agreed_steps(Path(f"{result}.steps"), rank, (time.perf_counter() - start) / 3, int(max_steps), max_seconds)
    lmp.command("run 1 post no")
    start_faults, times = faults(), []
    # Every run prints a profile, which takes time itself.
    at_once = STEPS_ONE_WAY if os.environ.get("HOTPP_PROFILE") else 1
    for step in range(0, steps, at_once):
        if step % STEPS_ONE_WAY == 0:
            lmp.command(f"timestep {-0.001 if step % (2 * STEPS_ONE_WAY) else 0.001}")
        moment = time.perf_counter()
        lmp.command(f"run {at_once} pre no post no")
        times.append((time.perf_counter() - moment) / at_once)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    mine = {"times": times, "faults": (faults() - start_faults) / len(times), "memory": peak - before, "peak": peak}
    Path(f"{result}.{rank}").write_text(json.dumps(mine))
    if rank == 0:
        np.save(Path(result).with_suffix(".npy"), forces)
        about = {"ranks": ranks, "energy": energy, "load": loaded - begin, "first": first - loaded}
        Path(result).write_text(json.dumps(about))
    lmp.close()
    lmp.finalize()


def agreed_steps(file: Path, rank: int, seconds_per_step: float, max_steps: int, max_seconds: str) -> int:
    """What rank 0 finds, on all ranks: all must do the same number of steps."""
    if rank == 0:
        count = max(3, min(max_steps, int(float(max_seconds) / seconds_per_step)))
        file.with_suffix(".part").write_text(str(count))
        file.with_suffix(".part").rename(file)
        return count
    while not file.exists():
        time.sleep(0.01)
    return int(file.read_text())


if __name__ == "__main__":
    main(*sys.argv[1:])
