"""One deck on 1, 2, 3, 4 and 8 ranks, bricks and tiles: the first step, and what becomes of rounding errors.

    python benchmarks/md/rank_agreement.py [--model demo_output/charge+dipole.pt] [--steps 2000]

NVT of 256 ions of the melt at 1300 K, in double and in single precision, ions migrating between the ranks and tiles
balanced anew on the way; about eight minutes on two cores, which the larger numbers of ranks share. Every run is held
against one rank with bricks. A liquid is chaotic: differences grow exponentially whatever their cause. How fast is
shown by a run on one rank in which a single ion starts displaced by a rounding error; several ranks may be as far off
as that run, but not farther. Exits with 1 when the first step differs by more than the targets.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import write_table
from ion_melt import DECK, MODEL, describe_model, model_file, ranks_command, replicas, write_start

DYNAMICS = """\
neighbor        0.5 bin
neigh_modify    every 1 delay 0 check yes
{decomposition}
fix             nvt all nvt temp {temperature} {temperature} 0.1
thermo          1000000
thermo_modify   norm no
"""
DECOMPOSITION = {
    "brick": "",
    "tiled": "comm_style tiled\nfix balance all balance 100 1.0 rcb",
    # one rank, one ion displaced: what rounding errors grow to
    "displaced": "",
}
#: One rounding error of an edge: of float64 positions of 30 Å, and of float32 vectors of 4 Å.
DISPLACEMENT = {"double": 1e-14, "single": 3e-7}
#: Relative energy, forces in eV/Å, relative pressure. Single: float32 has 7 digits, the sums of the mesh one less.
TARGETS = {"double": (1e-10, 1e-9, 1e-9), "single": (1e-6, 1e-4, 1e-3)}
PARTS = 4


def run_case(options: argparse.Namespace, precision: str, style: str, folder: Path) -> dict[str, np.ndarray]:
    """energy, pressure, forces [n, 3] of the first step; positions [parts, n, 3]; neighbour lists that were built."""
    from hotpp_lr.lammps import lammps_instance

    log = folder / f"{precision}_{style}.log"
    lammps = lammps_instance("-screen", "none", "-log", str(log))
    values = vars(options) | {"keywords": f"precision {precision}", "decomposition": DECOMPOSITION[style]}
    values |= {"data": folder / "start.data", "replicate": replicas(options.ions)}
    lammps.commands_string((DECK + DYNAMICS).format(**values))

    def gathered(name: str) -> np.ndarray:
        return np.array(lammps.gather_atoms(name, 1, 3)).reshape(-1, 3)

    if style == "displaced":
        moved = gathered("x").ravel()
        moved[0] += DISPLACEMENT[precision]
        lammps.scatter_atoms("x", 1, 3, (ctypes.c_double * len(moved))(*moved))
    lammps.command("run 0")
    result = {
        "energy": lammps.get_thermo("pe"),
        "pressure": lammps.get_thermo("press"),
        "forces": gathered("f"),
        "cell": np.diff(lammps.extract_box()[:2], axis=0)[0],
    }
    positions = []
    for _ in range(PARTS):
        lammps.command(f"run {options.steps // PARTS}")
        positions.append(gathered("x"))
    lammps.close()
    result["positions"] = np.array(positions)
    result["builds"] = sum(map(int, re.findall(r"Neighbor list builds = (\d+)", log.read_text())))
    return {key: np.asarray(value) for key, value in result.items()}


def work(options: argparse.Namespace) -> None:
    """All cases of one number of ranks, in the processes of one mpiexec."""
    from hotpp_lr.lammps import lammps_instance

    results = {}
    for precision in DISPLACEMENT:
        for style in DECOMPOSITION:
            if style == "displaced" and options.worker.stem != "1":
                continue
            for key, value in run_case(options, precision, style, options.worker.parent).items():
                results[f"{precision} {style} {key}"] = value
    if int(os.environ.get("PMI_RANK", 0)) == 0:
        np.savez(options.worker, **results)
    lammps_instance("-screen", "none", "-log", "none").finalize()


def differences(one: dict, other: dict, precision: str, style: str) -> tuple[list[float], list[float]]:
    """Of energy, forces and pressure of the first step; largest of the positions after each part (nearest images)."""
    a = {key: one[f"{precision} brick {key}"] for key in ("energy", "pressure", "forces", "positions", "cell")}
    b = {key: other[f"{precision} {style} {key}"] for key in a}
    first = [
        abs(b["energy"] / a["energy"] - 1),
        np.abs(b["forces"] - a["forces"]).max(),
        abs(b["pressure"] / a["pressure"] - 1),
    ]
    apart = b["positions"] - a["positions"]
    apart -= a["cell"] * np.round(apart / a["cell"])
    return [float(x) for x in first], [float(np.abs(part).max()) for part in apart]


def write_results(results: dict[int, dict], options: argparse.Namespace) -> bool:
    """The table of all numbers of ranks; whether the first step is within the targets."""
    rows, good = [], True
    cases = [(1, "displaced"), (1, "tiled"), *((r, s) for r in results if r > 1 for s in ("brick", "tiled"))]
    for precision, targets in TARGETS.items():
        for ranks, style in cases:
            first, later = differences(results[1], results[ranks], precision, style)
            if style != "displaced":
                good = good and all(x <= t for x, t in zip(first, targets, strict=True))
            builds = results[ranks][f"{precision} {style} builds"]
            label = f"{style} by {DISPLACEMENT[precision]:.0e} Å" if style == "displaced" else style
            rows.append([precision, str(ranks), label, *(f"{x:.1e}" for x in first + later), str(builds)])
            print("  ".join(rows[-1]), flush=True)
        rows.append([precision, "target", "", *(f"{t:.0e}" for t in targets), *[""] * (PARTS + 1)])
    part = options.steps // PARTS
    heading = ["precision", "ranks", "domains", "energy, relative", "forces, eV/Å", "pressure, relative"]
    heading += [f"Å after {part * (k + 1)} steps" for k in range(PARTS)] + ["neighbour lists"]
    notes = (
        f"Largest differences from one rank with bricks: of the first step, and of the positions along NVT of "
        f"{options.ions} ions at {options.temperature:.0f} K with {1000 * options.timestep:g} fs. 'displaced': one "
        f"rank, one ion displaced at the start, which shows how fast the liquid itself takes trajectories apart. "
        f"{describe_model(options.model)} `python benchmarks/md/rank_agreement.py --steps {options.steps}`"
    )
    print(write_table("rank_agreement", "One deck on any number of ranks", heading, rows, notes))
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--ions", type=int, default=256)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--ranks", type=int, nargs="+", default=[2, 3, 4, 8], help="compared with one rank")
    parser.add_argument("--temperature", type=float, default=1300.0)
    parser.add_argument("--timestep", type=float, default=1e-3, help="ps")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.model = model_file(options.model)
    if options.worker:
        work(options)
        return

    arguments = [str(Path(__file__).resolve()), "--model", str(options.model)]
    for name in ("ions", "steps", "temperature", "timestep"):
        arguments += [f"--{name}", str(getattr(options, name))]
    results = {}
    with tempfile.TemporaryDirectory() as name:
        write_start(Path(name))
        for ranks in (1, *options.ranks):
            file = Path(name) / f"{ranks}.npz"
            command, environment = ranks_command(ranks, [sys.executable, *arguments, "--worker", str(file)])
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"error: {' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
            results[ranks] = dict(np.load(file))
            print(f"{ranks} rank(s) done", flush=True)
    sys.exit(not write_results(results, options))


if __name__ == "__main__":
    main()
