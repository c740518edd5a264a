"""One labelled structure, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Structure:
    """Positions [n, 3] Å, cell [3, 3] Å (rows are vectors), and whichever labels the file has.

    energy eV, forces [n, 3] eV/Å, stress [3, 3] eV/Å³ (ASE's sign: positive under tension). A label that is
    None was not in the file; the loss then has no such term for this structure. total_charge e: None is that of the
    model. names: what the labels are called in the file. kind: its `config_type`.
    """

    numbers: np.ndarray
    positions: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray
    energy: float | None = None
    forces: np.ndarray | None = None
    stress: np.ndarray | None = None
    total_charge: float | None = None
    names: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    source: str = ""
    kind: str = ""

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def periodic(self) -> bool:
        """In all three directions."""
        return bool(self.pbc.all())

    @property
    def cluster(self) -> bool:
        """Periodic in no direction."""
        return not self.pbc.any()
