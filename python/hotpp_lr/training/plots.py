"""Parity plots, and how learned charges and dipoles compare with reference values where a set has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hotpp_lr.data.batch import Sample
from hotpp_lr.training.evaluate import Predictions


@dataclass
class Fit:
    """Least-squares line through the origin, learned = slope × reference, and R² = 1 - Σ(residual²)/Σ(learned²)."""

    slope: float
    r2: float


def _fit(reference: np.ndarray, learned: np.ndarray) -> Fit:
    slope = float(reference @ learned / (reference @ reference))
    return Fit(slope, float(1 - np.square(learned - slope * reference).sum() / np.square(learned).sum()))


def _pairs(predictions: Predictions, samples: Sequence[Sample]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Reference and prediction of everything the set has labels for."""
    structures = [s.structure for s in samples]
    pairs = {}

    def add(name, reference, predicted):
        if reference:
            pairs[name] = (np.concatenate(reference), np.concatenate(predicted))

    energies = [
        (x.energy / len(x), e / len(x))
        for x, e in zip(structures, predictions.energy, strict=True)
        if x.energy is not None
    ]
    if energies:
        pairs["energy"] = tuple(np.array(energies).T)
    for name, label in (("forces", "forces"), ("stress", "stress")):
        values = getattr(predictions, name)
        if values is not None:
            chosen = [(getattr(x, label), v) for x, v in zip(structures, values, strict=True)]
            chosen = [(a.ravel(), b.ravel()) for a, b in chosen if a is not None]
            add(name, [a for a, _ in chosen], [b for _, b in chosen])
    for name in ("charges", "dipoles"):
        key = f"{name}_ref"
        chosen = [
            (x.arrays[key], v) for x, v in zip(structures, getattr(predictions, name), strict=True) if key in x.arrays
        ]
        add(name, [a.ravel() for a, _ in chosen], [b.ravel() for _, b in chosen])
    return pairs


def charge_fit(predictions: Predictions, samples: Sequence[Sample]) -> dict[str, Fit]:
    """Slopes of learned charges and dipoles against `charges_ref`, `dipoles_ref` (arrays of the file)."""
    pairs = _pairs(predictions, samples)
    return {k: _fit(*pairs[k]) for k in ("charges", "dipoles") if k in pairs and np.any(pairs[k][1])}


_LABELS = {
    "energy": "energy (eV/atom)",
    "forces": "force component (eV/Å)",
    "stress": "stress component (eV/Å³)",
    "charges": "charge (e)",
    "dipoles": "dipole component (e·Å)",
}


def parity_plot(predictions: Predictions, samples: Sequence[Sample], path: str | Path) -> None:
    """Prediction against reference, one panel per quantity, as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    pairs = {k: v for k, v in _pairs(predictions, samples).items() if np.any(v[1])}
    figure, axes = plt.subplots(1, len(pairs), figsize=(3.6 * len(pairs), 3.6), squeeze=False, layout="constrained")
    for axis, (name, (reference, predicted)) in zip(axes[0], pairs.items(), strict=True):
        low, high = min(reference.min(), predicted.min()), max(reference.max(), predicted.max())
        axis.plot([low, high], [low, high], color="0.6", lw=1, zorder=1)
        axis.plot(reference, predicted, ".", ms=2, alpha=0.4, zorder=2, rasterized=True)
        rms = np.sqrt(np.mean((predicted - reference) ** 2))
        axis.set_title(f"rms difference {rms:.3g}", fontsize=9)
        axis.set_xlabel(f"reference {_LABELS[name]}")
        axis.set_ylabel("model")
        axis.set_aspect("equal", "datalim")
    figure.savefig(path, dpi=150)
    plt.close(figure)
