"""Memory of a plan beside its mesh, as the growth of this process: many atoms on a small mesh."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

ATOMS, MESH = 1_000_000, 64


def resident() -> int:
    """Bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def bytes_per_atom(precision: str) -> float:
    from hotpp_lr import _pme

    rng = np.random.default_rng(0)
    positions, charges = 200 * rng.random((ATOMS, 3)), rng.normal(size=ATOMS)
    dipoles = rng.normal(size=(ATOMS, 3))
    plan = _pme.Plan(6, (MESH,) * 3, 4.0, precision=precision)
    plan.set_cell(200 * np.eye(3))
    plan.execute(positions[:10], charges[:10], dipoles[:10])
    before = resident()
    for _ in range(2):
        plan.execute(positions, charges, dipoles)  # what it returns is freed at once
    return (resident() - before) / ATOMS


if __name__ == "__main__":
    print(bytes_per_atom(sys.argv[1] if len(sys.argv) > 1 else "float"))
