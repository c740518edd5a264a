"""Finds for each code, size and order the coarsest mesh with a force error of at most 1e-4.

    python benchmarks/pme/tune.py [--codes native,openmm_cpu] [--sizes 1k,8k,32k,128k] [--peers-python PATH]

Only errors are looked at, so this can run on a busy machine; it has to be repeated when a code changes its errors. The
meshes, and the next larger ones that the code takes (a rounder number may transform faster), go to parameters.json
beside this file. Beyond `--searched` atoms the mesh spacing of the smaller sizes is taken over. cpu.py looks at the
error and the time of all of them and takes the fastest within the error.
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
#: Choices that a single code knows, tried one after the other.
CHOICES = {
    "nvalchemi": ({"precision": "float"}, {"precision": "double"}),
    "lammps_pppm": ({"diff": "ad"}, {"diff": "ik"}),
}
#: Smallest mesh spacing over smearing that is worth trying; order 5 with dipoles would need 0.18.
FINEST = 0.2
#: A larger mesh is a candidate up to this many times the points per axis.
ROUNDER = 1.1


def coarsest_mesh(worker: Worker, job_of, sizes: list[int], length: float, spacing: float) -> Job | None:
    """Smallest mesh whose error is within the target; spacing: first guess of h in Å."""
    jobs: dict[int, Job] = {}

    def error(i: int) -> float:
        if i not in jobs:
            jobs[i] = job_of(sizes[i])
            worker.time(jobs[i], 0.0, with_error=True)
        return jobs[i].error

    i = next(i for i, size in enumerate(sizes) if size >= length / spacing - 1e-9)
    while error(i) > TARGET:
        i += 1
        if length / sizes[i] < FINEST:
            return None
    while i > 0 and error(i - 1) <= TARGET:
        i -= 1
    return jobs[i]


def tune(name: str, content: str, sizes: list[str], python: str, searched: int) -> dict[str, list[dict]]:
    """Size -> candidates: order, mesh, choices, error."""
    module = importlib.import_module(f"peers.{name}")
    found: dict[str, list[dict]] = {}
    for extra in CHOICES.get(name, ({},)):
        for order in module.ORDERS:
            spacing: float | None = 0.3 + 0.06 * (order - 5)
            for size in sizes:
                n = number_of(size)
                length = float(random_configuration(n).cell[0, 0])

                def job_of(mesh, extra=extra, order=order, n=n):
                    return Job(name, content, 1, {"order": order, "mesh": mesh, **extra}, n)

                allowed = list(islice(module.mesh_sizes(8), 400))
                candidates = found.setdefault(size, [])
                mesh, error = next(m for m in allowed if m >= 0.999 * length / spacing), None
                if n <= searched:
                    worker = Worker(name, 1, python)
                    try:
                        best = coarsest_mesh(worker, job_of, allowed, length, spacing)
                    except PeerError as reason:
                        print(f"{name} {content} {size} p={order} {extra}: {reason}", flush=True)
                        break
                    finally:
                        worker.close()
                    if best is None:
                        print(f"{name} {content} {size} p={order} {extra}: no mesh within the error", flush=True)
                        break
                    mesh, error = best.choice["mesh"], float(f"{best.error:.2g}")
                    spacing = length / mesh
                candidates.append({"order": order, "mesh": mesh, **extra} | ({"error": error} if error else {}))
                print(f"{name} {content} {size}: {candidates[-1]}", flush=True)
                rounder = [m for m in allowed if mesh < m <= ROUNDER * mesh][: 1 if error else 2]
                if not error:  # the error at the smaller sizes may have had room
                    rounder.append(allowed[allowed.index(mesh) - 1])
                candidates += [{"order": order, "mesh": m, **extra} for m in rounder]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codes", default=",".join(MODULES))
    parser.add_argument("--sizes", default="1k,8k,32k,128k")
    parser.add_argument("--peers-python", default=sys.executable, help="Python of the peers' environment")
    parser.add_argument("--searched", default="8k", help="largest size whose errors are looked at")
    arguments = parser.parse_args()
    for name in arguments.codes.split(","):
        contents = ("q", "q+mu") if name == "native" else importlib.import_module(f"peers.{name}").CONTENTS
        for content in contents:
            python = python_of(name, sys.executable, arguments.peers_python)
            found = tune(name, content, arguments.sizes.split(","), python, number_of(arguments.searched))
            table = read_parameters() if PARAMETERS.exists() else {}
            ascending = {size: sorted(c, key=lambda x: (x["order"], x["mesh"])) for size, c in found.items()}
            table.setdefault(name, {}).setdefault(content, {}).update(ascending)
            PARAMETERS.write_text(text_of(table))


def text_of(table: dict) -> str:
    """JSON with one candidate per line."""
    lines = []
    for name, contents in sorted(table.items()):
        for content, sizes in sorted(contents.items()):
            for size, candidates in sorted(sizes.items(), key=lambda item: number_of(item[0])):
                lines.append([f"{name} {content} {size}", candidates])
    body = ",\n".join(
        f' "{key}": [\n  ' + ",\n  ".join(json.dumps(c) for c in candidates) + "\n ]" for key, candidates in lines
    )
    return "{\n" + body + "\n}\n"


def read_parameters() -> dict:
    """name -> content -> size -> candidates"""
    table: dict = {}
    for key, candidates in json.loads(PARAMETERS.read_text()).items():
        name, content, size = key.split()
        table.setdefault(name, {}).setdefault(content, {})[size] = candidates
    return table


if __name__ == "__main__":
    main()
