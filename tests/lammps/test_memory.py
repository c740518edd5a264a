"""Nothing grows with the number of steps. The run of 10⁵ steps is benchmarks/md/memory_growth.py."""

import os
from pathlib import Path

import pytest
from ionic_crystals import rock_salt

EVERYTHING = (
    "velocity all create 300 4711",
    "timestep 0.001",
    "neigh_modify every 2 delay 0 check no",
    "fix npt all npt temp 300 300 0.1 iso 0 0 1.0",
    "fix q all pair 10 hotpp/lr charge 0",
    "compute stress all stress/atom NULL virial",
    "dump d all custom 20 /dev/null c_stress[1] f_q",
    "thermo 100",
)


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("keywords", ["", "precision single"])
def test_memory_does_not_grow_with_the_steps(models, engine, keywords):
    """1000 steps of a box that changes, with new neighbour lists, stresses and outputs."""
    lammps = engine(rock_salt((2, 2, 2), noise=0.05), f"hotpp/lr {models['charge+dipole']} {keywords}")
    lammps.commands(*EVERYTHING, "run 400")
    before = resident()
    lammps.commands("run 1000")
    # 256 bytes a step would be 25 MB in 10⁵ steps; an allocator that fetches a last arena takes 132 kB at once
    assert resident() - before <= 256_000


def test_memory_does_not_grow_with_the_runs(models, engine):
    """Every run sets up anew: the mesh and the model must be those of the run before."""
    lammps = engine(rock_salt((2, 2, 2), noise=0.05), f"hotpp/lr {models['charge+dipole']}")
    lammps.commands(*EVERYTHING, *["run 1"] * 30)
    before = resident()
    lammps.commands(*["run 1"] * 60)
    # a mesh and its tables are 100 kB here, a model more: 60 of them would be 6 MB
    assert resident() - before <= 1_000_000
