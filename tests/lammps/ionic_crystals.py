"""Disturbed rock-salt crystals, and LAMMPS data files of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass
class Ions:
    """positions [n, 3] Å, cell [3, 3] Å (rows; lower triangular as LAMMPS wants it), types [n] of 1 and 2."""

    positions: np.ndarray
    cell: np.ndarray
    types: np.ndarray

    def __len__(self) -> int:
        return len(self.types)

    def scaled(self, factor: float) -> Ions:
        return Ions(factor * self.positions, factor * self.cell, self.types)


def rock_salt(shape: tuple[int, int, int], tilt: tuple[float, float, float] = (0, 0, 0), noise: float = 0.25) -> Ions:
    """shape: ions along each axis; tilt: xy, xz, yz over lx, lx, ly; noise: rms displacement, Å."""
    spacing = 2.85
    sites = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(-1, 3)
    cell = np.diag(np.array(shape) * spacing)
    cell[1, 0], cell[2, 0], cell[2, 1] = tilt[0] * cell[0, 0], tilt[1] * cell[0, 0], tilt[2] * cell[1, 1]
    positions = (sites + 0.25) / np.array(shape) @ cell
    positions += np.random.default_rng(7).normal(0, noise, positions.shape)
    return Ions(positions, cell, 1 + sites.sum(1) % 2)


def with_guests(ions: Ions, n: int) -> Ions:
    """The same sites with n neutral pairs of ions replaced by atoms of type 3."""
    types = ions.types.copy()
    for kind in (1, 2):
        types[np.flatnonzero(ions.types == kind)[:: len(ions) // (2 * n)][:n]] = 3
    return Ions(ions.positions, ions.cell, types)


#: What a data file has between the type of an atom and its position, and after it.
COLUMNS = {"atomic": ("", ""), "charge": ("0.0 ", ""), "dipole": ("0.0 ", " 0.0 0.0 0.0")}


def write_data(path: Path, ions: Ions, atom_style: str = "atomic") -> Path:
    """LAMMPS data file with all digits of a float64."""
    (lx, _, _), (xy, ly, _), (xz, yz, lz) = ions.cell
    n_types = max(2, int(ions.types.max()))
    lines = ["disturbed rock salt", "", f"{len(ions)} atoms", f"{n_types} atom types", ""]
    lines += [f"0 {length!r} {axis}lo {axis}hi" for axis, length in zip("xyz", map(float, (lx, ly, lz)), strict=True)]
    if xy or xz or yz:
        lines.append(f"{float(xy)!r} {float(xz)!r} {float(yz)!r} xy xz yz")
    lines += ["", "Masses", "", *("1 22.98977", "2 35.453", "3 39.948")[:n_types], "", f"Atoms # {atom_style}", ""]
    before, after = COLUMNS[atom_style]
    for i, (kind, (x, y, z)) in enumerate(zip(ions.types, ions.positions, strict=True), start=1):
        lines.append(f"{i} {kind} {before}{float(x)!r} {float(y)!r} {float(z)!r}{after}")
    path.write_text("\n".join(lines) + "\n")
    return path
