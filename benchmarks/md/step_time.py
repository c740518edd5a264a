"""Time of an MD step of molten NaCl in LAMMPS on two cores, eager and fused export, beside MACE and NequIP.

    python benchmarks/md/step_time.py [--mace-python P] [--nequip-python P] [--sizes 128 1024 8192] [--seconds 20]

About eight minutes with both peers. Needs the installed package and LAMMPS; for each peer the Python of an environment
with benchmarks/md/requirements-<peer>.txt. All models are untrained: C = 64, 2 layers, r_c = 6 Å; ours with rank 2,
charges, dipoles and mesh, in float32. Whole steps are timed, with neighbour list; ours as LAMMPS does them, the peers'
as calls of their ASE calculators. Writes a dated table to benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import ase.io
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from common import write_table
from system import melt, write_data, write_models

HERE = Path(__file__).parent
#: (ranks, threads of each)
LAYOUTS = ((1, 2), (2, 1))
HEADING = (
    "code", "N", "ranks × threads", "µs/atom/step", "median ms/step", "p99/median (steps)", "first step ms",
    "load ms", "peak MB", "force error",
)  # fmt: skip
NOTES = """
Molten NaCl, r_c = 6 Å (27 neighbours), untrained models, float32, 2 layers, C = 64; hotpp-lr: rank 2, charges, dipoles
and mesh, `pair_style hotpp/lr`, a neighbour list every 20 steps; peers: their ASE calculators, energy and forces, with
neighbour list. µs/atom: fastest step. First step: set-up and `run 0`, or first call. Peak above the process before
the model, torch's libraries and reading the model included (up to 1024 ions that is all; large systems:
`benchmarks/md/largest_system.py`). Force error: rms, relative, against the eager export in float64.
`benchmarks/md/step_time.py`.
"""


@dataclass
class Run:
    """What was measured on one number of atoms; times in s, memory in kB (all ranks, above what was there before)."""

    n: int
    times: np.ndarray
    first: float
    memory: float
    load: float | None = None
    forces: np.ndarray | None = None
    peak: float = 0.0  # memory of the whole processes
    log: str = ""  # of LAMMPS

    def row(self, code: str, layout: str, reference: np.ndarray | None = None) -> list[str]:
        median = np.median(self.times)
        many = len(self.times) >= 100
        spread = f"{np.percentile(self.times, 99) / median:.2f} ({len(self.times)})" if many else "–"
        error = "–"
        if self.forces is not None and reference is not None:
            error = f"{np.sqrt(np.mean((self.forces - reference) ** 2) / np.mean(reference**2)):.1e}"
        return [
            code, str(self.n), layout, f"{1e6 * self.times.min() / self.n:.1f}", f"{1e3 * median:.2f}", spread,
            f"{1e3 * self.first:.0f}", "–" if self.load is None else f"{1e3 * self.load:.0f}",
            f"{self.memory / 1024:.0f}", error,
        ]  # fmt: skip


def lammps(folder: Path, model: Path, n: int, layout: tuple[int, int], precision: str, steps: int, seconds: float):
    """LAMMPS with `model` on the melt."""
    ranks, threads = layout
    result = folder / f"{model.stem}_{n}_{ranks}_{precision}.json"
    command = [sys.executable, str(HERE / "lammps_worker.py"), str(model), str(folder / f"{n}.data")]
    if ranks > 1:
        mpiexec = Path(sys.executable).parent / "mpiexec"
        command = [str(mpiexec if mpiexec.exists() else "mpiexec"), "-n", str(ranks), *command]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(
        [*command, precision, str(steps), str(seconds), str(result)], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    about = json.loads(result.read_text())
    of_ranks = [json.loads(Path(f"{result}.{rank}").read_text()) for rank in range(ranks)]
    return Run(
        n,
        np.array(of_ranks[0]["times"]),
        about["first"],
        sum(mine["memory"] for mine in of_ranks),
        about["load"],
        np.load(result.with_suffix(".npy")),
        sum(mine["peak"] for mine in of_ranks),
        result.with_suffix(".log").read_text(),
    )


def peer(python: Path, worker: str, arguments: list[str], structures: Path, seconds: float, limit: float) -> list[Run]:
    """Runs of a peer on all sizes it does within `limit` seconds."""
    command = [str(python), str(HERE / "peers" / worker), *arguments, str(structures), str(seconds), "2"]
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "LD_LIBRARY_PATH")}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=limit)
        text = done.stdout
        if done.returncode:
            print(done.stderr[-1500:], file=sys.stderr)
    except subprocess.TimeoutExpired as late:
        text = late.stdout.decode() if late.stdout else ""
    runs = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [Run(r["n"], np.array(r["times"]), r["first"], r["memory"]) for r in runs]


def ours(folder: Path, sizes: list[int], seconds: float, rows: list[list[str]]) -> None:
    """Fills rows."""
    models = write_models(folder)
    for n in sizes:
        write_data(melt(n), folder / f"{n}.data")
    for n in sizes:
        exact = lammps(folder, models["eager"], n, (1, 2), "double", 1, 0).forces if n <= 1024 else None
        for name in ("eager", "fused"):
            for layout in LAYOUTS:
                long = name == "fused" and n <= 1024
                run = lammps(folder, models[name], n, layout, "single", 1000, 3 * seconds if long else seconds / 2)
                rows.append(run.row(f"hotpp-lr {name}", f"{layout[0]} × {layout[1]}", exact))
                print(" | ".join(rows[-1]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 1024, 8192])
    parser.add_argument("--seconds", type=float, default=20.0, help="of steps per line; 1000 steps at most")
    parser.add_argument("--mace-python", type=Path)
    parser.add_argument("--nequip-python", type=Path)
    parser.add_argument("--peer-limit", type=float, default=90.0, help="seconds for all sizes of a peer")
    options = parser.parse_args()
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours(folder, options.sizes, options.seconds, rows)
        structures = folder / "melts.xyz"
        ase.io.write(structures, [melt(n) for n in options.sizes])
        peers = []
        if options.mace_python:
            peers += [
                (f"MACE {irreps}", options.mace_python, "mace_worker.py", [irreps])
                for irreps in ("64x0e", "64x0e+64x1o")
            ]
        if options.nequip_python:
            peers.append(("NequIP 64, l ≤ 2", options.nequip_python, "nequip_worker.py", []))
        for label, python, worker, arguments in peers:
            runs = peer(python, worker, arguments, structures, options.seconds / 4, options.peer_limit)
            for run in runs:
                rows.append(run.row(label, "1 × 2"))
                print(" | ".join(rows[-1]), flush=True)
            missing = [str(n) for n in options.sizes if n not in {r.n for r in runs}]
            if missing:
                print(f"{label}: no result for {', '.join(missing)} ions", flush=True)
    path = write_table("md_step", "Time of an MD step", HEADING, rows, NOTES)
    print(f"Wrote {path}")


if __name__ == "__main__":
    main()
