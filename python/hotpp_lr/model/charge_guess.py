"""A first guess of the charge of every element, from Pauling's electronegativities.

Training starts from it and corrects it, but the representation it ends in depends on the start: charges screened
by the electrons, with dipoles that mean little, are nearly as good for the energy as true charges with induced
dipoles. On the polarisable melt of the examples a start at ±0.45 e ended with dipoles that had nothing to do with the
true ones (R² 0.04); a start at ±1 e reached R² 0.4 to 0.9 and a lower force error. So the guess aims at
unscreened, formal charges. It also settles the sign, which the energy does not know.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Pauling scale, elements 1–94 in order; 0 stands for "no value" (noble gases and a few others).
_ELECTRONEGATIVITY = [
    2.20, 0, 0.98, 1.57, 2.04, 2.55, 3.04, 3.44, 3.98, 0,
    0.93, 1.31, 1.61, 1.90, 2.19, 2.58, 3.16, 0, 0.82, 1.00,
    1.36, 1.54, 1.63, 1.66, 1.55, 1.83, 1.88, 1.91, 1.90, 1.65,
    1.81, 2.01, 2.18, 2.55, 2.96, 3.00, 0.82, 0.95, 1.22, 1.33,
    1.6, 2.16, 1.9, 2.2, 2.28, 2.20, 1.93, 1.69, 1.78, 1.96,
    2.05, 2.1, 2.66, 2.60, 0.79, 0.89, 1.10, 1.12, 1.13, 1.14,
    1.13, 1.17, 1.2, 1.20, 1.1, 1.22, 1.23, 1.24, 1.25, 1.1,
    1.27, 1.3, 1.5, 2.36, 1.9, 2.2, 2.20, 2.28, 2.54, 2.00,
    1.62, 1.87, 2.02, 2.0, 2.2, 0, 0.79, 0.9, 1.1, 1.3,
    1.5, 1.38, 1.36, 1.28,
]  # fmt: skip

#: e per unit of electronegativity difference: gives ±1 in NaCl, -0.7 for O in water, +1.5 for Ba in BaTiO3.
_SLOPE = 0.9


def charge_guess(elements: Sequence[int], counts: Sequence[float]) -> list[float]:
    """Charges (e) of the elements (atomic numbers), neutral for a sample that holds `counts` of each."""
    values = [_ELECTRONEGATIVITY[z - 1] if z <= len(_ELECTRONEGATIVITY) else 0 for z in elements]
    chi = np.array([v or 2.0 for v in values])
    weights = np.asarray(counts, float)
    return (-_SLOPE * (chi - np.average(chi, weights=weights))).tolist()
