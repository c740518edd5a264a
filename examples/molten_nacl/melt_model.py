"""The reference melt: constants of a polarisable (core + shell) model of NaCl.

Units are those of LAMMPS `metal`: eV, Å, e, ps, K. Ions are ordered Na first, then Cl, everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

AVOGADRO = 6.02214076e23


@dataclass(frozen=True)
class MeltModel:
    """All constants of the model. Order of species: Na, Cl; of pairs: Na-Na, Na-Cl, Cl-Cl."""

    elements: tuple[str, str] = ("Na", "Cl")
    masses: tuple[float, float] = (22.98977, 35.453)  # g/mol
    charges: tuple[float, float] = (1.0, -1.0)  # e, of the whole ion
    shell_charges: tuple[float, float] = (-0.5005, -2.5005)  # e
    # Spring energy K d², so that the polarisability is shell_charge² / 2K: 0.03 Å³ (Na), 3.0 Å³ (Cl).
    spring_constants: tuple[float, float] = (63.014, 15.0)  # eV/Å²
    # A exp(-r/rho) - C/r⁶ - D/r⁸ between the cores. If it acted on the shells, it would oppose their
    # displacement and cancel most of the dipole.
    repulsion: tuple[float, float, float] = (424.097, 25000.0, 3488.998)  # A, eV
    softness: tuple[float, float, float] = (0.317, 0.23768, 0.317)  # rho, Å
    dispersion6: tuple[float, float, float] = (1.05, 6.99, 72.40)  # C, eV Å⁶
    dispersion8: tuple[float, float, float] = (0.50, 8.70, 145.40)  # D, eV Å⁸
    cutoff: float = 8.0  # Å, of repulsion, dispersion and the real-space Ewald sum

    def box_length(self, n_ions: int, density: float) -> float:
        """Edge of the cube, Å, rounded to 5 decimals, which holds n_ions at `density` g/cm³."""
        grams = n_ions / 2 * sum(self.masses) / AVOGADRO
        return round((grams / density * 1e24) ** (1 / 3), 5)

    def species(self, n_ions: int) -> np.ndarray:
        """[n_ions] index into `elements`: the first half Na, the second half Cl."""
        return np.repeat([0, 1], n_ions // 2)

    def pair_coefficients(self) -> list[str]:
        """LAMMPS `pair_coeff` lines of the `born` family between the cores (types 1 and 2)."""
        return [
            # LAMMPS writes the last term as + D/r⁸, hence the sign.
            f"pair_coeff {pair} {a} {rho} 0.0 {c} {-d}"
            for pair, a, rho, c, d in zip(
                ("1 1", "1 2", "2 2"),
                self.repulsion,
                self.softness,
                self.dispersion6,
                self.dispersion8,
                strict=True,
            )
        ]
