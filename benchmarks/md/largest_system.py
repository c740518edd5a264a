"""Memory of large systems on one rank: how many ions fit into 8 GiB.

    python benchmarks/md/largest_system.py [--sizes 8192 65536 221184] [--precision single] [--limit 12]

Two minutes on two cores, and 8 GiB of memory. The fused model of step_time.py in LAMMPS, one rank with two threads,
for about ten steps. Peak: of the whole process. A size is left out when it would not fit into --limit GiB by what the
one before took. Writes a dated table to benchmarks/results.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import write_table
from step_time import lammps
from system import REPEATS, melt, write_data, write_models

HEADING = ("ions", "peak, GiB", "above the start, GiB", "kB per further ion", "s/step", "µs/ion/step")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8192, 65_536, 221_184], choices=sorted(REPEATS))
    parser.add_argument("--precision", choices=("single", "double"), default="single")
    parser.add_argument("--limit", type=float, default=12.0, help="GiB")
    options = parser.parse_args()
    rows, before, per_ion = [], None, 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = write_models(folder)["fused"]
        for n in sorted(options.sizes):
            if before and before.peak + per_ion * (n - before.n) > options.limit * 1024**2:
                print(f"{n} ions are left out: they would take more than {options.limit} GiB", flush=True)
                continue
            write_data(melt(n), folder / f"{n}.data")
            found = lammps(folder, model, n, (1, 2), options.precision, 3, 0.0)
            if before:
                per_ion = (found.peak - before.peak) / (n - before.n)
            fastest = found.times.min()
            rows.append([
                f"{n:,}", f"{found.peak / 1024**2:.2f}", f"{found.memory / 1024**2:.2f}",
                f"{per_ion:.1f}" if before else "–", f"{fastest:.2f}", f"{1e6 * fastest / n:.1f}",
            ])  # fmt: skip
            print(" | ".join(rows[-1]), flush=True)
            before = found
    notes = (
        f"Molten NaCl, C = 64, rank 2, 2 layers, r_c = 6 Å, charges, dipoles and mesh, {options.precision} precision, "
        "LAMMPS on one rank with two threads. `benchmarks/md/largest_system.py`."
    )
    print(write_table("largest_system", "Memory of large systems", HEADING, rows, notes))


if __name__ == "__main__":
    main()
