"""Systems of test_pme_boundary_matrix.py, shared with its MPI ranks. No torch: ranks start fast."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from hotpp_lr import _pme_mpi

SMEARING, ORDER, ATOMS = 1.5, 8, 14
BOUNDARIES = ("periodic", "slab", "cluster")
KERNELS = ("gaussian", "prolate")
#: h/σ = 0.22 along every axis
CELLS = {
    "periodic": np.array([[8.0, 0.0, 0.0], [1.5, 7.5, 0.0], [-1.0, 1.0, 8.5]]),
    "slab": np.array([[8.0, 0.0, 0.0], [1.5, 7.5, 0.0], [0.0, 0.0, 32.0]]),
    "cluster": None,
}
MESHES = {"periodic": (25, 24, 27), "slab": (25, 24, 98), "cluster": None}
#: Asked for of the mesh of a cluster: the smallest that the tail of the prolate kernel allows, 1e-4, and well below.
CLUSTER_ACCURACY = {"gaussian": 1e-6, "prolate": 1e-4}


@dataclass(frozen=True)
class System:
    boundary: str
    kernel: str
    net_charge: float
    with_dipoles: bool

    def __str__(self) -> str:
        sources = "charges and dipoles" if self.with_dipoles else "charges"
        return f"{self.boundary}, {self.kernel}, {sources}, net charge {self.net_charge:g}"

    def atoms(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        rng = np.random.default_rng(5)
        edges = {"periodic": (8.0, 8.0, 8.0), "slab": (8.0, 8.0, 3.0), "cluster": (6.0, 4.0, 5.0)}[self.boundary]
        charges = rng.normal(size=ATOMS)
        charges += self.net_charge / ATOMS - charges.mean()
        dipoles = 0.3 * rng.normal(size=(ATOMS, 3))
        return rng.random((ATOMS, 3)) * edges, charges, dipoles if self.with_dipoles else None

    def mesh_options(self) -> dict:
        return {"order": ORDER, "mesh": MESHES[self.boundary], "smearing": SMEARING, "kernel": self.kernel}

    def cluster_options(self, method: str) -> dict:
        accuracy = CLUSTER_ACCURACY[self.kernel]
        return {"smearing": SMEARING, "kernel": self.kernel, "accuracy": accuracy, "method": method}


SYSTEMS = {str(s): s for s in (System(*c) for c in product(BOUNDARIES, KERNELS, (0.0, 1.5), (False, True)))}
#: How a boundary may be done: on the mesh, or by the direct sum as well.
METHODS = {"periodic": ("mesh",), "slab": ("mesh",), "cluster": ("mesh", "direct")}


def distributed(rank: int, ranks: int) -> dict:
    """Everything on the ranks of mpi_worker.py: {(system, method, precision): results of this rank's atoms}."""
    results = {}
    for name, system in SYSTEMS.items():
        own = np.arange(rank, ATOMS, ranks)
        r, q, mu = system.atoms()
        atoms = r[own], q[own], None if mu is None else mu[own]
        for method, precision in product(METHODS[system.boundary], ("Double", "Float")):
            if system.boundary == "cluster":
                solver = getattr(_pme_mpi, f"DistributedCluster{precision}")(**system.cluster_options(method))
            else:
                plan = getattr(_pme_mpi, f"DistributedPlan{precision}")
                solver = plan(boundary=system.boundary, **system.mesh_options())
                solver.set_cell(CELLS[system.boundary])
            found = solver.execute(*atoms, strain=True)
            results[name, method, precision.lower()] = found | {"own": own}
    return results
