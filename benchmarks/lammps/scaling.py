"""Weak scaling of `pair_style hotpp/lr` on paper, from bytes and messages that are first compared with counted ones.

    python benchmarks/lammps/scaling.py [--ions 512] [--microseconds-per-ion 45]        (three minutes on two cores)

A model with random weights (64 channels, rank 2, two layers, cutoff 6 Å, float32) runs a step of a crystal whose order
is lost on 1, 2, 4 and 8 ranks (more ranks than cores are only counted, not timed), and the profile tells what ranks
sent. Then the count on paper (counts.py) is continued to 10,000 ranks, with the mesh spacing and order that the program
has chosen, and becomes a time with three constants of a machine: latency 3 µs, 0.5 µs of a rank's time per message, and
the bandwidth that a rank has to itself: 2 GB/s (25 ranks share a card of 400 Gb/s) or 0.4 GB/s (64 ranks share one of
200 Gb/s).

Writes two dated tables under benchmarks/results/.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from math import log2
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import write_table
from counts import System, collectives, engine, feature_exchanges, features, transposes, windows
from model import write_ions, write_model

LATENCY, OVERHEAD = 3e-6, 0.5e-6  # s until a message is there, s of a rank's time per message
BANDWIDTHS = (2e9, 0.4e9)  # bytes per second of one rank
BRICKS = {1: (1, 1, 1), 2: (2, 1, 1), 4: (2, 2, 1), 8: (2, 2, 2)}
ON_PAPER = ((2, 2, 2), (4, 4, 4), (8, 8, 8), (16, 16, 16), (20, 20, 25))
SKIN = 2.0  # Å

RUN = """
import sys
from hotpp_lr.lammps import lammps_instance
lmp = lammps_instance("-log", "log", "-screen", "none")
lmp.file("in.deck")
lmp.finalize()
"""


def counted(folder: Path, ranks: int) -> dict[str, float]:
    """Ghosts and what was sent by a rank in one step: means over the ranks, from the profile."""
    bricks = BRICKS[ranks]
    deck = f"""
        units metal
        processors {" ".join(map(str, bricks))}
        read_data ions.data
        neighbor {SKIN} bin
        pair_style hotpp/lr model.pt precision single
        pair_coeff * * Na Cl
        run 0
    """
    (folder / "in.deck").write_text(deck)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {
        "HOTPP_PROFILE": "1",
        "OMP_NUM_THREADS": "1",
        "MPIR_CVAR_CH4_PROGRESS_THROTTLE": "1",
        "MPIR_CVAR_ENABLE_HEAVY_YIELD": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    command = [shutil.which("mpiexec", path=path), "-n", str(ranks), sys.executable, "-c", RUN]
    subprocess.run(command, cwd=folder, env=environment, check=True, timeout=600)
    log = (folder / "log").read_text()

    def number(pattern: str) -> float:
        found = re.search(pattern, log)
        assert found, (pattern, log)
        return float(found[1])

    mesh = re.search(r"mesh +(\d+) x (\d+) x (\d+), order (\d)", log)
    return {
        "ghosts": number(r"Nghost: +([0-9.e+]+) ave"),
        "ghost bytes": number(r"bytes of ghost rows +([0-9.]+)"),
        "ghost messages": number(r"bytes of ghost rows .*\n +in messages +([0-9.]+)"),
        "mesh bytes": number(r"bytes of the mesh +([0-9.]+)"),
        "mesh messages": number(r"bytes of the mesh .*\n +in messages +([0-9.]+)"),
        "mesh": tuple(int(k) for k in mesh.groups()[:3]),
        "order": int(mesh[4]),
    }


def compare(ions: int, folder: Path) -> tuple[list[list[str]], float, int]:
    """Rows of the table: counted by the program, and on paper; and mesh spacing and order that the program chose."""
    from hotpp_lr import _pme_mpi

    rows = []
    system = System(ions)
    side = round(ions ** (1 / 3))
    for ranks, bricks in BRICKS.items():
        write_ions(folder / "ions.data", tuple(side * b for b in bricks), system.density, noise=1.0)
        found = counted(folder, ranks)
        here = System(ions, spacing=bricks[0] * system.edge / found["mesh"][0], order=found["order"])
        layout = _pme_mpi.choose_layout(found["mesh"], here.order, ranks, "float") if ranks > 1 else (1, 1)
        mesh = windows(here, bricks, layout) + transposes(here, bricks, layout)
        sent = features(here, bricks)
        rows.append(
            [
                str(ranks),
                f"{found['ghosts']:.0f} / {here.ghosts():.0f}",
                f"{found['ghost bytes'] / 1e6:.2f} / {sent.bytes / 1e6:.2f}",
                f"{found['ghost messages']:.1f} / {sent.messages}",
                f"{'x'.join(map(str, found['mesh']))} order {here.order} on {layout[0]}x{layout[1]}",
                f"{found['mesh bytes'] / 1e6:.3f} / {mesh.bytes / 1e6 if ranks > 1 else 0:.3f}",
                f"{found['mesh messages']:.1f} / {mesh.messages if ranks > 1 else 0:.0f}",
            ]
        )
        print(" | ".join(rows[-1]), flush=True)
    return rows, here.spacing, here.order


def continued(system: System, bricks: tuple[int, int, int], seconds_per_ion: float) -> list[str]:
    """One row of the table on paper."""
    from hotpp_lr import _pme_mpi

    ranks = bricks[0] * bricks[1] * bricks[2]
    points = system.mesh_points(bricks)
    layout = _pme_mpi.choose_layout(points, system.order, ranks, "float")
    ghosts, own = features(system, bricks), engine(system)
    mesh = windows(system, bricks, layout) + transposes(system, bricks, layout)
    sums, gatherings, boxes = collectives(ranks)
    work = system.ions * seconds_per_ion
    row = [
        f"{ranks:,}",
        f"{ranks * system.ions:,}",
        f"{'x'.join(map(str, points))} on {layout[0]}x{layout[1]}",
        f"{ghosts.bytes / 1e6:.2f} ({ghosts.messages:.0f})",
        f"{own.bytes / 1e6:.2f} ({own.messages:.0f})",
        f"{mesh.bytes / 1e6:.2f} ({mesh.messages:.0f})",
        f"{boxes / 1e6:.3f}",
    ]
    for bandwidth in BANDWIDTHS:
        # one after the other: which rows, exchanges of features, every swap of LAMMPS, and the stages of the mesh
        phases = 1 + feature_exchanges(system) + own.messages + 6
        time = (ghosts + own + mesh).bytes / bandwidth + boxes / bandwidth
        time += phases * LATENCY + (ghosts + own + mesh).messages * OVERHEAD
        time += (2 * sums + gatherings) * log2(ranks) * LATENCY
        row.append(f"{1e3 * time:.2f} ({100 * work / (work + time):.0f} %)")
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ions", type=int, default=512, help="per rank where it is counted (a cube)")
    parser.add_argument("--on-paper", type=int, nargs="+", default=[512, 4096], help="ions per rank on paper")
    parser.add_argument("--microseconds-per-ion", type=float, default=45.0, help="work of one core per ion and step")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as directory:
        write_model(Path(directory) / "model.pt")
        rows, spacing, order = compare(arguments.ions, Path(directory))
    notes = (
        "`benchmarks/lammps/scaling.py`: 64 channels, rank 2, two layers, cutoff 6 Å and skin 2 Å, 0.03 ions/Å³,\n"
        f"float32; {arguments.ions} ions per rank. Counted by the program / on paper, per rank and step, means over\n"
        "the ranks. Ghosts are those of LAMMPS, images of a rank's own atoms included; of features each distinct atom\n"
        "travels once. The program's messages of the mesh include two collective ones."
    )
    heading = ["ranks", "ghosts", "features MB", "feature messages", "mesh", "mesh MB", "mesh messages"]
    print(write_table("scaling_counted", "What ranks send, counted", heading, rows, notes))

    rows = []
    for ions in arguments.on_paper:
        for bricks in ON_PAPER:
            rows.append(
                [
                    f"{ions}",
                    *continued(
                        System(ions, spacing=spacing, order=order), bricks, 1e-6 * arguments.microseconds_per_ion
                    ),
                ]
            )
            print(" | ".join(rows[-1]), flush=True)
    notes = (
        f"`benchmarks/lammps/scaling.py`, on paper: the same model, mesh of {spacing:.2f} Å and order {order}; MB and\n"
        f"messages that a rank sends in a step; {arguments.microseconds_per_ion:g} µs of work per ion and step,\n"
        f"{1e6 * LATENCY:g} µs latency and {1e6 * OVERHEAD:g} µs of a rank's time per message. Last columns: ms of\n"
        "communication in a step, nothing overlapping, and the efficiency that it leaves."
    )
    heading = ["ions per rank", "ranks", "ions", "mesh", "features MB", "LAMMPS MB", "mesh MB", "boxes MB"]
    heading += [f"{b / 1e9:g} GB/s per rank" for b in BANDWIDTHS]
    print(write_table("scaling_on_paper", "Weak scaling on paper", heading, rows, notes))


if __name__ == "__main__":
    main()
