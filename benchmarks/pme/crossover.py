"""Explicit Ewald summation against the mesh, in one framework: energy and forces of charges and dipoles.

    python benchmarks/pme/crossover.py [--sizes 32,64,...,16000] [--picture PATH]

The explicit sum is that of `hotpp_lr.electrostatics.ewald` in PyTorch (float32, the fastest), its modes in blocks so
that memory does not grow, up to the k that gives a force error of about 1e-4. The mesh is the native one in float32
and the differentiable PyTorch one in float64, order and points chosen for the same error.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from math import log, pi
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from common import write_table
from configurations import Configuration, random_configuration
from hotpp_lr import _pme
from hotpp_lr.constants import COULOMB_CONSTANT
from hotpp_lr.electrostatics.ewald import half_space_modes
from hotpp_lr.electrostatics.kernel import GaussianKernel
from hotpp_lr.electrostatics.mesh import pme_energy
from judge import relative_error

ACCURACY, ORDER, K_MAX = 1e-4, 8, 4.7  # K_MAX in 1/smearing
BLOCK = 2**22  # modes x atoms at a time
LARGEST_TORCH_MESH = 8000  # atoms; it only has to show the trend
SIZES = "32,64,128,256,512,1000,2000,4000,8000,16000"
NAMES = ("explicit sum, PyTorch", "mesh, PyTorch", "mesh, native")


def explicit(configuration: Configuration) -> np.ndarray:
    """Forces [n, 3] eV/Å; the energy is on the way."""
    kernel = GaussianKernel(configuration.smearing)
    cell = torch.tensor(configuration.cell)
    r, q, mu = (torch.tensor(a, dtype=torch.float32) for a in (configuration.positions, *configuration.sources("q+mu")))
    r.requires_grad_()
    modes = half_space_modes(cell, K_MAX / configuration.smearing)
    k_all = (2 * pi * modes.to(cell) @ torch.linalg.inv(cell).T).float()
    gradient = torch.zeros_like(r)
    scale = 4 * pi * COULOMB_CONSTANT / float(torch.linalg.det(cell).abs())
    for k in k_all.split(max(1, BLOCK // len(q))):
        phase = k @ r.T
        real, imag = torch.cos(phase), torch.sin(phase)
        along = k @ mu.T
        s_real, s_imag = real @ q - (along * imag).sum(1), imag @ q + (along * real).sum(1)
        energy = scale * (kernel.transform((k * k).sum(1)) * (s_real**2 + s_imag**2)).sum()
        gradient += torch.autograd.grad(energy, r)[0]
    return -gradient.double().numpy()


def torch_mesh(configuration: Configuration) -> np.ndarray:
    r, q, mu = (torch.tensor(a) for a in (configuration.positions, *configuration.sources("q+mu")))
    r.requires_grad_()
    structure = torch.zeros(len(q), dtype=torch.int64)
    mesh = torch.tensor([_pme.mesh_size(configuration.cell, configuration.smearing, ACCURACY, ORDER)])
    energy = pme_energy(
        r,
        torch.tensor(configuration.cell)[None],
        q,
        mu,
        structure,
        smearing=configuration.smearing,
        order=ORDER,
        mesh=mesh,
    )
    return -torch.autograd.grad(energy.sum(), r)[0].numpy()


def native_mesh(configuration: Configuration) -> Callable[[Configuration], np.ndarray]:
    mesh = _pme.mesh_size(configuration.cell, configuration.smearing, ACCURACY, ORDER)
    plan = _pme.Plan(ORDER, mesh, configuration.smearing, precision="float")
    plan.set_cell(configuration.cell)
    sources = configuration.sources("q+mu")
    return lambda c: plan.execute(c.positions, *sources)["forces"]


def timed(function: Callable[[Configuration], np.ndarray], configuration: Configuration) -> tuple[float, float]:
    """Shortest time in s of runs for about a second, and the force error."""
    times: list[float] = []
    while sum(times) < 1.0 and len(times) < 200:
        begin = time.perf_counter()
        forces = function(configuration)
        times.append(time.perf_counter() - begin)
    return min(times), relative_error(forces, configuration, "q+mu")


def crossing(sizes: list[int], first: list[float], second: list[float]) -> float | None:
    """Where two curves cross, linear in log-log."""
    for i in range(len(sizes) - 1):
        a, b = log(first[i] / second[i]), log(first[i + 1] / second[i + 1])
        if a < 0 <= b:
            return sizes[i] * (sizes[i + 1] / sizes[i]) ** (-a / (b - a))
    return None


def draw(sizes: list[int], times: dict[str, list[float]], threads: int, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4))
    for (name, values), marker in zip(times.items(), "os^", strict=True):
        axes.loglog(sizes[: len(values)], [1e3 * t for t in values], marker=marker, label=name)
    axes.set_xticks(sizes, [f"{n:,}" for n in sizes], fontsize=8)
    axes.minorticks_off()
    axes.set_xlabel("atoms")
    axes.set_ylabel("energy and forces, ms")
    axes.set_title(f"Charges and dipoles, force error ≤ 10⁻⁴, {threads} threads", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default=SIZES)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--picture", type=Path, default=Path("docs/pictures/crossover.png"))
    parser.add_argument("--no-table", action="store_true", help="print only")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    _pme.set_num_threads(arguments.threads)
    sizes = [int(size) for size in arguments.sizes.split(",")]
    times: dict[str, list[float]] = {name: [] for name in NAMES}
    heading = ("N", "K", *(f"{name}: {what}" for name in NAMES for what in ("ms", "force error")), "explicit/native")
    rows = []
    for n in sizes:
        configuration = random_configuration(n)
        mesh = _pme.mesh_size(configuration.cell, configuration.smearing, ACCURACY, ORDER)
        row = [str(n), f"{mesh[0]}³"]
        for name, function in zip(NAMES, (explicit, torch_mesh, native_mesh(configuration)), strict=True):
            if function is torch_mesh and n > LARGEST_TORCH_MESH:
                row += ["–", "–"]
                continue
            seconds, error = timed(function, configuration)
            times[name].append(seconds)
            row += [f"{1e3 * seconds:.3g}", f"{error:.1e}"]
        row.append(f"{times[NAMES[0]][-1] / times[NAMES[2]][-1]:.1f}")
        rows.append(row)
        print(" | ".join(row), flush=True)
    lines = [
        f"target: mesh ≥ 10× the explicit sum at 16,000 atoms; measured: {rows[-1][-1]}× at {sizes[-1]}",
    ]
    for name in NAMES[1:]:
        values = times[name]
        place = crossing(sizes[: len(values)], times[NAMES[0]], values)
        below = f"below {sizes[0]}" if times[NAMES[0]][0] >= values[0] else "not within these sizes"
        lines.append(f"explicit sum and {name} cross at {f'{place:.0f}' if place else below} atoms")
    print("\n" + "\n".join(lines))
    draw(sizes, times, arguments.threads, arguments.picture)
    if not arguments.no_table:
        notes = (
            f"Energy and forces of charges and dipoles, smearing 1 Å, density 0.1 atoms/Å³, {arguments.threads} "
            f"threads. Explicit: modes up to k σ = {K_MAX}, float32, autograd. Meshes: order {ORDER}; PyTorch in "
            "float64 with autograd, native in float32. Shortest of several runs."
        )
        path = write_table("pme_crossover", "Explicit Ewald summation against the mesh", heading, rows, notes)
        path.write_text(path.read_text() + "\n" + "\n".join(f"* {line}" for line in lines) + "\n")
        print(path)


if __name__ == "__main__":
    main()
