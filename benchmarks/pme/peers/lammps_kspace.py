"""What the two LAMMPS peers share: a run of a few steps with fixed atoms, and the Kspace line of its timing.

Every run is a new process: the ranks of a waiting one would keep both cores busy.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SEPARATED = (
    "LAMMPS: Kspace time of its own timing table (forces only, all pairs excluded from the neighbour lists), MPI ranks "
    "for threads."
)
DECK = """
units metal
atom_style {style}
atom_modify map array sort 0 0.0
newton on
processors {ranks} 1 1
read_data {folder}/atoms.data
pair_style {pair}
pair_coeff * * {coefficients}
neighbor 0.5 bin
neigh_modify delay 100000 every 1 check no exclude type 1 1
kspace_style {kspace} 1.0e-4
kspace_modify mesh {mesh} {mesh} {mesh} order {order} gewald {g} diff {diff} compute yes
thermo 1000000
run {steps}
write_dump all custom {folder}/forces.txt id fx fy fz modify sort id format float %.16g
"""


def version() -> str:
    import importlib.metadata

    program("lmp")
    program("mpiexec")
    return importlib.metadata.version("lammps")


def program(name: str) -> str:
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise FileNotFoundError(f"{name} is not beside the Python of this process")
    return str(path)


def mesh_sizes(minimum: int):
    from peers import smooth_sizes

    return smooth_sizes(minimum, (2, 3, 5))


def setup(configuration, kspace, order, mesh, threads, diff):
    dipolar = kspace == "pppm/dipole"
    folder = Path(tempfile.mkdtemp(prefix="hotpp_lammps_"))
    write_atoms(folder / "atoms.data", configuration, dipolar)
    deck = {
        "style": "hybrid sphere dipole" if dipolar else "charge",  # sphere: torques
        "pair": "lj/cut/dipole/long 6.0 6.0" if dipolar else "coul/long 6.0",
        "coefficients": "0.0 1.0" if dipolar else "",
        "kspace": kspace,
        "mesh": mesh,
        "order": order,
        "g": 1.0 / (2**0.5 * configuration.smearing),
        "diff": diff,
        "ranks": threads,
        "folder": folder,
        "steps": max(2, 40000 // len(configuration)),
    }
    (folder / "in.lmp").write_text(DECK.format(**deck))
    command = [program("lmp"), "-in", str(folder / "in.lmp"), "-log", "none"]
    if threads > 1:
        command = [program("mpiexec"), "-n", str(threads), *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def run():
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=folder)
        found = re.search(r"^Kspace\s*\|\s*\S+\s*\|\s*(\S+)", result.stdout, re.MULTILINE)
        if result.returncode != 0 or not found:
            raise RuntimeError(next((s for s in result.stdout.splitlines() if "ERROR" in s), result.stderr[-300:]))
        forces = np.loadtxt(folder / "forces.txt", skiprows=9)[:, 1:]
        return float(found.group(1)) / deck["steps"], forces

    return run


def write_atoms(path: Path, configuration, dipolar: bool) -> None:
    charges, dipoles = configuration.sources("mu" if dipolar else "q")
    length = float(configuration.cell[0, 0])
    lines = ["random", "", f"{len(configuration)} atoms", "1 atom types", ""]
    lines += [f"0 {length!r} {axis}lo {axis}hi" for axis in "xyz"]
    lines += ["", *([] if dipolar else ["Masses", "", "1 1.0", ""]), "Atoms", ""]
    for i, (r, q) in enumerate(zip(configuration.positions.tolist(), charges.tolist(), strict=True)):
        text = " ".join(map(repr, r))
        if dipolar:
            lines.append(f"{i + 1} 1 {text} 1.0 1.0 0.0 " + " ".join(map(repr, dipoles[i].tolist())))
        else:
            lines.append(f"{i + 1} 1 {q!r} {text}")
    path.write_text("\n".join(lines) + "\n")
