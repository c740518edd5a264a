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
    """Root mean square errors; None where the set has no such label."""

    n_structures: int
    energy: float | None  # eV/atom
    forces: float | None  # eV/Å, per component
    stress: float | None  # eV/Å³, per component
    forces_scale: float | None  # rms of the reference force components


def _rms(differences: list[np.ndarray]) -> float | None:
    if not differences:
        return None
    return float(np.sqrt(np.mean(np.concatenate([np.ravel(d) for d in differences]) ** 2)))


def errors(predictions: Predictions, samples: Sequence[Sample]) -> Errors:
    """Errors against the labels that are there."""
    s = [sample.structure for sample in samples]
    return Errors(
        n_structures=len(s),
        energy=_rms(
            [
                np.array((e - x.energy) / len(x))
                for e, x in zip(predictions.energy, s, strict=True)
                if x.energy is not None
            ]
        ),
        forces=_rms([f - x.forces for f, x in zip(predictions.forces, s, strict=True) if x.forces is not None]),
        stress=None
        if predictions.stress is None
        else _rms([p - x.stress for p, x in zip(predictions.stress, s, strict=True) if x.stress is not None]),
        forces_scale=_rms([x.forces for x in s if x.forces is not None]),
    )
