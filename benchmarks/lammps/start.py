"""How long `lmp` waits for `pair_style hotpp/lr` before it moves atoms.

    python benchmarks/lammps/start.py [--ions 128 1024] [--repeats 3]          (one minute)

A fresh process for every row: `pair_style` (opening torch, reading the model, warming up), the first evaluation (the
set-up of the first `run`), later ones (`run 0` again: the least of four), a second `pair_style` of the same model
(torch is open then). 64 channels, rank 2, two layers, cutoff 6 Å, random weights; all threads that OMP_NUM_THREADS
allows. Least of the repeats. Writes a dated table under benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import write_table
from model import write_ions, write_model

SHAPES = {128: (4, 4, 8), 1024: (8, 8, 16), 8192: (16, 16, 32)}
STEPS = ("open LAMMPS", "pair_style", "first evaluation", "later ones", "pair_style again")


def worker(precision: str) -> None:
    """In a folder with model.pt and ions.data: seconds of each step as one JSON line."""
    found = {}

    def timed(name: str, action) -> None:
        start = time.perf_counter()
        action()
        found[name] = min(found.get(name, 1e9), time.perf_counter() - start)

    def open_lammps():
        nonlocal lmp
        from hotpp_lr.lammps import lammps_instance

        lmp = lammps_instance("-log", "none", "-screen", "none")

    lmp = None
    timed("open LAMMPS", open_lammps)
    for command in ("units metal", "atom_modify map array", "read_data ions.data"):
        lmp.command(command)
    style = f"pair_style hotpp/lr model.pt precision {precision}"
    timed("pair_style", lambda: lmp.command(style))
    lmp.command("pair_coeff * * Na Cl")
    timed("first evaluation", lambda: lmp.command("run 0"))
    for _ in range(4):
        timed("later ones", lambda: lmp.command("run 0"))
    timed("pair_style again", lambda: lmp.command(style))
    lmp.finalize()
    print(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ions", type=int, nargs="+", default=[128, 1024], choices=sorted(SHAPES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return worker(arguments.worker)

    rows = []
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        write_model(folder / "model.pt")
        for ions in arguments.ions:
            write_ions(folder / "ions.data", SHAPES[ions])
            for precision in ("single", "double"):
                command = [sys.executable, str(Path(__file__).absolute()), "--worker", precision]
                runs = []
                for _ in range(arguments.repeats):
                    done = subprocess.run(
                        command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
                    )
                    runs.append(json.loads(done.stdout.splitlines()[-1]))
                best = {name: min(run[name] for run in runs) for name in STEPS}
                wait = min(run["pair_style"] + run["first evaluation"] for run in runs)
                rows.append([str(ions), precision, *(f"{best[name]:.3f}" for name in STEPS), f"{wait:.3f}"])
                print(" | ".join(rows[-1]), flush=True)
    notes = (
        f"`benchmarks/lammps/start.py`, seconds, least of {arguments.repeats} processes: 64 channels, rank 2,\n"
        "two layers, cutoff 6 Å, random weights. Last column: from the `pair_style` command to the first\n"
        "forces."
    )
    heading = ["ions", "precision", *STEPS, "until the first forces"]
    print(write_table("lammps_start", "The first step in LAMMPS", heading, rows, notes))


if __name__ == "__main__":
    main()
