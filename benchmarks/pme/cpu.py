"""The mesh on two CPU cores beside its peers: time, and error against direct Ewald, on the same configurations.

    python benchmarks/pme/cpu.py [--sizes 1k,8k,32k,128k] [--peers-python PATH]

Peers live in an environment of their own (requirements.txt; `make bench-pme` makes it). One that is missing is a
printed line. Orders and meshes are those of parameters.json (tune.py). Times of one size are taken in turns, and are
kept until all sizes are done: after an interruption the same command continues.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from client import Job, PeerError, Worker, python_of
from common import write_table
from configurations import SMEARING, cache_folder, number_of, random_configuration
from judge import reference_forces
from targets import summary
from tune import PARAMETERS, key

#: module, content, threads (or MPI ranks), choice that belongs to the label of its parameters
LINES = [
    ("native", content, threads, {"precision": precision})
    for content in ("q+mu", "q")
    for precision in ("float", "double")
    for threads in (1, 2)
]
LINES += [
    ("nvalchemi_multipole", "q+mu", 2, {}),
    ("nvalchemi", "q", 2, {}),
    ("openmm_cpu", "q", 1, {}),
    ("openmm_cpu", "q", 2, {}),
    ("torch_p3m", "q", 2, {}),
    ("lammps_pppm", "q", 1, {}),
    ("lammps_pppm", "q", 2, {}),
    ("lammps_pppm_dipole", "mu", 1, {}),
    ("lammps_pppm_dipole", "mu", 2, {}),
]
HEADING = ("N", "code", "carries", "mesh", "threads", "p", "K", "σ Å", "force error", "ms min", "ms median", "runs")


def jobs_of(size: str, parameters: dict, codes: list[str]) -> list[Job]:
    jobs = []
    for module, content, threads, extra in LINES:
        if codes and module not in codes:
            continue
        tuned = parameters.get(key(module, extra), {}).get(content, {}).get(size)
        if tuned is None:
            print(f"{module} {content} {size}: no tuned parameters (python benchmarks/pme/tune.py --codes {module})")
            continue
        jobs.append(Job(module, content, threads, tuned["choice"], number_of(size)))
    return jobs


def measure(jobs: list[Job], arguments: argparse.Namespace) -> list[Job]:
    """Times the jobs in turns; returns those that worked."""
    working: list[tuple[Job, Worker]] = []
    for job in jobs:
        reference_forces(random_configuration(job.n), job.content)
        python = python_of(job.module, sys.executable, arguments.peers_python)
        worker = Worker(job.module, job.threads, python)
        try:
            worker.time(job, 0.0, with_error=True)
            job.times.clear()
            working.append((job, worker))
        except PeerError as error:
            print(
                f"{job.module} ({job.content}, {job.n} atoms, {job.threads} threads) is left out: {error}", flush=True
            )
            worker.close()
    for _ in range(arguments.rounds):
        for job, worker in working:
            worker.time(job, arguments.budget)
    for _, worker in working:
        worker.close()
    return [job for job, _ in working]


def row(job: Job) -> list[str]:
    module = importlib.import_module(f"peers.{job.module}")
    name = module.NAME + (f" {job.choice['diff']}" if "diff" in job.choice else "")
    mesh = job.choice.get("precision", module.PRECISION)
    numbers = [str(job.choice["order"]), f"{job.choice['mesh']}³", f"{SMEARING:g}", f"{job.error:.1e}"]
    times = [f"{1e3 * min(job.times):.3g}", f"{1e3 * statistics.median(job.times):.3g}", str(len(job.times))]
    return [str(job.n), name, job.content.replace("mu", "μ"), mesh, str(job.threads), *numbers, *times]


def memory(precision: str) -> float | None:
    script = Path(__file__).with_name("memory.py")
    with contextlib.suppress(subprocess.CalledProcessError, ValueError):
        result = subprocess.run([sys.executable, script, precision], check=True, capture_output=True, text=True)
        return float(result.stdout)
    return None


def notes(jobs: list[Job], python: str) -> str:
    lines = [
        f"Uniformly random configurations: density 0.1 atoms/Å³, smearing {SMEARING:g} Å, rms charge 0.5 e, neutral, "
        "rms dipole component 0.3 e·Å. Reciprocal (mesh) part only, energy and forces; hotpp-lr also potential and "
        "field. Force error: rms deviation over rms force against direct Ewald summation in float64, on 256 atoms. "
        "Each code at the fastest order p and mesh K found by benchmarks/pme/tune.py for an error of at most 1e-4 (all "
        "that was tried: benchmarks/pme/parameters.json). Smallest and median time of runs in turns with the others.",
        "",
    ]
    for name in dict.fromkeys(job.module for job in jobs):
        worker = Worker(name, 1, python_of(name, sys.executable, python))
        lines.append(
            f"* {importlib.import_module(f'peers.{name}').SEPARATED} Version {worker.ask(do='version')['version']}."
        )
        worker.close()
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1k,8k,32k,128k")
    parser.add_argument("--codes", default="", help="only these modules of peers/, e.g. native,openmm_cpu")
    parser.add_argument("--peers-python", default=sys.executable, help="Python of the peers' environment")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--budget", type=float, default=0.4, help="seconds of each turn")
    parser.add_argument("--no-table", action="store_true", help="print only")
    arguments = parser.parse_args()
    parameters = json.loads(PARAMETERS.read_text())
    finished = cache_folder() / "cpu_unfinished.json"
    kept = json.loads(finished.read_text()) if finished.exists() else {}
    jobs: list[Job] = []
    print("| " + " | ".join(HEADING) + " |")
    for size in arguments.sizes.split(","):
        wanted = jobs_of(size, parameters, arguments.codes.split(",") if arguments.codes else [])
        measure_now = [job for job in wanted if job.key() not in kept]
        for job in measure(measure_now, arguments):
            kept[job.key()] = {"times": job.times, "error": job.error}
            finished.write_text(json.dumps(kept))
        for job in wanted:
            if job.key() in kept:
                job.times, job.error = kept[job.key()]["times"], kept[job.key()]["error"]
                jobs.append(job)
                print("| " + " | ".join(row(job)) + " |", flush=True)
    lines = summary(jobs, {precision: memory(precision) for precision in ("float", "double")})
    print("\n" + "\n".join(lines))
    if not arguments.no_table:
        rows = [row(job) for job in jobs]
        path = write_table(
            "pme_cpu", "Mesh electrostatics on two CPU cores", HEADING, rows, notes(jobs, arguments.peers_python)
        )
        path.write_text(path.read_text() + "\n" + "\n".join(f"* {line}" for line in lines) + "\n")
        print(f"\n{path}")
    finished.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
