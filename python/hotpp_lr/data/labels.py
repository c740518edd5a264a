"""Energy, forces and stress of an `ase.Atoms`, under the names of ASE, of other programs, or of the user's choice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ase
import numpy as np
from ase.stress import voigt_6_to_full_3x3_stress

from hotpp_lr.errors import InputError

#: What other programs call the labels, in the order in which they are looked for; ASE's names come before them. A
#: virial (eV, W = -∂E/∂strain as in LAMMPS, MACE, DeePMD and QUIP) becomes a stress.
ALIASES = {
    "energy": ("REF_energy", "ref_energy", "dft_energy", "DFT_energy", "Energy"),
    "forces": ("REF_forces", "ref_forces", "dft_forces", "DFT_forces", "force", "Forces"),
    "stress": ("REF_stress", "ref_stress", "dft_stress", "DFT_stress"),
    "virial": ("virials", "REF_virial", "REF_virials", "ref_virial", "dft_virial", "DFT_virial", "Virial"),
    "total_charge": (),
}
#: Labels that a file can have; a key of the config for each.
LABELS = tuple(ALIASES)


def find_names(frames: Iterable[ase.Atoms], wanted: Mapping[str, str | None], source: str) -> dict[str, str]:
    """Under which name each label of a file is found; labels that it does not have are left out.

    wanted: names that the user gave, which must be there. Raises InputError for those that are not, and for two
    different values of one label (as when a file has the numbers of a second method besides).
    """
    frames = list(frames)
    present: dict[str, int] = {}
    for k, atoms in enumerate(frames):
        for name in (*atoms.info, *atoms.arrays, *_results(atoms)):
            present.setdefault(name, k)
    names = {}
    for label, aliases in ALIASES.items():
        given = wanted.get(label)
        if given is not None:
            if given not in present:
                there = ", ".join(sorted(present.keys() - {"numbers", "positions"})) or "nothing"
                raise InputError(
                    f"{source}: data.keys.{label} is '{given}', but no frame has that; the file has {there}."
                )
            names[label] = given
            continue
        found = [name for name in (label, *aliases) if name in present]
        if not found:
            continue
        for other in found[1:]:
            _refuse_contradiction(frames, label, found[0], other, source)
        names[label] = found[0]
    return names


def _results(atoms: ase.Atoms) -> dict[str, Any]:
    return {} if atoms.calc is None else atoms.calc.results


def _value(atoms: ase.Atoms, name: str | None) -> Any:
    for place in (_results(atoms), atoms.info, atoms.arrays):
        if name in place:
            return place[name]
    return None


def _refuse_contradiction(frames: list[ase.Atoms], label: str, first: str, second: str, source: str) -> None:
    for k, atoms in enumerate(frames):
        a, b = _value(atoms, first), _value(atoms, second)
        if a is None or b is None:
            continue
        # the digits of a text file
        if np.shape(a) != np.shape(b) or not np.allclose(a, b, rtol=1e-6, atol=1e-6, equal_nan=True):
            raise InputError(
                f"{source}, frame {k}: '{first}' and '{second}' differ, and both could be the {label}; say which one "
                f"is meant in the config: data: {{keys: {{{label}: {second}}}}}."
            )


def read_labels(atoms: ase.Atoms, names: Mapping[str, str], source: str) -> dict[str, Any]:
    """energy eV, forces [n, 3] eV/Å, stress [3, 3] eV/Å³, total_charge e; None where the frame has no such label.

    Stress of a structure that is not periodic in three directions has no meaning and is left out.
    """
    raw = {label: _value(atoms, names[label]) if label in names else None for label in LABELS}
    energy = _numbers(raw["energy"], (1,), "energy", names, source)
    forces = _numbers(raw["forces"], (3 * len(atoms),), "forces", names, source)
    stress = _numbers(raw["stress"], (6, 9), "stress", names, source)
    virial = _numbers(raw["virial"], (6, 9), "virial", names, source)
    charge = _numbers(raw["total_charge"], (1,), "total_charge", names, source)
    if stress is None and virial is not None and atoms.cell.rank == 3:
        stress = -virial / atoms.get_volume()
    if stress is not None:
        stress = stress.reshape(3, 3) if stress.size == 9 else voigt_6_to_full_3x3_stress(stress)
    return {
        "energy": None if energy is None else float(energy[0]),
        "forces": None if forces is None else forces.reshape(len(atoms), 3),
        "stress": stress if atoms.pbc.all() else None,
        "total_charge": None if charge is None else float(charge[0]),
    }


def _numbers(value: Any, sizes: tuple[int, ...], label: str, names: Mapping[str, str], source: str):
    """value as a flat array of one of the sizes; None for None. Raises InputError."""
    if value is None:
        return None
    try:
        array = np.asarray(value, dtype=float).ravel()
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.size not in sizes:
        expected = " or ".join(str(n) for n in sizes)
        raise InputError(
            f"{source or 'structure'}: '{names[label]}' cannot be the {label}: expected {expected} "
            f"number{'s' if sizes != (1,) else ''}, given {str(value)[:60]!r} of shape {np.shape(value)}."
        )
    return array
