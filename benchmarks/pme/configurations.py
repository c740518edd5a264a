"""The configurations of the mesh benchmark: random smeared charges and dipoles in a cubic cell.

Positions are uniform: the forces then have their weight at long wavelengths, as in a gas; no code is favoured.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DENSITY = 0.1  # atoms/Å³
SMEARING = 1.0  # Å
RMS_CHARGE = 0.5  # e
DIPOLE_COMPONENT = 0.3  # e·Å, rms
COULOMB_CONSTANT = 14.399645478425668  # eV Å/e², CODATA 2018; as hotpp_lr.constants

#: Which sources act: charges, charges and dipoles, dipoles.
CONTENTS = ("q", "q+mu", "mu")


@dataclass(frozen=True)
class Configuration:
    cell: np.ndarray  # [3, 3] Å, rows are lattice vectors
    positions: np.ndarray  # [n, 3] Å
    charges: np.ndarray  # [n] e
    dipoles: np.ndarray  # [n, 3] e·Å
    smearing: float = SMEARING  # Å

    def __len__(self) -> int:
        return len(self.positions)

    def sources(self, content: str) -> tuple[np.ndarray, np.ndarray | None]:
        """Charges [n] and dipoles [n, 3] or None."""
        charges = np.zeros_like(self.charges) if content == "mu" else self.charges
        return charges, None if content == "q" else self.dipoles


def random_configuration(n: int) -> Configuration:
    """The same one for the same n, always."""
    rng = np.random.default_rng(n)
    length = (n / DENSITY) ** (1 / 3)
    charges = rng.normal(size=n)
    charges -= charges.mean()
    charges *= RMS_CHARGE / np.sqrt((charges**2).mean())
    dipoles = DIPOLE_COMPONENT * rng.normal(size=(n, 3))
    return Configuration(length * np.eye(3), length * rng.random((n, 3)), charges, dipoles)


def number_of(size: str) -> int:
    """'8k' -> 8000"""
    return int(float(size[:-1]) * 1000) if size.endswith("k") else int(size)


def cache_folder() -> Path:
    """Where reference forces and finished measurements are kept, outside of the repository."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(root) / "hotpp_lr" / "benchmarks_pme"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
