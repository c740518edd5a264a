"""What subtracting the force of the mesh on an atom by itself would gain: the spacing that reaches an error of 1e-4.

    python benchmarks/pme/self_force.py [--no-table]          about 1 minute

The self force is taken from the mesh itself, one atom alone at its place between the mesh points, so this is the best
that any series for it could do. Errors: rms deviation over rms force against a mesh of σ/6 at order 8, float64.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from common import write_table
from hotpp_lr import _pme

TARGET = 1e-4
SPACINGS = (0.85, 0.75, 0.66, 0.58, 0.51, 0.45, 0.4, 0.35, 0.3, 0.25)  # of the smearing, 1 Å
ORDERS = (5, 6, 7, 8)
HEADING = ("structure", "carries", "p", "h/σ", "h/σ without self force", "fewer mesh points")


def structures() -> dict[str, tuple[float, np.ndarray, np.ndarray, np.ndarray]]:
    """Edge Å, positions [n, 3] Å, charges [n] e, dipoles [n, 3] e·Å."""
    rng = np.random.default_rng(3)
    n, edge = 250, (250 / 0.1) ** (1 / 3)
    q = rng.normal(size=n)
    q = 0.5 * (q - q.mean()) / q.std()
    random = edge, edge * rng.random((n, 3)), q, 0.3 * rng.normal(size=(n, 3))
    site = np.stack(np.meshgrid(*[np.arange(6)] * 3, indexing="ij"), -1).reshape(-1, 3)
    shaken = 2.2 * (site + 0.5) + 0.25 * rng.normal(size=site.shape)
    ionic = 6 * 2.2, shaken, 0.8 * (1.0 - 2 * (site.sum(1) % 2)), 0.2 * rng.normal(size=site.shape)
    return {"random": random, "distorted rock salt": ionic}


def forces(spacing: float, points: int, order: int, atoms: list) -> list[np.ndarray]:
    """Forces of each of the lists of atoms by itself."""
    plan = _pme.Plan(order, (points,) * 3, 1.0)
    plan.set_cell(spacing * points * np.eye(3))
    return [plan.execute(*a)["forces"] for a in atoms]


def errors(edge: float, atoms: tuple, order: int, points: int, reference: np.ndarray) -> tuple[float, float]:
    """With and without the self force."""
    spacing = edge / points
    total = forces(spacing, points, order, [atoms])[0]
    alone = [tuple(None if a is None else a[i : i + 1] for a in atoms) for i in range(len(total))]
    # the self force is local: a cell of 9 Å with the same spacing has the same one
    own = np.concatenate(forces(spacing, max(order + 1, int(np.ceil(9.0 / spacing))), order, alone))
    scale = np.sqrt((reference**2).mean())
    return tuple(np.sqrt(((f - reference) ** 2).mean()) / scale for f in (total, total - own))


def spacing_for(target: float, spacings: list[float], found: list[float]) -> float:
    """Interpolated between logarithms; nan where the target is not crossed."""
    for (h0, e0), (h1, e1) in zip(
        zip(spacings, found, strict=True), zip(spacings[1:], found[1:], strict=False), strict=False
    ):
        if e1 < target <= e0:
            return h0 + (h1 - h0) * np.log(target / e0) / np.log(e1 / e0)
    return float("nan")


def main() -> None:
    rows = []
    for name, (edge, positions, charges, dipoles) in structures().items():
        for carries, mu in (("q", None), ("q+μ", dipoles)):
            atoms = (positions, charges, mu)
            fine = int(np.ceil(6 * edge))
            reference = forces(edge / fine, fine, 8, [atoms])[0]
            for order in ORDERS:
                meshes = [int(np.ceil(edge / h)) for h in SPACINGS]
                found = [errors(edge, atoms, order, points, reference) for points in meshes]
                spacings = [edge / points for points in meshes]
                with_self, without = (spacing_for(TARGET, spacings, [f[k] for f in found]) for k in (0, 1))
                if np.isnan(with_self + without):
                    continue
                gain = (without / with_self) ** 3
                rows.append((name, carries, str(order), f"{with_self:.3f}", f"{without:.3f}", f"{gain:.2f}×"))
                print(" | ".join(rows[-1]), flush=True)
    if "--no-table" not in sys.argv:
        print(write_table("pme_self_force", "The self force of the mesh", HEADING, rows, __doc__.split("\n\n")[2]))


if __name__ == "__main__":
    main()
