"""Parity plots, and how learned charges and dipoles compare with reference values where a set has them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.data import chemical_symbols

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


@dataclass
class _Pairs:
    """Reference and prediction of one quantity, flat; numbers: the element of every entry, where there is one."""

    reference: np.ndarray
    predicted: np.ndarray
    numbers: np.ndarray | None = None


def _pairs(
    predictions: Predictions, samples: Sequence[Sample], atomic_energies: Mapping[int, float] | None = None
) -> dict[str, _Pairs]:
    """Everything the set has labels for; energies per atom, less the atomic energies."""
    structures = [s.structure for s in samples]
    e0 = atomic_energies or {}
    pairs = {}
    energies = [
        np.array([x.energy, e]) / len(x) - np.mean([e0.get(int(z), 0.0) for z in x.numbers])
        for x, e in zip(structures, predictions.energy, strict=True)
        if x.energy is not None
    ]
    if energies:
        pairs["energy"] = _Pairs(*np.array(energies).T)
    references = {
        "forces": [x.forces for x in structures],
        "stress": [x.stress for x in structures],
        "charges": [x.arrays.get("charges_ref") for x in structures],
        "dipoles": [x.arrays.get("dipoles_ref") for x in structures],
    }
    for name, reference in references.items():
        predicted = getattr(predictions, name)
        chosen = [k for k, x in enumerate(reference) if x is not None] if predicted is not None else []
        if not chosen:
            continue
        numbers = [np.repeat(structures[k].numbers, reference[k].size // len(structures[k])) for k in chosen]
        pairs[name] = _Pairs(
            np.concatenate([reference[k].ravel() for k in chosen]),
            np.concatenate([predicted[k].ravel() for k in chosen]),
            None if name == "stress" else np.concatenate(numbers),
        )
    return pairs


def charge_fit(predictions: Predictions, samples: Sequence[Sample]) -> dict[str, Fit]:
    """Slopes of learned charges and dipoles against `charges_ref`, `dipoles_ref` (arrays of the file)."""
    pairs = _pairs(predictions, samples)
    chosen = [k for k in ("charges", "dipoles") if k in pairs and np.any(pairs[k].predicted)]
    return {k: _fit(pairs[k].reference, pairs[k].predicted) for k in chosen}


#: What stands on the axes, and the unit, factor and digits of the error above them.
_LABELS = {
    "energy": ("energy (eV/atom)", "meV/atom", 1e3, 2),
    "forces": ("force component (eV/Å)", "meV/Å", 1e3, 1),
    "stress": ("stress component (eV/Å³)", "meV/Å³", 1e3, 3),
    "charges": ("charge (e)", "e", 1.0, 3),
    "dipoles": ("dipole component (e·Å)", "e·Å", 1.0, 3),
}
_COLUMNS = 3


def parity_plot(
    predictions: Predictions,
    samples: Sequence[Sample],
    path: str | Path,
    atomic_energies: Mapping[int, float] | None = None,
) -> None:
    """Prediction against reference, one panel per quantity, as a picture.

    atomic_energies: E0 (eV) by atomic number, which is taken off: it would hide the rest where compositions differ.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    pairs = {k: v for k, v in _pairs(predictions, samples, atomic_energies).items() if np.any(v.predicted)}
    columns = max(1, min(_COLUMNS, len(pairs)))
    rows = max(1, -(-len(pairs) // columns))
    figure, axes = plt.subplots(rows, columns, figsize=(3.5 * columns, 3.6 * rows), squeeze=False, layout="constrained")
    for axis in axes.flat[len(pairs) :]:
        axis.set_visible(False)
    for axis, (name, pair) in zip(axes.flat, pairs.items(), strict=False):
        label, unit, factor, digits = _LABELS[name]
        if name == "energy" and atomic_energies:
            label = "energy - E0 (eV/atom)"
        _panel(axis, pair)
        rms = np.sqrt(np.mean((pair.predicted - pair.reference) ** 2))
        axis.set_title(f"rms error {factor * rms:.{digits}f} {unit}", fontsize=10)
        axis.set_xlabel(f"reference {label}")
        axis.set_ylabel(f"model {label}")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _panel(axis, pair: _Pairs) -> None:
    """Points in a square with equal axes, in a colour per element."""
    from matplotlib.ticker import MaxNLocator

    both = np.concatenate((pair.reference, pair.predicted))
    low, high = both.min(), both.max()
    margin = 0.04 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    axis.plot(limits, limits, color="0.6", lw=1, zorder=1)
    # The most frequent element first: points of the others stay visible.
    kinds = [None] if pair.numbers is None else Counter(pair.numbers.tolist()).most_common()
    size = 2 if len(pair.reference) > 1000 else 5
    for k, kind in enumerate(kinds):
        chosen = slice(None) if kind is None else pair.numbers == kind[0]
        label = None if kind is None else chemical_symbols[kind[0]]
        axis.plot(
            pair.reference[chosen], pair.predicted[chosen], ".", ms=size, mew=0, alpha=0.5, color=f"C{k % 10}",
            zorder=2, rasterized=True, label=label,
        )  # fmt: skip
    if len(kinds) > 1:
        axis.legend(markerscale=5, fontsize=8, loc="upper left", handletextpad=0.1)
    axis.set(xlim=limits, ylim=limits, aspect="equal")
    for of_axis in (axis.xaxis, axis.yaxis):
        of_axis.set_major_locator(MaxNLocator(5))
        of_axis.get_major_formatter().set_useOffset(False)
