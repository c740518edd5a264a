"""What the workers of the peers share: times of an ASE calculator on moving atoms, printed as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time

import ase.io
import numpy as np
import torch

#: Calls in which TorchScript compiles; not counted.
WARM_UP = 3


def resident() -> float:
    """Memory of this process, kB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1024


def measure(make_calculator) -> None:
    """argv: structures.xyz seconds threads. One line of JSON per structure: n, first and fastest call (s), memory (kB).

    Energy and forces with the calculator's own neighbour list, anew at every step, as ASE's dynamics calls it.
    """
    path, seconds, threads = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    random = np.random.default_rng(0)
    for atoms in ase.io.iread(path):
        calculator = make_calculator()
        before = resident()
        atoms.calc = calculator
        begin = time.perf_counter()
        atoms.get_forces()
        first = time.perf_counter() - begin
        for _ in range(WARM_UP):
            atoms.positions += random.normal(scale=0.01, size=atoms.positions.shape)
            atoms.get_forces()
            if time.perf_counter() - begin > 4 * seconds:
                break
        times, stop = [], time.perf_counter() + seconds
        while not times or time.perf_counter() < stop:
            atoms.positions += random.normal(scale=0.01, size=atoms.positions.shape)
            moment = time.perf_counter()
            atoms.get_forces()
            times.append(time.perf_counter() - moment)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(json.dumps({"n": len(atoms), "first": first, "times": times, "memory": peak}), flush=True)
