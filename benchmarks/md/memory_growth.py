"""Memory of a long run: resident size every 10,000 of 100,000 steps.

    python benchmarks/md/memory_growth.py [--model demo_output/charge+dipole.pt] [--steps 100000] [--minutes 8]

NPT of 8 ions near 300 K on one rank (5 to 8 minutes), a new neighbour list at every second step, the cell and with it
the influence function changing at every step, per-atom stress and all per-atom outputs now and then: whatever grows
with the number of steps is seen. Exits with 1 when the last half has grown by more than 1 MB.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import write_table
from ion_melt import MODEL, model_file

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


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=8.0, help="stops earlier when they are over")
    options = parser.parse_args()
    model = model_file(options.model)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from hotpp_lr.lammps import lammps_instance

    rows, sizes = [], []
    with tempfile.TemporaryDirectory() as name:
        lammps = lammps_instance("-screen", "none", "-log", str(Path(name) / "log.lammps"))
        lammps.commands_string(DECK.format(model=model))
        begin = time.monotonic()
        lammps.command("run 1000")  # buffers have their size, kernels are compiled
        part = max(options.steps // 10, 1)
        for k in range(10):
            sizes.append(resident())
            if time.monotonic() - begin > 60 * options.minutes:
                break
            lammps.command(f"run {part}")
            growth = resident() - sizes[-1]
            rows.append([f"{1000 + (k + 1) * part}", f"{resident() / 1e6:.2f}", f"{growth / 1024:+.0f}"])
            print("  ".join(rows[-1]), flush=True)
        sizes.append(resident())
        lammps.close()
    half = sizes[-1] - sizes[len(sizes) // 2]
    notes = (
        f"8 ions, 300 K, constant pressure, new neighbour list every second step, one rank and one thread, "
        f"{(time.monotonic() - begin) / 60:.1f} minutes. Growth in the second half: {half / 1024:.0f} KiB. "
        f"`python benchmarks/md/memory_growth.py --steps {options.steps}`"
    )
    print(notes)
    print(write_table("memory_growth", "Memory of a long run", ["steps", "resident, MB", "growth, KiB"], rows, notes))
    sys.exit(half > 1e6)


if __name__ == "__main__":
    main()
