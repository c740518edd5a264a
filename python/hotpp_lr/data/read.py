"""Reading labelled structures with ASE, and refusing what cannot be trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import ase
import ase.io
import numpy as np

from hotpp_lr.data.labels import find_names, read_labels
from hotpp_lr.data.neighbours import neighbour_list
from hotpp_lr.data.structure import Structure
from hotpp_lr.errors import InputError

#: Atoms closer than this (Å) are taken for a duplicated atom.
SHORTEST_DISTANCE = 0.3
#: Of an `ase.Atoms` that is to be evaluated, not trained on: no labels.
NO_LABELS = {"total_charge": "total_charge"}


def from_ase(atoms: ase.Atoms, source: str = "", names: Mapping[str, str] = NO_LABELS) -> Structure:
    """Structure of an `ase.Atoms` with the labels that are called `names` in its calculator, info or arrays."""
    skip = {"numbers", "positions", "forces", names.get("forces")}
    return Structure(
        numbers=atoms.numbers.copy(),
        positions=atoms.positions.copy(),
        cell=np.array(atoms.cell),
        pbc=np.array(atoms.pbc),
        names=dict(names),
        arrays={k: v for k, v in atoms.arrays.items() if k not in skip and v.dtype.kind == "f"},
        source=source,
        kind=str(atoms.info.get("config_type", "")),
        **read_labels(atoms, names, source),
    )


def _check(structure: Structure) -> None:
    where = structure.source
    for name in ("positions", "cell", "energy", "forces", "stress", "total_charge"):
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


def read_structures(
    paths: str | Path | Sequence[str | Path], *, need_labels: bool = True, names: Mapping[str, str | None] | None = None
) -> list[Structure]:
    """All frames of one or several files that ASE can read (extended XYZ, plain or gzipped, above all).

    names: what the labels are called where `find_names` cannot know. Raises InputError for a missing, unreadable or
    empty file, NaN, duplicate atoms, and (with `need_labels`) frames with neither energy nor forces.
    """
    structures = []
    for path in [paths] if isinstance(paths, (str, Path)) else list(paths):
        path = Path(path)
        if not path.is_file():
            raise InputError(f"Data file '{path}' does not exist; check the path.")
        try:
            frames = ase.io.read(path, index=":") if path.stat().st_size else []
        except Exception as reason:
            raise InputError(
                f"Data file '{path}' cannot be read ({type(reason).__name__}: {reason}); "
                "expected a format of ASE, such as extended XYZ."
            ) from reason
        if not frames:
            raise InputError(f"Data file '{path}' is empty; expected at least one structure.")
        found = find_names(frames, names or {}, str(path))
        for index, atoms in enumerate(frames):
            structure = from_ase(atoms, f"{path}, frame {index}", found)
            if len(structure) == 0:
                raise InputError(f"{structure.source}: no atoms; remove this frame.")
            _check(structure)
            if need_labels and structure.energy is None and structure.forces is None:
                raise InputError(f"{structure.source}: neither energy nor forces; {_advice(atoms)}")
            structures.append(structure)
    return structures


def _advice(atoms: ase.Atoms) -> str:
    """What to do about a frame without labels."""
    names = [k for k in (*atoms.info, *atoms.arrays) if k not in ("numbers", "positions")]
    if not names:
        return "the frame has none at all; expected 'energy=' in the comment line and 'forces' columns (extended XYZ)."
    return f"it has {', '.join(names)}; name them in the config, data: {{keys: {{energy: ..., forces: ...}}}}."
