"""Where the time of an MD step goes: the parts that HOTPP_PROFILE=1 prints, for 128, 1024 and 8192 ions.

    python benchmarks/md/profile_table.py [--sizes 128 1024 8192] [--seconds 10]

Two minutes. The fused model of step_time.py in LAMMPS, on one rank with one and with two threads, and on two ranks.
Writes a dated table to benchmarks/results.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import write_table
from lammps_worker import STEPS_ONE_WAY
from step_time import lammps
from system import melt, write_data, write_models

#: (ranks, threads of each)
LAYOUTS = ((1, 1), (1, 2), (2, 1))
#: Column, and row of the profile.
PARTS = {
    "edges": "edges",
    "forward": "network forward",
    "mesh": "mesh",
    "backward": "network backward",
    "tally": "forces and outputs",
}
EXCHANGE = "of which ghost exchange"
MOST_STEPS = 600
HEADING = (
    "ions", "ranks × threads", "µs/ion/step", *PARTS, "rest", "ghost exchange", "ms/step", "edges/ion", "steps",
)  # fmt: skip
NOTES = """
Molten NaCl, C = 64, rank 2, 2 layers, r_c = 6 Å, charges, dipoles and mesh, float32, untrained, a neighbour list every
20 steps. µs per ion and step: mean over ranks and steps, in brackets the share of the step. tally: forces, energies and
outputs of atoms; rest: LAMMPS outside the pair style (neighbour lists, integration, positions and forces of ghosts).
Ghost exchange is part of forward and backward, and waits for the slower rank. `benchmarks/md/profile_table.py`.
"""


def mean_profile(log: str) -> dict[str, float]:
    """Means over the ranks, per step, of the runs that are timed: those of STEPS_ONE_WAY steps."""
    tables = log.split(f"hotpp/lr, milliseconds per step over {STEPS_ONE_WAY} steps")[1:]
    rows = [
        pair for text in tables for pair in re.findall(r"^  +([a-z][a-z ]*?) +([0-9.]+) +[0-9.]+$", text, re.MULTILINE)
    ]
    return {name: sum(float(value) for row, value in rows if row == name) / len(tables) for name, _ in rows}


def profiled_row(folder: Path, model: Path, n: int, layout: tuple[int, int], seconds: float) -> list[str]:
    found = lammps(folder, model, n, layout, "single", MOST_STEPS, seconds)
    profile = mean_profile(found.log)
    ranks, threads = layout
    step = 1e3 * found.times.mean()

    def cell(milliseconds: float) -> str:
        return f"{1e3 * milliseconds / n:.2f} ({100 * milliseconds / step:.0f} %)"

    parts = [profile[name] for name in PARTS.values()]
    return [
        str(n), f"{ranks} × {threads}", f"{1e3 * step / n:.1f}", *map(cell, parts), cell(step - sum(parts)),
        cell(profile[EXCHANGE]) if ranks > 1 else "–", f"{step:.2f}", f"{ranks * profile['number of edges'] / n:.1f}",
        str(STEPS_ONE_WAY * len(found.times)),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 1024, 8192])
    parser.add_argument("--seconds", type=float, default=10.0, help=f"of steps per line; {MOST_STEPS} steps at most")
    options = parser.parse_args()
    os.environ["HOTPP_PROFILE"] = "1"
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = write_models(folder)["fused"]
        for n in options.sizes:
            write_data(melt(n), folder / f"{n}.data")
            for layout in LAYOUTS:
                rows.append(profiled_row(folder, model, n, layout, options.seconds))
                print(" | ".join(rows[-1]), flush=True)
    print(write_table("md_profile", "Where the time of an MD step goes", HEADING, rows, NOTES))


if __name__ == "__main__":
    main()
