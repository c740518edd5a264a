"""Force error against mesh spacing for the Gaussian and the prolate kernel, and what the error model expects.

    python benchmarks/pme/kernel_spacing.py [--plot docs/pictures/kernel_spacing.png]

400 random charges and dipoles in a triclinic cell of 16 Å, smearing 1 Å: relative rms error of the
native mesh (float64) against direct Ewald summation. Prints a table, the largest spacings for an error of 1e-4, and how
fast the short-range complement of each kernel decays: kernels of one smearing agree at long range only.
"""

from __future__ import annotations

import argparse
from math import exp, log, sqrt

import numpy as np
import torch
from hotpp_lr import _pme
from hotpp_lr.electrostatics.error_model import ErrorModel, Sources
from hotpp_lr.electrostatics.ewald import ewald_energy
from hotpp_lr.electrostatics.kernel import make_kernel
from hotpp_lr.electrostatics.response import energy_derivatives

CELL = np.array([[16.0, 0.0, 0.0], [3.0, 15.5, 0.0], [-2.0, 4.0, 15.0]])
SMEARING, N_ATOMS = 1.0, 400
ORDERS, KERNELS = (5, 6, 7, 8), ("gaussian", "prolate")
POINTS = (14, 16, 18, 20, 24, 28, 32, 40, 48, 64)  # along each axis; h = longest edge / points
WANTED = 1e-4


def atoms(dipoles: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    rng = np.random.default_rng(1)
    charges = rng.normal(size=N_ATOMS)
    charges -= charges.mean()
    charges /= sqrt((charges**2).mean())
    return rng.random((N_ATOMS, 3)) @ CELL, charges, 0.3 * rng.normal(size=(N_ATOMS, 3)) if dipoles else None


def direct_forces(kernel: str, r: np.ndarray, q: np.ndarray, mu: np.ndarray | None) -> np.ndarray:
    tensors = [torch.tensor(x) for x in (r, CELL[None], q)]
    dipoles = None if mu is None else torch.tensor(mu)
    structure = torch.zeros(len(q), dtype=torch.int64)
    options = {"smearing": SMEARING, "kernel": kernel, "k_max_sigma": 7.5}  # neglected terms: exp(-28)
    return energy_derivatives(ewald_energy, *tensors, dipoles, structure, **options).forces.numpy()


def measure(kernel: str, dipoles: bool) -> dict[int, list[tuple[float, float, float]]]:
    """order -> (h/smearing, true error, estimated error) of every mesh."""
    r, q, mu = atoms(dipoles)
    reference = direct_forces(kernel, r, q, mu)
    scale = np.linalg.norm(reference)
    sources = Sources.measured(r, q, mu, rms_force=scale / sqrt(N_ATOMS))
    model = ErrorModel(CELL, make_kernel(kernel, SMEARING), sources)
    longest = np.linalg.norm(CELL, axis=1).max()
    rows: dict[int, list[tuple[float, float, float]]] = {order: [] for order in ORDERS}
    for order in ORDERS:
        for points in POINTS:
            mesh = (points, points, points)
            plan = _pme.Plan(order, mesh, SMEARING, kernel=kernel)
            plan.set_cell(CELL)
            error = np.linalg.norm(plan.execute(r, q, mu)["forces"] - reference) / scale
            rows[order].append((longest / points / SMEARING, error, model.relative_error(order, mesh)))
    return rows


def spacing_for(rows: list[tuple[float, float, float]], error: float) -> float:
    """h/smearing at which the measured error is `error`, by log-log interpolation."""
    h, measured = np.array([(x, y) for x, y, _ in rows]).T
    return exp(np.interp(log(error), np.log(measured[::-1]), np.log(h[::-1])))


def range_of(kernel: str, level: float) -> float:
    """Distance in smearings beyond which r (1/r - kernel) stays below `level`."""
    r = torch.linspace(0.5, 30.0, 29501, dtype=torch.float64)
    deviation = (make_kernel(kernel, 1.0).complement(r)[0] * r).abs()
    return float(r[(deviation > level).nonzero()[-1, 0]])


def report(results: dict) -> None:
    for dipoles in (True, False):
        print(f"\n{'charges and dipoles' if dipoles else 'charges only'}: force error (estimate)")
        print("| p | h/σ | " + " | ".join(KERNELS) + " |\n|---|---|" + "---|" * len(KERNELS))
        for order in ORDERS:
            for i in range(len(POINTS)):
                columns = [results[dipoles, kernel][order][i] for kernel in KERNELS]
                values = " | ".join(f"{error:.1e} ({estimate:.1e})" for _, error, estimate in columns)
                print(f"| {order} | {columns[0][0]:.2f} | {values} |")
        print(f"\nlargest h/σ for an error of {WANTED:g}")
        print("| p | gaussian | prolate | ratio |\n|---|---|---|---|")
        for order in ORDERS:
            a, b = (spacing_for(results[dipoles, kernel][order], WANTED) for kernel in KERNELS)
            print(f"| {order} | {a:.3f} | {b:.3f} | {b / a:.2f} |")
    print("\ndistance in σ beyond which 1/r minus the kernel is less than a fraction of 1/r")
    print("| fraction | gaussian | prolate |\n|---|---|---|")
    for level in (1e-2, 1e-3, 1e-4):
        print(f"| {level:g} | " + " | ".join(f"{range_of(kernel, level):.2f}" for kernel in KERNELS) + " |")
    ratios = [results["ratio", d] for d in (True, False)]
    print(f"\nworst ratio of estimated to true error: {max(ratios):.2f}")


def plot(results: dict, path: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.2), sharey=True, layout="constrained")
    colours = plt.cm.viridis(np.linspace(0.05, 0.85, len(ORDERS)))
    for axis, dipoles in zip(axes, (False, True), strict=True):
        for order, colour in zip(ORDERS, colours, strict=True):
            for kernel, marker, style in zip(KERNELS, "os", ("-", "--"), strict=True):
                h, error, estimate = np.array(results[dipoles, kernel][order]).T
                fill = colour if kernel == "gaussian" else "white"
                axis.plot(h, error, marker, color=colour, markerfacecolor=fill, markersize=4.5)
                axis.plot(h, estimate, style, color=colour, linewidth=1.2, label=f"p = {order}, {kernel}")
        axis.axhline(WANTED, color="0.6", linewidth=0.8)
        axis.set(xscale="log", yscale="log", xlabel="mesh spacing / smearing", ylim=(1e-9, 0.1))
        axis.set_xticks([0.25, 0.35, 0.5, 0.7, 1.0], ["0.25", "0.35", "0.5", "0.7", "1"])
        axis.minorticks_off()
        axis.set_title("charges and dipoles" if dipoles else "charges", fontsize=11)
    axes[0].set_ylabel("relative rms force error")
    axes[0].legend(fontsize=7.5, ncols=2, frameon=False, loc="lower right", title="points: measured, lines: estimated",
                   title_fontsize=7.5)  # fmt: skip
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", metavar="FILE", help="write a picture")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results: dict = {}
    for dipoles in (True, False):
        for kernel in KERNELS:
            results[dipoles, kernel] = measure(kernel, dipoles)
        quotients = [
            max(estimate / error, error / estimate)
            for kernel in KERNELS
            for rows in results[dipoles, kernel].values()
            for _, error, estimate in rows
        ]
        results["ratio", dipoles] = max(quotients)
    report(results)
    if options.plot:
        plot(results, options.plot)


if __name__ == "__main__":
    main()
