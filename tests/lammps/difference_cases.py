"""Finite differences through LAMMPS on as many ranks as it is started on: difference_cases.py model.pt results.npz"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from ionic_crystals import rock_salt
from lammps_engine import Engine, finalize, mpi_rank

#: A fine mesh: it is not invariant under rotation, and the virial is that of an energy that is.
STYLE = "hotpp/lr {} order 8 accuracy 1e-8"
#: Error of a central difference ~ step² (3e-10 here) times third derivatives, and rounding 1e-12/step.
STEP = 2e-5


def strained(tilts: dict[str, float], lengths: dict[str, float], component: str, strain: float) -> str:
    """The command that deforms a box by (1 + ε) with one ε_ab, a <= b: the box keeps LAMMPS's triangular form."""
    lx, ly, lz = (lengths[a] for a in "xyz")
    xy, xz, yz = (tilts[t] for t in ("xy", "xz", "yz"))
    box = {"x": lx, "y": ly, "z": lz, "xy": xy, "xz": xz, "yz": yz}
    rows = {"x": (("x", "x"), ("xy", "xy"), ("xz", "xz")), "y": (("y", "y"), ("yz", "yz")), "z": (("z", "z"),)}
    a, b = component
    if a == b:
        for key, old in rows[a]:
            box[key] += strain * box[old]
    elif component == "xy":
        box["xy"], box["xz"] = xy + strain * ly, xz + strain * yz
    else:
        box[component] += strain * lz
    lines = [f"{axis} final 0 {box[axis]!r}" for axis in "xyz"] + [f"{t} final {box[t]!r}" for t in ("xy", "xz", "yz")]
    return "change_box all " + " ".join(lines) + " remap"


def main(model: str, output: str) -> None:
    ions = rock_salt((4, 4, 4), tilt=(0.2, -0.1, 0.15))
    engine = Engine(Path(output).with_suffix(".data"), ions, STYLE.format(model)).commands("run 0")
    results = {"forces": engine.forces(), "virial": engine.virial(), "energy": np.array(engine.energy())}

    x = engine.positions()
    rng = np.random.default_rng(11)
    slopes, directions = [], []
    for _ in range(3):
        direction = rng.normal(size=x.shape)
        direction -= direction.mean(0)  # the net force of the mesh is taken out: no test of a common shift
        energies = []
        for sign in (1, -1):
            engine.scatter(x + sign * STEP * direction)
            energies.append(engine.commands("run 0").energy())
        slopes.append((energies[0] - energies[1]) / (2 * STEP))
        directions.append(direction)
    engine.scatter(x)
    results |= {"slopes": np.array(slopes), "directions": np.array(directions)}

    lengths = dict(zip("xyz", map(float, np.diag(ions.cell)), strict=True))
    tilts = {"xy": float(ions.cell[1, 0]), "xz": float(ions.cell[2, 0]), "yz": float(ions.cell[2, 1])}
    by_strain = []
    for component in ("xx", "yy", "zz", "xy", "xz", "yz"):
        energies = []
        for strain in (STEP, -STEP):
            engine.commands(strained(tilts, lengths, component, strain), "run 0")
            energies.append(engine.energy())
            engine.commands(strained(tilts, lengths, component, 0.0))
            engine.scatter(x)
        by_strain.append((energies[0] - energies[1]) / (2 * STEP))
    results["by strain"] = np.array(by_strain)
    engine.close()
    if mpi_rank() == 0:
        np.savez(output, **results)
    finalize()


if __name__ == "__main__":
    main(*sys.argv[1:])
