"""Finds for each code and size the fastest order and mesh with a force error of at most 1e-4.

    python benchmarks/pme/tune.py [--codes native,openmm_cpu] [--sizes 1k,8k,32k,128k] [--peers-python PATH]

For every order: the coarsest mesh within the error, and the next larger ones that the code takes (a rounder number may
transform faster). Results go to parameters.json beside this file, with everything that was tried.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from itertools import islice
from pathlib import Path

from client import Job, PeerError, Worker, python_of
from configurations import number_of, random_configuration
from peers import MODULES

PARAMETERS = Path(__file__).with_name("parameters.json")
TARGET = 1e-4
THREADS = 2
#: Choices that a single code knows, tried one after the other.
CHOICES = {
    "native": ({"precision": "float"}, {"precision": "double"}),
    "nvalchemi": ({"precision": "float"}, {"precision": "double"}),
    "lammps_pppm": ({"diff": "ad"}, {"diff": "ik"}),
}
#: Smallest mesh spacing over smearing that is worth trying; 5th order with dipoles would need 0.18.
FINEST = 0.2
ROUNDER = 3  # meshes per order that are timed


def key(module: str, choice: dict) -> str:
    """Of a module in the parameters; our own two precisions are lines of their own, a peer's best one is taken."""
    return f"{module} {choice['precision']}" if module == "native" else module


def coarsest_mesh(worker: Worker, job_of, module, order: int, length: float, spacing: float) -> Job | None:
    """Smallest mesh whose error is within the target; spacing: first guess of h in Å."""
    sizes = list(islice(module.mesh_sizes(max(8, order)), 400))
    jobs: dict[int, Job] = {}

    def error(i: int) -> float:
        if i not in jobs:
            jobs[i] = job_of(order, sizes[i])
            worker.time(jobs[i], 0.0, with_error=True)
        return jobs[i].error

    i = next(i for i, size in enumerate(sizes) if size >= length / spacing)
    while error(i) > TARGET:
        i += 1
        if length / sizes[i] < FINEST:
            return None
    while i > 0 and error(i - 1) <= TARGET:
        i -= 1
    return jobs[i]


def tune(name: str, content: str, sizes: list[str], python: str, table: dict) -> None:
    module = importlib.import_module(f"peers.{name}")
    best: dict[str, dict[str, dict]] = {}
    spacings: dict[tuple, float] = {}
    for size in sizes:
        n = number_of(size)
        length = float(random_configuration(n).cell[0, 0])
        worker = Worker(name, THREADS, python)
        for extra in CHOICES.get(name, ({},)):
            tried = best.setdefault(key(name, extra), {}).setdefault(size, {"tried": []})["tried"]
            for order in module.ORDERS:

                def job_of(order, mesh, extra=extra, n=n):
                    return Job(name, content, THREADS, {"order": order, "mesh": mesh, **extra}, n)

                guess = spacings.get((order, *extra.values()), 0.3 + 0.06 * (order - 5))
                found = None if guess is None else coarsest_mesh(worker, job_of, module, order, length, guess)
                if found is None:
                    spacings[order, *extra.values()] = None
                    continue
                spacings[order, *extra.values()] = length / found.choice["mesh"] * 1.02
                # a code whose meshes are powers of two has no rounder one worth timing
                more = islice(module.mesh_sizes(found.choice["mesh"] + 1), ROUNDER - 1)
                meshes = [m for m in more if m < 1.15 * found.choice["mesh"]]
                for job in [found, *(job_of(order, mesh) for mesh in meshes)]:
                    job.times.clear()
                    worker.time(job, 0.4, with_error=True)
                    tried.append({**job.choice, "error": float(f"{job.error:.2e}"), "ms": 1e3 * min(job.times)})
                    print(f"{name} {content} {size}: {tried[-1]}", flush=True)
        worker.close()
    for label, by_size in best.items():
        for size, found in by_size.items():
            good = [t for t in found["tried"] if t["error"] <= TARGET]
            if good:
                choice = min(good, key=lambda t: t["ms"])
                kept = {k: v for k, v in choice.items() if k not in ("error", "ms")}
                tried = [
                    " ".join(f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in t.items())
                    for t in found["tried"]
                ]
                table.setdefault(label, {}).setdefault(content, {})[size] = {"choice": kept, "tried": tried}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codes", default=",".join(MODULES))
    parser.add_argument("--sizes", default="1k,8k,32k,128k")
    parser.add_argument("--peers-python", default=sys.executable, help="Python of the peers' environment")
    arguments = parser.parse_args()
    table = json.loads(PARAMETERS.read_text()) if PARAMETERS.exists() else {}
    for name in arguments.codes.split(","):
        contents = ("q", "q+mu") if name == "native" else importlib.import_module(f"peers.{name}").CONTENTS
        python = python_of(name, sys.executable, arguments.peers_python)
        for content in contents:
            try:
                tune(name, content, arguments.sizes.split(","), python, table)
            except PeerError as error:
                print(f"{name} {content}: {error}")
            PARAMETERS.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
