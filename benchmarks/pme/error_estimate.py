"""Estimated over true force error of meshes, on many kinds of structures.

    python benchmarks/pme/error_estimate.py [--structures 60] [--seed 1] [--no-table]          about 2 minutes

Random charges, molten NaCl (frames of examples/molten_nacl, repeated, shaken by 0.15 Å, stretched, sheared) and slabs
of either; each with charges alone and with dipoles. 100 to 5000 atoms, 0.02 to 0.12 per Å³, σ = 0.7 to 2.5 Å, either
kernel; cubic, 60°, sheared, rods of 1:4 and plates of 1:3; orders 4 to 8, h/σ = 0.35 to 0.9. The judge is order 8 at
h/σ = 0.22 in float64, better than 1e-7; errors below 2e-6 or above 0.3 are left out. Known: the structure and its rms
force, as LAMMPS prints it after the first step; structure: without the force; nothing: a melt is assumed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import ase.io
import numpy as np
from common import write_table
from hotpp_lr import _pme
from hotpp_lr.electrostatics.accuracy import fft_size

MELT = Path(__file__).resolve().parents[2] / "examples" / "molten_nacl" / "data" / "test.xyz.gz"
KINDS = ("random", "melt", "slab")
SHAPES = ("cubic", "60 degrees", "sheared", "rod", "plate")
REPEATS = {"cubic": (1, 1, 1), "60 degrees": (2, 1, 1), "sheared": (2, 2, 1), "rod": (1, 1, 3), "plate": (1, 2, 2)}
LARGEST_JUDGE = 8e6  # mesh points


def rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


def empty_cell(shape: str, volume: float, rng: np.random.Generator) -> np.ndarray:
    """[3, 3] Å, rows are lattice vectors."""
    cell = {
        "cubic": np.eye(3),
        "60 degrees": np.array([[1, 0, 0], [0.5, 0.75**0.5, 0], [0.5, 12**-0.5, (2 / 3) ** 0.5]]),
        "sheared": np.eye(3) + rng.uniform(-0.35, 0.35, (3, 3)),
        "rod": np.diag([1.0, 1.0, 4.0]),
        "plate": np.diag([1.0, 3.0, 3.0]),
    }[shape]
    return cell * (volume / abs(np.linalg.det(cell))) ** (1 / 3)


def random_charges(n: int, density: float, shape: str, rng: np.random.Generator) -> tuple:
    """Cell, positions, charges."""
    cell, charges = empty_cell(shape, n / density, rng), rng.normal(size=n)
    return cell, rng.random((n, 3)) @ cell, charges - charges.mean()


def melt(n: int, density: float, shape: str, rng: np.random.Generator, frames: list) -> tuple:
    frame, repeats = frames[rng.integers(len(frames))], np.array(REPEATS[shape])
    while len(frame) * repeats.prod() * 8 <= n:
        repeats = 2 * repeats
    atoms = frame.repeat(tuple(repeats))
    atoms.rattle(0.15, seed=int(rng.integers(10**6)))
    scale = (len(atoms) / density / atoms.get_volume()) ** (1 / 3)
    shear = np.eye(3)
    if shape in ("60 degrees", "sheared"):
        shear += np.triu(rng.uniform(-0.3, 0.3, (3, 3)), 1)
    charges = np.where(atoms.numbers == 11, 1.0, -1.0) * rng.uniform(0.6, 1.2)
    return scale * atoms.cell.array @ shear, scale * atoms.positions @ shear, charges


def structure(kind: str, n: int, density: float, shape: str, rng: np.random.Generator, frames: list) -> tuple:
    if kind == "random":
        return random_charges(n, density, shape, rng)
    if kind == "melt":
        return melt(n, density, shape, rng, frames)
    half = rng.random() < 0.5
    cell, r, q = melt(n, density, "cubic", rng, frames) if half else random_charges(n, density, "cubic", rng)
    height = r[:, 2] % cell[2, 2]
    keep = height < cell[2, 2] / 3.2
    return cell, np.column_stack([r[keep, :2], height[keep]]), q[keep] - q[keep].mean()


def forces(order, mesh, smearing, kernel, kind, cell, atoms) -> np.ndarray:
    plan = _pme.Plan(order, tuple(mesh), smearing, kernel=kernel, boundary="slab" if kind == "slab" else "periodic")
    plan.set_cell(cell)
    return plan.execute(*atoms)["forces"]


def ratios(kind: str, rng: np.random.Generator, frames: list) -> list[tuple[bool, list[float]]]:
    """(dipoles, [known, structure, nothing]) of five meshes for charges, and five for charges with dipoles."""
    n, density, smearing = int(100 * 50 ** rng.random()), rng.uniform(0.02, 0.12), rng.uniform(0.7, 2.5)
    shape, kernel = SHAPES[rng.integers(len(SHAPES))], ("gaussian", "prolate")[rng.integers(2)]
    while True:
        cell, r, q = structure(kind, n, density, shape, rng, frames)
        lengths = np.linalg.norm(cell, axis=1)
        fine = [fft_size(max(8, length / (0.22 * smearing))) for length in lengths]
        if np.prod(fine, dtype=float) < LARGEST_JUDGE:
            break
        n //= 2
    found = []
    for dipoles in (False, True) if len(q) >= 10 else ():
        mu = rng.uniform(0.1, 0.6) * rng.normal(size=(len(q), 3)) if dipoles else None
        exact = forces(8, fine, smearing, kernel, kind, cell, (r, q, mu))
        known = _pme.Structure(r, q, mu, rms(exact) * 3**0.5), _pme.Structure(r, q, mu), len(q)
        for order in range(4, 9):
            spacing = rng.uniform(0.35, 0.9) * smearing
            mesh = [max(order, int(np.ceil(length / spacing))) for length in lengths]
            error = rms(forces(order, mesh, smearing, kernel, kind, cell, (r, q, mu)) - exact) / rms(exact)
            if 2e-6 < error < 0.3:
                options = {"kernel": kernel, "dipoles": dipoles}
                estimates = [_pme.estimated_error(cell, smearing, order, mesh, structure=s, **options) for s in known]
                found.append((dipoles, [estimate / error for estimate in estimates]))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--structures", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-table", action="store_true", help="print only, keep nothing")
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    frames = ase.io.read(MELT, ":8")
    found: dict[tuple, list] = {}
    for trial in range(arguments.structures):
        kind = KINDS[trial % len(KINDS)]
        for dipoles, values in ratios(kind, rng, frames):
            found.setdefault((kind, dipoles), []).append(values)
    heading = ["structures", "carries", "meshes", "known", "known, outside 0.5 to 2", "structure", "nothing"]
    rows = []
    for (kind, dipoles), values in found.items():
        known, of_structure, nothing = np.array(values).T
        ranges = [f"{v.min():.2f} to {v.max():.2f}" for v in (known, of_structure, nothing)]
        outside = int(((known < 0.5) | (known > 2.0)).sum())
        rows.append([kind, "q+μ" if dipoles else "q", str(len(values)), ranges[0], str(outside), *ranges[1:]])
    for row in (heading, *rows):
        print("| " + " | ".join(row) + " |")
    if not arguments.no_table:
        note = "\n\n".join(__doc__.split("\n\n")[2:])
        print(write_table("pme_error_estimate", "Estimated over true force error", heading, rows, note))


if __name__ == "__main__":
    main()
