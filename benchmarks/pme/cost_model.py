"""Measures the coefficients of the mesh's cost model (electrostatics/accuracy.py, csrc/pme/accuracy.cpp).

    python benchmarks/pme/cost_model.py

One thread, float32 mesh, energy, forces, potential and field; the smallest of several runs. Prints nanoseconds per atom
against order² (the slope is the cost per row of mesh points) and nanoseconds per mesh point against its logarithm.
"""

from __future__ import annotations

import time

import numpy as np
from hotpp_lr import _pme

LENGTH, FEW, MANY = 46.4, 200, 8000
ORDERS = (4, 5, 6, 7, 8)
MESHES = (24, 32, 48, 64, 96, 128, 160)


def seconds(n: int, order: int, points: int, dipoles: bool) -> float:
    rng = np.random.default_rng(0)
    positions, charges = rng.uniform(0, LENGTH, (n, 3)), rng.normal(size=n)
    moments = rng.normal(size=(n, 3)) if dipoles else None
    plan = _pme.Plan(order, (points, points, points), 1.0, precision="float")
    plan.set_cell(LENGTH * np.eye(3))
    times = []
    for _ in range(9):
        start = time.perf_counter()
        plan.execute(positions, charges, moments)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    _pme.set_num_threads(1)
    for dipoles in (False, True):
        per_atom = [(seconds(MANY, p, 64, dipoles) - seconds(FEW, p, 64, dipoles)) / (MANY - FEW) * 1e9 for p in ORDERS]
        row, atom = np.polyfit(np.square(ORDERS), per_atom, 1)
        listed = ", ".join(f"p={p}: {t:.0f}" for p, t in zip(ORDERS, per_atom, strict=True))
        name = "charges and dipoles" if dipoles else "charges"
        print(f"{name}: ns per atom {listed}; ATOM_COST {atom:.0f}, ROW_COST {row:.2f}")
    for points in MESHES:
        per_point = seconds(FEW, 6, points, True) / points**3 * 1e9
        print(f"mesh {points}³: {per_point:.2f} ns per point, {per_point / np.log2(float(points) ** 3):.3f} per log2")


if __name__ == "__main__":
    main()
