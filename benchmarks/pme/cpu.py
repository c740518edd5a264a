"""The mesh on two CPU cores beside its peers: time, and error against direct Ewald, on the same configurations.

    python benchmarks/pme/cpu.py [--sizes 1k,8k,32k,128k] [--codes native,openmm_cpu] [--peers-python PATH]

Peers live in an environment of their own (requirements.txt; `make bench-pme` makes it). One that is missing is a
printed line. Each code is timed at all orders and meshes of parameters.json (those that tune.py found to reach the
error), then at the fastest of them in turns with the others. Finished sizes are kept until all are done: after an
interruption the same command continues.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import statistics
import subprocess
import sys
from dataclasses import asdict
from math import inf
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from client import Job, PeerError, Worker, python_of
from common import write_table
from configurations import SMEARING, cache_folder, number_of, random_configuration
from judge import reference_forces
from targets import summary
from tune import TARGET, read_parameters

#: module, content, further choices.
LINES = [
    ("native", "q+mu", {"precision": "float"}),
    ("native", "q+mu", {"precision": "double"}),
    ("native", "q", {"precision": "float"}),
    ("native", "q", {"precision": "double"}),
    ("nvalchemi_multipole", "q+mu", {}),
    ("nvalchemi", "q", {}),
    ("openmm_cpu", "q", {}),
    ("torch_p3m", "q", {}),
    ("lammps_pppm", "q", {}),
    ("lammps_pppm_dipole", "mu", {}),
]
#: Slow codes that gain little from threads are timed on two only.
TWO_THREADS_ONLY = ("nvalchemi_multipole", "nvalchemi", "torch_p3m")
THREADS = 2
HEADING = ("N", "code", "carries", "mesh", "threads", "p", "K", "σ Å", "force error", "ms min", "ms median", "runs")
FIRST_LOOK = 0.15  # seconds per order and mesh


def fastest(module: str, content: str, extra: dict, size: str, candidates: list[dict], python: str) -> tuple[dict, str]:
    """The fastest of the orders and meshes, and all that was tried in words."""
    times: list[tuple[float, dict]] = []
    worker = Worker(module, THREADS, python)
    try:
        for candidate in candidates:
            choice = {k: v for k, v in candidate.items() if k != "error"} | extra
            if any(t < inf and c["order"] == choice["order"] and 1.3 * c["mesh"] < choice["mesh"] for t, c in times):
                continue  # a code with few meshes: a much smaller one is good enough
            job = Job(module, content, THREADS, choice, number_of(size))
            worker.time(job, FIRST_LOOK, with_error=True)
            times.append((min(job.times) if job.error <= TARGET else inf, choice))
    finally:
        worker.close()
    words = []
    for seconds, choice in times:
        others = [str(v) for k, v in choice.items() if k not in ("order", "mesh", *extra)]
        words.append(
            " ".join(
                [
                    f"p={choice['order']} K={choice['mesh']}",
                    *others,
                    f"{1e3 * seconds:.3g} ms" if seconds < inf else "error",
                ]
            )
        )
    if min(seconds for seconds, _ in times) == inf:
        raise PeerError(f"none of its meshes reaches the error ({'; '.join(words)})")
    return min(times, key=lambda t: t[0])[1], "; ".join(words)


def jobs_of(size: str, parameters: dict, arguments: argparse.Namespace, tried: dict[str, str]) -> list[Job]:
    """What to time at one size, at the best order and mesh of each code."""
    jobs = []
    for module, content, extra in LINES:
        if arguments.codes and module not in arguments.codes.split(","):
            continue
        name = " ".join([module, content, *extra.values()])
        candidates = parameters.get(module, {}).get(content, {}).get(size)
        if not candidates:
            print(f"{name} {size} is left out: no mesh in parameters.json reaches the error", flush=True)
            continue
        try:
            python = python_of(module, sys.executable, arguments.peers_python)
            choice, tried[f"{name} {size}"] = fastest(module, content, extra, size, candidates, python)
        except (PeerError, OSError) as error:
            print(f"{name} {size} is left out: {error}", flush=True)
            continue
        for threads in (THREADS,) if module in TWO_THREADS_ONLY else (1, THREADS):
            jobs.append(Job(module, content, threads, choice, number_of(size)))
    return jobs


def measure(jobs: list[Job], arguments: argparse.Namespace) -> None:
    """Times the jobs in turns."""
    workers = []
    for job in jobs:
        python = python_of(job.module, sys.executable, arguments.peers_python)
        workers.append(Worker(job.module, job.threads, python))
    for job, worker in zip(jobs, workers, strict=True):
        reference_forces(random_configuration(job.n), job.content)
        worker.time(job, 0.0, with_error=True)
        job.times.clear()
    for _ in range(arguments.rounds):
        for job, worker in zip(jobs, workers, strict=True):
            worker.time(job, arguments.budget)
    for worker in workers:
        worker.close()


def row(job: Job) -> list[str]:
    module = importlib.import_module(f"peers.{job.module}")
    name = module.NAME + (f" {job.choice['diff']}" if "diff" in job.choice else "")
    mesh = job.choice.get("precision", module.PRECISION)
    numbers = [str(job.choice["order"]), f"{job.choice['mesh']}³", f"{SMEARING:g}", f"{job.error:.1e}"]
    times = [f"{1e3 * min(job.times):.3g}", f"{1e3 * statistics.median(job.times):.3g}", str(len(job.times))]
    return [str(job.n), name, job.content.replace("mu", "μ"), mesh, str(job.threads), *numbers, *times]


def memory(precision: str) -> float | None:
    """Bytes per atom beside the mesh."""
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
        "Each code at the fastest order p and mesh K of those that reach 1e-4 (below). Smallest and median time of "
        "runs in turns with the others.",
        "",
    ]
    for name in dict.fromkeys(job.module for job in jobs):
        worker = Worker(name, 1, python_of(name, sys.executable, python))
        version = worker.ask(do="version")["version"]
        worker.close()
        lines.append(f"* {importlib.import_module(f'peers.{name}').SEPARATED} Version {version}.")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1k,8k,32k,128k")
    parser.add_argument("--codes", default="", help="only these modules of peers/")
    parser.add_argument("--peers-python", default=sys.executable, help="Python of the peers' environment")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--budget", type=float, default=0.4, help="seconds of each turn")
    parser.add_argument("--no-table", action="store_true", help="print only, keep nothing")
    arguments = parser.parse_args()
    parameters = read_parameters()
    unfinished = cache_folder() / "cpu_unfinished.json"
    kept = json.loads(unfinished.read_text()) if unfinished.exists() and not arguments.no_table else {}
    jobs: list[Job] = []
    tried: dict[str, str] = {}
    print("| " + " | ".join(HEADING) + " |")
    for size in arguments.sizes.split(","):
        if size not in kept:
            words: dict[str, str] = {}
            measured = jobs_of(size, parameters, arguments, words)
            measure(measured, arguments)
            kept[size] = {"jobs": [asdict(job) for job in measured], "tried": words}
            if not arguments.no_table:
                unfinished.write_text(json.dumps(kept))
        of_size = [Job(**job) for job in kept[size]["jobs"]]
        tried |= kept[size]["tried"]
        jobs += of_size
        for job in of_size:
            print("| " + " | ".join(row(job)) + " |", flush=True)
    lines = summary(jobs, {precision: memory(precision) for precision in ("float", "double")})
    print("\n" + "\n".join(lines))
    if arguments.no_table:
        return
    rows = [row(job) for job in jobs]
    title = "Mesh electrostatics on two CPU cores"
    path = write_table("pme_cpu", title, HEADING, rows, notes(jobs, arguments.peers_python))
    after = [*(f"* {line}" for line in lines), "", "Orders and meshes that reach the error, and their first times:", ""]
    after += [f"* {name}: {words}" for name, words in tried.items()]
    path.write_text(path.read_text() + "\n" + "\n".join(after) + "\n")
    unfinished.unlink(missing_ok=True)
    print(f"\n{path}")


if __name__ == "__main__":
    main()
