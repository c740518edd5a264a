"""What the ranks of test_pme_mpi_clusters.py compute. No torch: ranks start fast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hotpp_lr import _pme_mpi
from mpi_cases import OWNERSHIPS

SMEARING = 1.2


@dataclass(frozen=True)
class Cluster:
    ownership: str = "dealt"
    method: str = "mesh"
    precision: str = "double"
    dipoles: bool = True
    atoms: int = 60
    edges: tuple[float, float, float] = (9.0, 7.0, 4.0)
    kernel: str = "gaussian"
    subtract_self: bool = True
    outputs: bool = True
    steps: tuple[float, ...] = (1.0,)  # sizes of the cluster, in its first

    def system(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Positions around a place far from the origin, charges that are not neutral, dipoles."""
        rng = np.random.default_rng(self.atoms)
        positions = self.steps[step] * rng.random((self.atoms, 3)) * self.edges + (30.0, -20.0, 5.0 * step)
        positions[1:2] = positions[:1]  # two atoms at one place
        charges, dipoles = rng.normal(size=self.atoms) + 0.1, 0.3 * rng.normal(size=(self.atoms, 3))
        return positions, charges, dipoles if self.dipoles else None

    def options(self) -> dict:
        accuracy = 1e-4 if self.kernel == "prolate" else 1e-5
        return {"smearing": SMEARING, "kernel": self.kernel, "accuracy": accuracy, "method": self.method,
                "subtract_self": self.subtract_self}  # fmt: skip

    def owner(self, step: int, ranks: int) -> np.ndarray:
        scaled = np.random.default_rng(1).random((self.atoms, 3))
        return OWNERSHIPS[self.ownership](scaled, ranks, np.random.default_rng(7 + step))


CASES = {
    **{
        f"{method}, {name}": Cluster(name, method)
        for method in ("mesh", "direct")
        for name in ("tiled", "dealt", "last_owns_all", "every_other_is_empty")
    },
    **{f"{method}, charges only": Cluster(method=method, dipoles=False) for method in ("mesh", "direct")},
    **{f"{method}, float": Cluster(method=method, precision="float") for method in ("mesh", "direct")},
    **{f"{method}, prolate": Cluster(method=method, kernel="prolate") for method in ("mesh", "direct")},
    **{f"{method}, self energy": Cluster(method=method, subtract_self=False) for method in ("mesh", "direct")},
    **{f"{method}, energy and virial only": Cluster(method=method, outputs=False) for method in ("mesh", "direct")},
    **{f"auto, {n} atoms": Cluster(method="auto", atoms=n) for n in (0, 1, 2)},
    "auto, small: direct": Cluster(method="auto"),
    "auto, large: mesh": Cluster(method="auto", atoms=1500, edges=(16.0, 14.0, 12.0), dipoles=False),
    "mesh, moving": Cluster("tiled", steps=(1.0, 1.02, 1.3, 0.6)),
    "direct, moving": Cluster("tiled", "direct", steps=(1.0, 1.5)),
}


def solver_of(case: Cluster):
    kind = {"double": _pme_mpi.DistributedClusterDouble, "float": _pme_mpi.DistributedClusterFloat}[case.precision]
    return kind(**case.options())


def distributed(rank: int, ranks: int) -> dict:
    """{(case, step): results of this rank's atoms, `own` (whose they are), mesh, sent}."""
    results = {}
    for name, case in CASES.items():
        cluster = solver_of(case)
        for step in range(len(case.steps)):
            r, q, mu = case.system(step)
            own = np.flatnonzero(case.owner(step, ranks) == rank)
            atoms = r[own], q[own], None if mu is None else mu[own]
            found = cluster.execute(*atoms, strain=True, outputs=case.outputs)
            results[name, step] = found | {"own": own, "order": cluster.order, "mesh": cluster.mesh}
            results[name, step]["sent"] = cluster.sent
    # some ranks without dipoles, and what is wanted differs: as if those dipoles were zero
    case = Cluster(method="direct")
    r, q, mu = case.system(0)
    own = np.flatnonzero(case.owner(0, ranks) == rank)
    for method in ("direct", "mesh"):
        cluster = _pme_mpi.DistributedClusterDouble(SMEARING, method=method, accuracy=1e-5)
        found = cluster.execute(r[own], q[own], mu[own] if rank == 0 else None, strain=rank == 0, outputs=rank != 0)
        results["mixed", method] = found | {"own": own}
    return results


def mistakes(rank: int, ranks: int) -> dict:
    """The exception of each mistake on this rank, and whether a good step after all of them is as before."""
    case = Cluster()
    r, q, mu = case.system(0)
    own = np.flatnonzero(case.owner(0, ranks) == rank)
    results = {}

    def attempt(name, action):
        try:
            action()
            results[name] = None
        except Exception as error:
            results[name] = f"{type(error).__name__}: {error}"

    for method in ("mesh", "direct"):
        cluster = _pme_mpi.DistributedClusterDouble(SMEARING, method=method, accuracy=1e-5)
        good = r[own], q[own], mu[own]
        before = cluster.execute(*good, strain=True)
        for which, value, name in ((0, np.nan, "position nan"), (1, np.inf, "charge inf"), (2, np.nan, "dipole nan"),
                                   (0, 1e9, "far away"), (0, 1e12, "lost")):  # fmt: skip
            atoms = [array.copy() for array in good]
            if rank == 1:
                atoms[which].flat[0] = value
            attempt(f"{name}, {method}", lambda cluster=cluster, atoms=atoms: cluster.execute(*atoms))
        attempt(f"strain of atoms, {method}", lambda cluster=cluster, good=good: cluster.atom_strain(*good))
        huge = [array.copy() for array in good]
        huge[1][:] = 1e200
        attempt(f"huge, {method}", lambda cluster=cluster, huge=huge: cluster.execute(*huge, strain=True))
        after = cluster.execute(*good, strain=True)
        results[f"same after mistakes, {method}"] = all(np.array_equal(before[k], after[k]) for k in before)
    settings = {
        "smearings differ": {"smearing": SMEARING + 0.1 * (rank == 1)},
        "methods differ": {"method": "mesh" if rank == 1 else "direct"},
        "accuracy 2": {"accuracy": 2.0},
        "prolate too accurate": {"kernel": "prolate", "accuracy": 1e-6, "method": "mesh"},
    }
    for name, change in settings.items():
        arguments = {"smearing": SMEARING} | change
        attempt(name, lambda arguments=arguments: _pme_mpi.DistributedClusterDouble(**arguments))
    return results
