"""Predictions and errors of a potential on a set of structures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hotpp_lr.data.batch import Sample, collate
from hotpp_lr.model.potential import Potential


@dataclass
class Predictions:
    """Per structure (energy eV, stress eV/Å³) and per atom (forces eV/Å, charges e, dipoles e·Å), in file order.
    Lists of arrays, one entry per structure."""

    energy: list[float]
    forces: list[np.ndarray]
    stress: list[np.ndarray] | None
    charges: list[np.ndarray]
    dipoles: list[np.ndarray]

    def only(self, chosen: Sequence[int]) -> Predictions:
        """Those of some structures."""
        fields = (self.energy, self.forces, self.stress, self.charges, self.dipoles)
        return Predictions(*(None if values is None else [values[k] for k in chosen] for values in fields))


def predict(
    potential: Potential,
    samples: Sequence[Sample],
    *,
    batch_size: int = 8,
    stress: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> Predictions:
    """Evaluate the potential on all samples; `progress` is called with the number of structures done."""
    energy, forces, charges, dipoles, stresses = [], [], [], [], []
    device = potential.device
    for start in range(0, len(samples), batch_size):
        chunk = samples[start : start + batch_size]
        batch = collate(chunk).to(device)
        result = potential(batch, stress=stress)
        cuts = np.cumsum(batch.n_atoms.cpu().numpy())[:-1]

        def split(values, cuts=cuts):
            return np.split(values.detach().double().cpu().numpy(), cuts)

        energy += result.energy.detach().tolist()
        forces += split(result.forces)
        charges += split(result.charges)
        dipoles += split(result.dipoles)
        if stress:
            stresses += list(result.stress.detach().double().cpu().numpy())
        progress(start + len(chunk))
    return Predictions(energy, forces, stresses if stress else None, charges, dipoles)


@dataclass
class Errors:
    """Root mean square and mean absolute errors; None where the set has no such label."""

    n_structures: int
    energy: float | None  # eV/atom
    forces: float | None  # eV/Å, per component
    stress: float | None  # eV/Å³, per component
    forces_scale: float | None  # rms of the reference force components
    energy_mae: float | None = None
    forces_mae: float | None = None
    stress_mae: float | None = None


def _rms(differences: list[np.ndarray]) -> float | None:
    return float(np.sqrt(np.mean(np.square(np.concatenate(differences))))) if differences else None


def _mae(differences: list[np.ndarray]) -> float | None:
    return float(np.mean(np.abs(np.concatenate(differences)))) if differences else None


def errors(predictions: Predictions, samples: Sequence[Sample]) -> Errors:
    """Errors against the labels that are there."""
    structures = [sample.structure for sample in samples]

    def differences(label: str, predicted, per_atom: bool = False) -> list[np.ndarray]:
        return [
            np.ravel(np.asarray(p) - getattr(x, label)) / (len(x) if per_atom else 1)
            for p, x in zip(predicted or [None] * len(structures), structures, strict=True)
            if p is not None and getattr(x, label) is not None
        ]

    energy = differences("energy", predictions.energy, per_atom=True)
    forces, stress = differences("forces", predictions.forces), differences("stress", predictions.stress)
    return Errors(
        n_structures=len(structures),
        energy=_rms(energy),
        forces=_rms(forces),
        stress=_rms(stress),
        forces_scale=_rms([x.forces.ravel() for x in structures if x.forces is not None]),
        energy_mae=_mae(energy),
        forces_mae=_mae(forces),
        stress_mae=_mae(stress),
    )
