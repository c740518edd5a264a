"""The order and mesh of a run: chosen from the first cell, kept while the cell changes little."""

import logging
from collections.abc import Sequence

import numpy as np

from hotpp_lr.electrostatics.accuracy import choose, estimated_error, fft_size
from hotpp_lr.electrostatics.error_model import Sources
from hotpp_lr.electrostatics.splines import MAX_ORDER

logger = logging.getLogger(__name__)

#: The mesh is chosen anew when the length of a cell vector has changed by more than this fraction. A mesh that follows
#: the cell at every step makes the energy jump.
CELL_CHANGE = 0.05


class MeshChoice:
    """Order and mesh for a wanted accuracy; csrc/pme/mesh_choice.h is the same in C++.

    order None: the cheapest is chosen as well. mesh: fixed by the user, never chosen. spacing: largest distance of
    mesh points along the cell vectors, Å, instead of the accuracy.
    """

    def __init__(
        self,
        *,
        smearing: float,
        accuracy: float,
        kernel: str = "gaussian",
        dipoles: bool = True,
        order: int | None = None,
        mesh: Sequence[int] | None = None,
        spacing: float | None = None,
    ) -> None:
        if mesh is not None and order is None:
            raise ValueError(f"the mesh {tuple(mesh)} is fixed without an assignment order: give the order as well.")
        if spacing is not None and (order is None or mesh is not None):
            raise ValueError(f"the spacing {spacing} decides the mesh for a given order: give order, but not mesh.")
        self._options = {"smearing": smearing, "kernel": kernel, "dipoles": dipoles}
        self._accuracy, self._spacing, self._fixed = accuracy, spacing, mesh is not None
        # forces on dipoles need order 4
        self._orders = range(4 if dipoles else 3, MAX_ORDER + 1) if order is None else [order]
        self.order = order
        self.mesh: tuple[int, int, int] | None = None if mesh is None else tuple(int(k) for k in mesh)
        self._lengths: np.ndarray | None = None

    def update(self, cell: np.ndarray, n_atoms: int, sources: Sources | None = None) -> bool:
        """Look at a cell [3, 3] Å; True when order and mesh have been chosen for it. sources: a measured structure."""
        lengths = np.linalg.norm(cell, axis=1)
        if self._fixed:
            return False
        if self._lengths is not None and np.all(np.abs(lengths / self._lengths - 1.0) <= CELL_CHANGE):
            return False
        before, self._lengths = self.mesh, lengths
        if self._spacing is not None:
            self.mesh = tuple(fft_size(max(self.order, length / self._spacing - 1e-9)) for length in lengths)
        else:
            options = self._options | {"accuracy": self._accuracy, "sources": sources}
            found = choose(cell, n_atoms, orders=self._orders, **options)
            self.order, self.mesh = found.order, found.mesh
        if before is not None:
            logger.info(
                "The cell has changed by more than %g %%: mesh %s, order %d, estimated error %.1e (mesh before: %s)",
                100 * CELL_CHANGE, self.mesh, self.order, self.estimate(cell, n_atoms, sources), before,
            )  # fmt: skip
        return True

    def estimate(self, cell: np.ndarray, n_atoms: int, sources: Sources | None = None) -> float:
        """Relative rms force error expected of the mesh for this cell."""
        if self.mesh is None or self.order is None:
            raise ValueError("no mesh has been chosen yet: call update with a cell first.")
        return estimated_error(
            cell, order=self.order, mesh=self.mesh, n_atoms=n_atoms, sources=sources, **self._options
        )
