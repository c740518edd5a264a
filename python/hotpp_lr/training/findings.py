"""What a person should know of a data set before the training: what is in it, and what looks wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from ase.data import chemical_symbols

from hotpp_lr.data.batch import Sample
from hotpp_lr.data.labels import LABELS
from hotpp_lr.data.structure import Structure
from hotpp_lr.training.config import Config

#: Forces this many times the rms of the set are reported; hot liquids reach 6 to 9.
OUTLYING_FORCE = 20.0
#: The same for energies per atom, in robust standard deviations.
OUTLYING_ENERGY = 15.0
#: eV/Å: an rms outside is rare; the usual reason is another unit.
USUAL_FORCES = (1e-3, 20.0)
#: Å: the closest two atoms of a set; 0.74 in H2, 3.8 between argon atoms.
USUAL_DISTANCE = (0.6, 4.0)


def describe(name: str, samples: Sequence[Sample]) -> list[str]:
    """Two or three lines about one set."""
    structures = [s.structure for s in samples]
    sizes = sorted({len(s) for s in structures})
    atoms = f"{sizes[0]} atoms" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]} atoms"
    labels = ", ".join(f"{k} {n}" for k, n in label_counts(samples).items())
    lines = [
        f"{name:>5}: {len(structures)} structures of {atoms}, {_elements(structures)}, {_periodicity(structures)}",
        f"with labels: {labels}{_origin(structures)}",
    ]
    numbers = []
    energies = [s.energy / len(s) for s in structures if s.energy is not None]
    if energies:
        numbers.append(f"energy {np.mean(energies):.4f} ± {np.std(energies):.4f} eV/atom")
    rms, largest = _force_scale(structures), _largest_forces(structures)
    if rms is not None:
        numbers.append(f"forces rms {rms:.3g}, largest {np.nanmax(largest):.3g} eV/Å")
    if (closest := _closest(samples)) is not None:
        numbers.append(f"closest atoms {closest:.2f} Å")
    charges = Counter(s.total_charge for s in structures if s.total_charge is not None)
    if charges and set(charges) != {0.0}:
        numbers.append("total charge " + ", ".join(f"{q:+g} e ({n})" for q, n in sorted(charges.items())))
    if numbers:
        lines.append("; ".join(numbers))
    return [lines[0], *(" " * 7 + line for line in lines[1:])]


def label_counts(samples: Sequence[Sample]) -> dict[str, int]:
    """How many structures carry each label."""
    return {
        name: sum(getattr(s.structure, name) is not None for s in samples) for name in ("energy", "forces", "stress")
    }


def warnings(sets: Sequence[tuple[str, Sequence[Sample]]], config: Config) -> list[str]:
    """Sentences about what is probably a mistake, the training set first."""
    found = []
    for _, samples in sets:
        structures = [s.structure for s in samples]
        found += _about_forces(structures) + _about_energies(structures)
    train = [s.structure for s in sets[0][1]]
    if (rms := _force_scale(train)) and not USUAL_FORCES[0] < rms < USUAL_FORCES[1]:
        found.append(
            f"the forces have an rms of {rms:.3g}, unusual in eV/Å: is this the unit? (1 Hartree/Bohr is 51.4 eV/Å, "
            "1 kcal/mol/Å is 0.0434 eV/Å)"
        )
    closest = _closest(sets[0][1])
    if closest is not None and not USUAL_DISTANCE[0] < closest < USUAL_DISTANCE[1]:
        found.append(f"the closest two atoms are {closest:.2f} Å apart: are the positions in Å? (1 Bohr is 0.529 Å)")
    stresses = [s.stress for s in train if s.stress is not None]
    if stresses and np.abs(stresses).max() > 1:
        found.append(
            f"the largest stress is {np.abs(stresses).max():.3g}, unusual in eV/Å³: is this the unit? "
            "(1 GPa is 0.00624 eV/Å³)"
        )
    if stresses and config.loss.stress == 0:
        found.append(
            "the stress labels are not trained on: loss.stress is 0 (10000 gives them about the forces' weight)"
        )
    if not config.model.has_charges and any(s.total_charge for s in train):
        found.append("total charges are in the data, but electrostatics 'none' does not know them")
    return found + _about_copies(sets)


def _elements(structures: Sequence[Structure]) -> str:
    return " ".join(chemical_symbols[z] for z in np.unique(np.concatenate([s.numbers for s in structures])))


def _periodicity(structures: Sequence[Structure]) -> str:
    kinds = Counter(
        "periodic" if s.periodic else "not periodic" if s.cluster else "periodic in some directions" for s in structures
    )
    return next(iter(kinds)) if len(kinds) == 1 else ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())


def _origin(structures: Sequence[Structure]) -> str:
    """Where labels that are not under ASE's names come from."""
    names = {(label, s.names[label]) for s in structures for label in LABELS if s.names.get(label, label) != label}
    if any("virial" in s.names and "stress" not in s.names for s in structures):
        names |= {("stress", f"-{s.names['virial']}/volume") for s in structures if "virial" in s.names}
    named = [f"{label} from {name}" for label, name in sorted(names) if label != "virial"]
    return f" ({', '.join(named)})" if named else ""


