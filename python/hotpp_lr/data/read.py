"""Reading labelled structures with ASE, and refusing what cannot be trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ase
import ase.io
import numpy as np
from ase.stress import voigt_6_to_full_3x3_stress

from hotpp_lr.data.neighbours import neighbour_list
from hotpp_lr.data.structure import Structure
from hotpp_lr.errors import InputError

#: Atoms closer than this (Å) are taken for a duplicated atom.
SHORTEST_DISTANCE = 0.3


def from_ase(atoms: ase.Atoms, source: str = "") -> Structure:
    """Structure of an `ase.Atoms` with whatever labels its calculator (or info/arrays) holds."""
    results = dict(atoms.calc.results) if atoms.calc is not None else {}
    energy = results.get("energy", atoms.info.get("energy"))
    forces = results.get("forces", atoms.arrays.get("forces"))
    stress = results.get("stress", atoms.info.get("stress"))
    if stress is not None:
        stress = np.asarray(stress, dtype=float)
        stress = stress.reshape(3, 3) if stress.size == 9 else voigt_6_to_full_3x3_stress(stress)
    skip = {"numbers", "positions", "forces"}
    return Structure(
        numbers=atoms.numbers.copy(),
        positions=atoms.positions.copy(),
        cell=np.array(atoms.cell),
        pbc=np.array(atoms.pbc),
        energy=None if energy is None else float(energy),
        forces=None if forces is None else np.asarray(forces, dtype=float),
        stress=stress,
        arrays={k: v for k, v in atoms.arrays.items() if k not in skip and v.dtype.kind == "f"},
        source=source,
    )


def _check(structure: Structure) -> None:
    where = structure.source
    for name in ("positions", "cell", "energy", "forces", "stress"):
        value = getattr(structure, name)
        if value is not None and not np.all(np.isfinite(value)):
            raise InputError(f"{where}: {name} contains NaN or infinity; remove or recompute this frame.")
    if structure.pbc.any() and abs(np.linalg.det(structure.cell)) < 1e-6:
        raise InputError(f"{where}: the structure is periodic but its cell has no volume; give a Lattice.")
    if len(structure) > 1:
        # Neighbours at distance 0 have no direction: the network's output would be NaN.
        pairs = neighbour_list(structure, SHORTEST_DISTANCE)
        if len(pairs.receivers):
            i, j = int(pairs.receivers[0]), int(pairs.senders[0])
            raise InputError(
                f"{where}: atoms {i} and {j} are closer than {SHORTEST_DISTANCE} Å; remove the duplicated atom."
            )


def read_structures(paths: str | Path | Sequence[str | Path], *, need_labels: bool = True) -> list[Structure]:
    """All frames of one or several files that ASE can read (extended XYZ, plain or gzipped, above all).

    Raises InputError for a missing, unreadable or empty file, NaN, duplicate atoms, and (with `need_labels`)
    frames with neither energy nor forces.
    """
    structures = []
    for path in [paths] if isinstance(paths, (str, Path)) else list(paths):
        path = Path(path)
        if not path.is_file():
            raise InputError(f"Data file '{path}' does not exist; check the path (it is relative to where you are).")
        try:
            frames = ase.io.read(path, index=":") if path.stat().st_size else []
        except Exception as reason:
            raise InputError(
                f"Data file '{path}' cannot be read ({type(reason).__name__}: {reason}); "
                "expected a format of ASE, such as extended XYZ."
            ) from reason
        if not frames:
            raise InputError(f"Data file '{path}' is empty; expected at least one structure.")
        for index, atoms in enumerate(frames):
            structure = from_ase(atoms, source=f"{path}, frame {index}")
            if len(structure) == 0:
                raise InputError(f"{structure.source}: no atoms; remove this frame.")
            _check(structure)
            if need_labels and structure.energy is None and structure.forces is None:
                raise InputError(
                    f"{structure.source}: neither energy nor forces; expected 'energy=' in the comment line and "
                    "'forces' columns of an extended XYZ file (keys as ASE writes them)."
                )
            structures.append(structure)
    return structures
