"""LAMMPS in the process of the tests, and what the tests ask of it."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import numpy as np
from hotpp_lr.lammps import lammps_instance
from ionic_crystals import Ions, write_data

#: bar·Å³ per energy unit, LAMMPS's own numbers (Force::nktv2p).
PRESSURE_UNIT = {"metal": 1.6021765e6, "real": 68568.415}


def mpi_rank() -> int:
    """0 without mpiexec."""
    return int(os.environ.get("PMI_RANK", 0))


def finalize() -> None:
    """End MPI, after the last instance. mpiexec kills all ranks as soon as one ends without having said so."""
    lammps_instance("-log", "none", "-screen", "none").finalize()


class Engine:
    """One LAMMPS instance with `ions` and `pair_style`; energies and forces in the units of `units`."""

    def __init__(
        self,
        data: Path,
        ions: Ions,
        pair_style: str,
        *,
        units="metal",
        coeff="* * Na Cl",
        extra=(),
        atom_style="atomic",
        boundary="p p p",
    ):
        self.units = units
        if mpi_rank() == 0:
            write_data(data, ions, atom_style)
        self.lmp = lammps_instance("-log", str(data.with_suffix(".log")), "-screen", "none")
        self.log = data.with_suffix(".log")
        self.commands(
            f"units {units}",
            f"boundary {boundary}",
            f"atom_style {atom_style}",
            "atom_modify map array",
            f"read_data {data}",
            f"pair_style {pair_style}",
            f"pair_coeff {coeff}",
            *extra,
            "compute virial all pressure NULL virial",
            "thermo_style custom step pe ke etotal c_virial[1]",
            "thermo_modify norm no",
        )

    def commands(self, *lines: str) -> Engine:
        for line in lines:
            self.lmp.command(line)
        return self

    def energy(self) -> float:
        return self.lmp.get_thermo("pe")

    def forces(self) -> np.ndarray:
        """[n, 3] in the order of the data file."""
        return self.per_atom("f", 3)

    def positions(self) -> np.ndarray:
        return self.per_atom("x", 3)

    def per_atom(self, name: str, columns: int) -> np.ndarray:
        return np.array(self.lmp.gather_atoms(name, 1, columns)).reshape(-1, columns)

    def fix(self, name: str, columns: int) -> np.ndarray:
        """Per-atom output of a fix, in the order of the data file."""
        return np.array(self.lmp.gather(f"f_{name}", 1, columns)).reshape(-1, columns)

    def compute(self, name: str, columns: int = 1) -> np.ndarray:
        """Per-atom output of a compute, in the order of the data file."""
        return np.array(self.lmp.gather(f"c_{name}", 1, columns)).reshape(-1, columns)

    def vector(self, name: str, length: int) -> np.ndarray:
        """Global vector of a compute."""
        return np.array([self.lmp.extract_compute(name, 0, 1)[i] for i in range(length)])

    def virial(self) -> np.ndarray:
        """[6] xx yy zz xy xz yz, in energy units."""
        return self.vector("virial", 6) * self.lmp.get_thermo("vol") / PRESSURE_UNIT[self.units]

    def scatter(self, positions: np.ndarray) -> None:
        """Move the atoms; positions [n, 3] in the order of the data file."""
        values = positions.ravel()
        self.lmp.scatter_atoms("x", 1, 3, (ctypes.c_double * len(values))(*values))

    def close(self) -> None:
        self.lmp.close()
