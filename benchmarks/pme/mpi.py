"""The distributed mesh against the plan on one process: time, and what a step sends.

    python benchmarks/pme/mpi.py [--ions 8000 32000] [--ranks 1 2 4 8] [--no-table]          about 1 minute

Starts itself under mpiexec (beside this Python, or in PATH). Ions are random, half of the charges +0.5 e and half
-0.5 e, with dipoles of 0.3 e·Å per component, 0.1 per Å³; σ = 1 Å, order 8, mesh for a relative force error of 1e-4
(h = 0.54 Å), float32 mesh, one thread per rank; every rank owns a brick. Times are minima, wall clock and processor (of
the rank that needs most; waiting counts); more ranks than cores say nothing about speed, so only 1 and 2 ranks are
timed. Bytes and messages are those of the rank that sends most. PPPM ik: MB of LAMMPS's scheme on the same mesh,
charges only, counted on paper.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from common import write_table

SMEARING, ORDER, SPACING = 1.0, 8, 0.54
BRICKS = {1: (1, 1, 1), 2: (2, 1, 1), 4: (2, 2, 1), 8: (2, 2, 2), 16: (4, 2, 2), 27: (3, 3, 3)}
HEADING = ("ions", "mesh", "ranks", "owners", "ms", "processor ms", "speed-up", "charge MB (messages)", "transposes",
           "potential", "collectives", "sum MB", "PPPM ik MB", "ratio", "energy eV")  # fmt: skip
PURPOSES = ("charge", "transposes", "potential", "collectives")


def system(ions: int) -> tuple[float, int, np.ndarray, np.ndarray, np.ndarray]:
    """Edge Å, mesh points per axis, positions [n, 3] Å, charges [n] e, dipoles [n, 3] e·Å."""
    rng = np.random.default_rng(ions)
    edge = (ions / 0.1) ** (1 / 3)
    points = int(np.ceil(edge / SPACING))
    while max(p for p in range(2, points + 1) if points % p == 0 and all(p % d for d in range(2, p))) > 5:
        points += 1
    charges = np.where(np.arange(ions) % 2, -0.5, 0.5)
    return edge, points, edge * rng.random((ions, 3)), charges, 0.3 * rng.normal(size=(ions, 3))


def best_time(step, repeats: int = 20) -> tuple[float, float]:
    """Wall and processor seconds: the smallest of several runs after a first one."""
    step()
    times = []
    for _ in range(repeats):
        start = time.perf_counter(), time.process_time()
        step()
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    return tuple(map(min, zip(*times, strict=True)))


def worker(ions: int) -> None:
    """One rank. Rank 0 prints one JSON line; every rank writes what it sent to the directory `MPI_BENCHMARK`."""
    from hotpp_lr import _pme_mpi

    _pme_mpi.init()
    rank, ranks = _pme_mpi.rank(), _pme_mpi.size()
    edge, points, positions, charges, dipoles = system(ions)
    x, y, z = np.minimum((positions / edge * BRICKS[ranks]).astype(int), np.array(BRICKS[ranks]) - 1).T
    own = (x * BRICKS[ranks][1] + y) * BRICKS[ranks][2] + z == rank
    atoms = positions[own], charges[own], dipoles[own]
    plan = _pme_mpi.DistributedPlanFloat(ORDER, (points,) * 3, SMEARING)
    plan.set_cell(edge * np.eye(3))

    def step():
        _pme_mpi.barrier()
        return plan.execute(*atoms)

    found = {
        "seconds": best_time(step, 20 if ranks <= 2 else 1),
        "layout": plan.layout,
        "traffic": plan.traffic,
        "energy": step()["energy"],
    }
    Path(os.environ["MPI_BENCHMARK"], f"{rank}.json").write_text(json.dumps(found))
    _pme_mpi.finalize()


def run(ions: int, ranks: int, directory: Path) -> list[dict]:
    mpiexec = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")
    if mpiexec is None:
        sys.exit("mpiexec is not installed: pip install mpich")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MPI_BENCHMARK": str(directory)}
    if ranks > len(os.sched_getaffinity(0)):
        environment |= {"MPIR_CVAR_CH4_PROGRESS_THROTTLE": "1", "MPIR_CVAR_ENABLE_HEAVY_YIELD": "1"}
    subprocess.run(
        [mpiexec, "-n", str(ranks), sys.executable, __file__, "--worker", str(ions)], env=environment, check=True
    )
    return [json.loads((directory / f"{rank}.json").read_text()) for rank in range(ranks)]


def pppm_ik_bytes(points: int, ranks: int) -> float:
    """What a rank of LAMMPS's PPPM with ik differentiation sends on the same mesh, charges only, counted on paper.

    Complex float64 numbers of 16 bytes; every remap moves all of the rank's points but the part it keeps:
    charge mesh to the layout of the transform (8 bytes per point), two transposes forward, and for each of the
    three field components two transposes and the way back to the bricks; then order/2 layers of halo around
    the brick for the charge mesh and three fields (8 bytes each). A mesh for dipoles needs 9 to 12 inverse
    transforms instead of 3.
    """
    if ranks == 1:
        return 0.0
    own = points**3 / ranks
    halo = np.prod([points / b + (ORDER if b > 1 else 0) for b in BRICKS[ranks]]) - own
    return own * (1 - 1 / ranks) * (8 + 2 * 16 + 3 * 3 * 16) + halo * 4 * 8


def main() -> None:
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ions", type=int, nargs="+", default=[8000, 32000])
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4, 8], choices=sorted(BRICKS))
    parser.add_argument("--no-table", action="store_true", help="print only, keep nothing")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return worker(arguments.worker)

    from hotpp_lr import _pme

    rows = []

    def add(*row) -> None:
        rows.append([str(cell) for cell in row])
        print("| " + " | ".join(rows[-1]) + " |", flush=True)

    print("| " + " | ".join(HEADING) + " |")
    for ions in arguments.ions:
        edge, points, *atoms = system(ions)
        plan = _pme.Plan(ORDER, (points,) * 3, SMEARING, precision="float")
        plan.set_cell(edge * np.eye(3))
        _pme.set_num_threads(1)
        serial, processor = best_time(lambda plan=plan, atoms=atoms: plan.execute(*atoms))
        energy = plan.execute(*atoms)["energy"]
        add(ions, f"{points}³", "serial plan", "", f"{1e3 * serial:.2f}", f"{1e3 * processor:.2f}", "1.00",
            *[""] * 7, f"{energy:.9e}")  # fmt: skip
        for ranks in arguments.ranks:
            with tempfile.TemporaryDirectory() as directory:
                found = run(ions, ranks, Path(directory))
            seconds, processor = (max(f["seconds"][k] for f in found) for k in (0, 1))
            times = [f"{1e3 * seconds:.2f}", f"{1e3 * processor:.2f}", f"{serial / seconds:.2f}"]
            if ranks > min(2, len(os.sched_getaffinity(0))):
                times = [""] * 3
            sent = []
            for purpose in PURPOSES:
                messages, size = (max(f["traffic"][purpose][k] for f in found) for k in (0, 1))
                sent.append(f"{size / 1e6:.3f} ({messages})")
            total = max(sum(size for _, size in f["traffic"].values()) for f in found) / 1e6
            pppm = pppm_ik_bytes(points, ranks) / 1e6
            add(ions, f"{points}³", ranks, "x".join(map(str, found[0]["layout"])), *times, *sent, f"{total:.2f}",
                f"{pppm:.2f}", f"{pppm / total:.1f}" if ranks > 1 else "", f"{found[0]['energy']:.9e}")  # fmt: skip
    if not arguments.no_table:
        print(write_table("pme_mpi", "The distributed mesh", HEADING, rows, "\n\n".join(__doc__.split("\n\n")[2:])))


if __name__ == "__main__":
    main()
