"""One module per code. Each offers

    NAME         as it appears in the table
    PRECISION    of the mesh
    CONTENTS     what it can carry: q, q+mu, mu
    ORDERS       assignment orders it offers, for the tuning step
    SEPARATED    how the reciprocal part is separated from the rest, one sentence for the notes of the table
    WARM_UP      (optional) False if a first run is like all others
    version()    of the package; an ImportError (or FileNotFoundError) means that it is not installed
    mesh_sizes(minimum)  iterator over the points per axis that it takes, ascending
    setup(configuration, content, order, mesh, threads, **choices)
                 -> run() -> (seconds of the reciprocal part, forces [n, 3] eV/Å)

`choices` are those of the tuned parameters (parameters.json) that a single code knows, e.g. ik or ad of LAMMPS.
"""

from __future__ import annotations

from collections.abc import Iterator

#: module name -> what is in the way of thread pools that another code has started: each runs in its own process
MODULES = ("native", "nvalchemi_multipole", "nvalchemi", "openmm_cpu", "torch_p3m", "lammps_pppm", "lammps_pppm_dipole")


def smooth_sizes(minimum: int, factors: tuple[int, ...] = (2, 3, 5, 7)) -> Iterator[int]:
    """Integers >= minimum without other prime factors."""
    n = minimum
    while True:
        rest = n
        for factor in factors:
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            yield n
        n += 1