def _force_scale(structures: Sequence[Structure]) -> float | None:
    forces = [s.forces.ravel() for s in structures if s.forces is not None]
    return float(np.sqrt(np.mean(np.square(np.concatenate(forces))))) if forces else None


def _largest_forces(structures: Sequence[Structure]) -> np.ndarray:
    """Largest component per structure [n], NaN without forces."""
    return np.array([np.nan if s.forces is None else np.abs(s.forces).max() for s in structures])


def _closest(samples: Sequence[Sample]) -> float | None:
    """Shortest distance between two atoms within the cutoff, Å."""
    shortest = []
    for s in samples:
        edges, x = s.edges, s.structure.positions
        if len(edges.receivers):
            vectors = x[edges.senders] - x[edges.receivers] + edges.shifts @ s.structure.cell
            shortest.append(np.square(vectors).sum(1).min())
    return float(np.sqrt(min(shortest))) if shortest else None


def _about_forces(structures: Sequence[Structure]) -> list[str]:
    rms, largest = _force_scale(structures), _largest_forces(structures)
    if not rms:
        return []
    squares = np.array([0.0 if s.forces is None else np.square(s.forces).sum() for s in structures])
    counts = np.array([0 if s.forces is None else s.forces.size for s in structures])
    # of the other frames: a large force in a small set hides itself in the rms of all
    others = np.sqrt((squares.sum() - squares) / np.maximum(counts.sum() - counts, 1))
    found = [
        f"{s.source}: a force component of {f:.3g} eV/Å, {f / r:.0f} times the rms of the others; check this frame, or "
        "remove it"
        for s, f, r in zip(structures, largest, others, strict=True)
        if 0 < OUTLYING_FORCE * r < f
    ]
    zero = [s for s, f in zip(structures, largest, strict=True) if f == 0 and len(s) > 2]
    if zero:
        found.append(
            f"all forces of {len(zero)} structures are exactly zero ({zero[0].source}, ...): if they are missing, "
            "remove them from the file, not write zeros"
        )
    return _shortened(found)


def _about_energies(structures: Sequence[Structure]) -> list[str]:
    labelled = [s for s in structures if s.energy is not None]
    if len(labelled) < 10:
        return []
    elements = np.unique(np.concatenate([s.numbers for s in labelled]))
    fractions = np.array([[np.mean(s.numbers == z) for z in elements] for s in labelled])
    energies = np.array([s.energy / len(s) for s in labelled])
    # Twice: the second fit without what the first one cannot explain.
    weights = np.ones(len(labelled))
    for _ in range(2):
        fit, *_ = np.linalg.lstsq(fractions * weights[:, None], energies * weights, rcond=None)
        rest = energies - fractions @ fit
        rest -= np.median(rest)
        spread = 1.4826 * np.median(np.abs(rest))
        weights = (np.abs(rest) <= OUTLYING_ENERGY * spread).astype(float)
    return _shortened(
        [
            f"{s.source}: its energy is {r:+.3g} eV/atom away from what the others of its composition have "
            f"(their spread: {spread:.2g}); check this frame, or remove it"
            for s, r in zip(labelled, rest, strict=True)
            if abs(r) > max(OUTLYING_ENERGY * spread, 0.02)
        ]
    )


def _about_copies(sets: Sequence[tuple[str, Sequence[Sample]]]) -> list[str]:
    """Structures of one set that are in an earlier one too: errors on them say nothing about new structures."""
    seen: dict[bytes, str] = {}
    copies: Counter = Counter()
    for name, samples in sets:
        for s in samples:
            key = s.structure.numbers.tobytes() + np.round(s.structure.positions, 4).tobytes()
            before = seen.setdefault(key, name)
            if before != name:
                copies[name, before] += 1
    return [
        f"{n} structures of the {a} set are in the {b} set, too: their errors do not tell how good the model is"
        for (a, b), n in copies.items()
    ]


def _shortened(sentences: list[str], most: int = 3) -> list[str]:
    rest = len(sentences) - most
    return sentences if rest <= 0 else [*sentences[:most], f"... and {rest} more frames like that"]
