"""What the training set says about the model's constants: atomic energies, scales, mean number of neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hotpp_lr.data.batch import Sample
from hotpp_lr.data.structure import Structure
from hotpp_lr.model.potential import Normalisation


def elements_of(structures: Sequence[Structure]) -> tuple[int, ...]:
    """Atomic numbers that occur, ascending."""
    return tuple(int(z) for z in np.unique(np.concatenate([s.numbers for s in structures])))


def atomic_energies(structures: Sequence[Structure], elements: Sequence[int]) -> tuple[float, ...]:
    """Least squares of the total energies over the composition; the smallest solution where it is not unique
    (a set of one composition). Zeros without energies."""
    labelled = [s for s in structures if s.energy is not None]
    if not labelled:
        return (0.0,) * len(elements)
    counts = np.array([[np.count_nonzero(s.numbers == z) for z in elements] for s in labelled], float)
    energies = np.array([s.energy for s in labelled])
    # Divided by the number of atoms: a large cell should not outvote a small one.
    n_atoms = counts.sum(1)
    solution, *_ = np.linalg.lstsq(counts / n_atoms[:, None], energies / n_atoms, rcond=None)
    return tuple(float(x) for x in solution)


def energy_scale(structures: Sequence[Structure], e0: Sequence[float], elements: Sequence[int]) -> float:
    """Root mean square of the force components times 1 Å (eV); of the energies per atom where there are no forces."""
    squares = [np.square(s.forces).mean() for s in structures if s.forces is not None]
    if not squares:
        rest = [
            (s.energy - sum(e * np.count_nonzero(s.numbers == z) for e, z in zip(e0, elements, strict=True))) / len(s)
            for s in structures
        ]
        squares = [np.square(rest).mean()]
    return float(np.sqrt(np.mean(squares))) or 1.0


def normalisation(samples: Sequence[Sample], elements: Sequence[int]) -> Normalisation:
    """Constants of the model for these training samples."""
    structures = [s.structure for s in samples]
    e0 = atomic_energies(structures, elements)
    n_atoms = sum(len(s) for s in structures)
    return Normalisation(
        elements=tuple(elements),
        atomic_energies=e0,
        mean_neighbours=sum(len(s.edges.receivers) for s in samples) / n_atoms,
        energy_scale=energy_scale(structures, e0, elements),
        element_counts=tuple(int(sum(np.count_nonzero(s.numbers == z) for s in structures)) for z in elements),
    )
