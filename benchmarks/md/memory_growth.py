"""Memory of a long run: resident size every 10,000 of 100,000 steps.

    python benchmarks/md/memory_growth.py [--model demo_output/charge+dipole.pt] [--steps 100000] [--ranks 1 2]

NPT of 8 ions near 300 K on one rank, then on two (about three minutes each on idle cores), a new neighbour list at
every second step, the cell and with it the influence function changing at every step, per-atom stress and all per-atom
outputs now and then: whatever grows with the number of steps is seen. Exits with 1 when the last half has grown by more
than 1 MB.
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

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import write_table
from ion_melt import MODEL, describe_model, model_file, ranks_command

DECK = """\
units           metal
boundary        p p p
lattice         custom 5.8 &
                a1 1 0 0  a2 0 1 0  a3 0 0 1 &
                basis 0.0 0.0 0.0  basis 0.5 0.5 0.0  basis 0.5 0.0 0.5  basis 0.0 0.5 0.5 &
                basis 0.5 0.0 0.0  basis 0.0 0.5 0.0  basis 0.0 0.0 0.5  basis 0.5 0.5 0.5
region          box block 0 1 0 1 0 1
create_box      2 box
create_atoms    1 box basis 5 2 basis 6 2 basis 7 2 basis 8 2
mass            1 22.98977
mass            2 35.453
pair_style      hotpp/lr {model}
pair_coeff      * * Na Cl
neigh_modify    every 2 delay 0 check no
velocity        all create 300 4711
timestep        0.001
fix             move all nve
fix             bath all langevin 300 300 0.1 4711
fix             press all press/berendsen iso 0 0 100.0 modulus 200000
fix             q all pair 100 hotpp/lr charge 0
compute         stress all stress/atom NULL virial
dump            stress all custom 1000 /dev/null c_stress[1] f_q
thermo          10000
"""
PARTS = 10


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def work(options: argparse.Namespace) -> None:
    """One rank: [[step, bytes], ...] into a file of its own."""
    from hotpp_lr.lammps import lammps_instance

    rank = int(os.environ.get("PMI_RANK", 0))
    lammps = lammps_instance("-screen", "none", "-log", "none")
    lammps.commands_string(DECK.format(model=options.model))
    lammps.command("run 1000")  # buffers have their size, kernels are compiled
    sizes = [(lammps.extract_global("ntimestep"), resident())]
    for _ in range(PARTS):
        lammps.command(f"run {max(options.steps // PARTS, 1)}")
        sizes.append((lammps.extract_global("ntimestep"), resident()))
        if rank == 0:
            print(f"{sizes[-1][0]} steps, {sizes[-1][1] / 1e6:.2f} MB", flush=True)
    Path(f"{options.worker}.{rank}").write_text(json.dumps(sizes))
    lammps.finalize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.model = model_file(options.model)
    if options.worker:
        work(options)
        return

    rows, worst, begin = [], 0, time.monotonic()
    arguments = [str(Path(__file__).resolve()), "--model", str(options.model), "--steps", str(options.steps)]
    for ranks in options.ranks:
        with tempfile.TemporaryDirectory() as name:
            file = Path(name) / "sizes"
            task = [sys.executable, *arguments, "--worker", str(file)]
            command, environment = ranks_command(ranks, task)
            if subprocess.run(command, env=environment).returncode:
                sys.exit(f"error: {' '.join(command)} failed")
            sizes = np.array([json.loads(Path(f"{file}.{rank}").read_text()) for rank in range(ranks)])
        steps, bytes_of = sizes[0, :, 0], sizes[:, :, 1]
        growth = np.diff(bytes_of, axis=1).max(0)
        for k in range(len(growth)):
            rows.append(
                [str(ranks), str(steps[k + 1]), f"{bytes_of[:, k + 1].max() / 1e6:.2f}", f"{growth[k] / 1024:+.0f}"]
            )
        half = int((bytes_of[:, -1] - bytes_of[:, len(steps) // 2]).max())
        rows.append([str(ranks), "second half", "", f"{half / 1024:+.0f}"])
        worst = max(worst, half)
    notes = (
        f"8 ions, 300 K, constant pressure, new neighbour list every second step, ranks of one thread (of several, the "
        f"largest and the one that grew most), {(time.monotonic() - begin) / 60:.1f} minutes. "
        f"{describe_model(options.model)} "
        f"`python benchmarks/md/memory_growth.py --steps {options.steps}`"
    )
    print(notes)
    heading = ["ranks", "steps", "resident, MB", "growth, KiB"]
    print(write_table("memory_growth", "Memory of a long run", heading, rows, notes))
    sys.exit(worst > 1e6)


if __name__ == "__main__":
    main()
