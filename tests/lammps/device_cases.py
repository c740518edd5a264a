"""Runs cases on a kind of device: mpiexec -n 2 python device_cases.py emulated models results.npz case ...

The results are compared with those of the processor (test_device.py).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from lammps_engine import finalize, mpi_rank
from rank_cases import CASES, run_case


def on_device(style: str, device: str) -> str:
    """A pair style with the keyword after its last model file."""
    head, tail = style.rsplit(".pt", 1)
    return f"{head}.pt device {device}{tail}"


def main(device: str, folder: str, output: str, *names: str) -> None:
    results = {}
    for name in names:
        case = replace(CASES[name], style=on_device(CASES[name].style, device))
        for key, value in run_case(case, folder, Path(output).with_suffix(".data")).items():
            results[f"{name}: {key}"] = value
    if mpi_rank() == 0:
        np.savez(output, **results)
    finalize()


if __name__ == "__main__":
    main(*sys.argv[1:])
