"""One training step of the electrostatics: energies, forces, and the gradient of a loss on both.

    python benchmarks/pme/training_step.py [--threads 1 2] [--structures 8] [--points 20] [--model]

A batch of melt-like ions; the loss is linear in energies and forces, so its gradient is a Hessian-vector product.
Beside every time stand the deviations of energies, forces and that product from direct Ewald summation (float64),
relative, as root mean squares. Peers that are installed (torch-pme, nvalchemi-toolkit-ops) run too, each with the
mesh and order named. --model: the step of a whole model instead (examples/config.yaml with 16 channels).
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import torch
from hotpp_lr.constants import COULOMB_CONSTANT
from hotpp_lr.electrostatics.ewald import ewald_energy
from hotpp_lr.electrostatics.mesh import pme_energy
from hotpp_lr.electrostatics.native_mesh import pme_energy_native

ATOMS, LENGTH, SMEARING, ORDER = 128, 16.6, 1.5, 6  # molten NaCl at 1300 K, examples/config.yaml


def melt(n_structures: int, dtype: torch.dtype):
    """positions, cell, charges, dipoles, structure and the weights of energies and forces in the loss."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    n = n_structures * ATOMS
    grid = torch.cartesian_prod(torch.arange(4), torch.arange(4), torch.arange(8)).double()
    lattice = LENGTH * grid / torch.tensor([4.0, 4.0, 8.0])
    positions = lattice.repeat(n_structures, 1) + 0.5 * normal(n, 3)
    charges = (1.0 - 2.0 * (grid.sum(1) % 2)).repeat(n_structures) * 0.9 + 0.05 * normal(n)
    charges = (charges.view(n_structures, -1) - charges.view(n_structures, -1).mean(1, keepdim=True)).flatten()
    cell = LENGTH * torch.eye(3, dtype=torch.float64).repeat(n_structures, 1, 1)
    structure = torch.arange(n_structures).repeat_interleave(ATOMS)
    values = positions, cell, charges, 0.1 * normal(n, 3)
    return (*(v.to(dtype) for v in values), structure), (normal(n_structures).to(dtype), normal(n, 3).to(dtype))


def step(energy_of, system, weights):
    """Energies [S], forces [N, 3], gradient of the loss by positions [N, 3]; energy_of(r, cell, q, μ, structure)."""
    r, cell, q, mu, structure = system
    inputs = [t.clone().requires_grad_() for t in (r, q, mu) if t is not None]
    energy = energy_of(inputs[0], cell, inputs[1], inputs[2] if len(inputs) == 3 else None, structure)
    (gradient,) = torch.autograd.grad(energy.sum(), inputs[0], create_graph=True)
    loss = (weights[0] * energy).sum() - (weights[1] * gradient).sum()
    return energy.detach(), -gradient.detach(), torch.autograd.grad(loss, inputs)[0]


def torch_pme(points: int, dtype: torch.dtype):
    """P3M of the charges, structure by structure (it has no batches), order 5, on the next power of two points."""
    import torchpme

    size = 1 << (points - 1).bit_length()
    calculator = torchpme.P3MCalculator(
        torchpme.CoulombPotential(smearing=SMEARING).to(dtype),
        mesh_spacing=2 * LENGTH / (size - 1) * 1.0001,
        interpolation_nodes=5,
        full_neighbor_list=True,
    ).to(dtype)

    def energies(r, cell, q, mu, structure):
        values = []
        for s in range(len(cell)):
            mine = slice(s * ATOMS, (s + 1) * ATOMS)
            potential = calculator._compute_kspace(charges=q[mine, None], cell=cell[s], positions=r[mine])
            values.append(COULOMB_CONSTANT * (q[mine, None] * potential).sum())
        return torch.stack(values)

    return energies, f"p=5 K={size}"


def nvalchemi(points: int, dtype: torch.dtype):
    """Batched multipole PME, order 6; inverse cells, volumes, moduli and k² are made beforehand."""
    from nvalchemiops.torch.interactions.electrostatics import pack_multipole_moments
    from nvalchemiops.torch.interactions.electrostatics.pme_multipole import multipole_pme_reciprocal_space

    def energies(r, cell, q, mu, structure):
        moments = q[:, None] if mu is None else pack_multipole_moments(q, mu)
        per_atom = multipole_pme_reciprocal_space(
            r,
            moments,
            cell,
            sigma=SMEARING / 2,  # half of the variance from the sources, half from the splitting
            alpha=1.0 / SMEARING,
            mesh_dimensions=(points,) * 3,
            spline_order=ORDER,
            batch_idx=structure.to(torch.int32),
        )
        return torch.zeros(len(cell), dtype=per_atom.dtype).index_add(0, structure, per_atom)

    return energies, f"p={ORDER} K={points}"


def ours(function):
    def make(points: int, dtype: torch.dtype):
        def energies(r, cell, q, mu, structure):
            mesh = torch.full((len(cell), 3), points)
            return function(r, cell, q, mu, structure, smearing=SMEARING, order=ORDER, mesh=mesh)

        return energies, f"p={ORDER} K={points}"

    return make


CODES = {
    "reference": ours(pme_energy),
    "native": ours(pme_energy_native),
    "torch-pme": torch_pme,
    "nvalchemi": nvalchemi,
}


def fastest(call, seconds: float) -> float:
    """Minimum over runs, in ms."""
    best, stop = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < stop or best == float("inf"):
        begin = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begin)
    return 1e3 * best


def deviation(value, exact) -> float:
    return float((value.double() - exact).norm() / exact.norm())


def compare(n_structures: int, points: int, threads: list[int], seconds: float) -> None:
    print(f"{n_structures} x {ATOMS} ions, cell {LENGTH} Å, σ = {SMEARING} Å, h/σ = {LENGTH / points / SMEARING:.2f}")
    print(f"{'code':<11}{'mesh':<10}{'carries':<9}{'type':<9}{'threads':>7}{'ms':>9}{'vs ref':>8}"
          f"{'energy':>10}{'forces':>10}{'product':>10}")  # fmt: skip
    for with_dipoles in (True, False):
        system, weights = melt(n_structures, torch.float64)
        if not with_dipoles:
            system = (*system[:3], None, system[4])
        exact = step(lambda *args: ewald_energy(*args, smearing=SMEARING), system, weights)
        for dtype in (torch.float64, torch.float32):
            narrow = tuple(t if t is None or not t.is_floating_point() else t.to(dtype) for t in system)
            seeds = tuple(w.to(dtype) for w in weights)
            for count in threads:
                torch.set_num_threads(count)
                reference = None
                for name, make in CODES.items():
                    if name == "torch-pme" and with_dipoles:
                        continue  # it has no mesh for dipoles
                    try:
                        energies, mesh = make(points, dtype)
                        found = step(energies, narrow, seeds)
                    except ImportError:
                        continue
                    ms = fastest(lambda f=energies, a=narrow, w=seeds: step(f, a, w), seconds)
                    reference = reference or ms
                    errors = "".join(f"{deviation(a, b):10.1e}" for a, b in zip(found, exact, strict=True))
                    case = f"{'q+mu' if with_dipoles else 'q':<9}{str(dtype).removeprefix('torch.'):<9}{count:>7}"
                    print(f"{name:<11}{mesh:<10}{case}{ms:9.2f}{reference / ms:8.1f}{errors}", flush=True)


def whole_model(threads: list[int], seconds: float) -> None:
    from hotpp_lr.data.batch import collate, prepare
    from hotpp_lr.data.read import read_structures
    from hotpp_lr.electrostatics.accuracy import mesh_size
    from hotpp_lr.model.potential import Potential
    from hotpp_lr.training.config import read_config
    from hotpp_lr.training.loss import loss_terms
    from hotpp_lr.training.statistics import elements_of, normalisation

    examples = Path(__file__).parents[2] / "examples"
    config = read_config(examples / "config.yaml")
    structures = read_structures(examples / "molten_nacl/data/train.xyz.gz")[: config.training.batch_size]
    elements = elements_of(structures)
    print(f"{config.training.batch_size} x {len(structures[0].numbers)} ions, examples/config.yaml with 16 channels")
    print(f"{'electrostatics':<16}{'type':<9}{'threads':>7}{'mesh':>6}{'reference ms':>14}{'native ms':>11}{'gain':>6}")
    for electrostatics in ("charge", "charge+dipole"):
        model = config.model.model_copy(update={"channels": 16, "electrostatics": electrostatics})
        mesh = tuple(mesh_size(structures[0].cell, model.smearing, model.accuracy, model.order))
        samples = [prepare(s, elements, model.cutoff, mesh) for s in structures]
        batch = collate(samples)
        for dtype in (torch.float32, torch.float64):
            torch.manual_seed(0)
            potential = Potential(model, normalisation(samples, elements)).to(dtype).use_native_message()

            def training_step(potential=potential, batch=batch):
                potential.zero_grad()
                prediction = potential(batch, create_graph=True)
                sum(loss_terms(prediction, batch, config.loss).values()).backward()

            for count in threads:
                torch.set_num_threads(count)
                times = []
                for implementation in ("reference", "native"):
                    os.environ["HOTPP_ELECTROSTATICS"] = implementation
                    training_step()
                    times.append(fastest(training_step, seconds))
                precision = str(dtype).removeprefix("torch.")
                print(f"{electrostatics:<16}{precision:<9}{count:>7}{mesh[0]:>6}{times[0]:14.1f}{times[1]:11.1f}"
                      f"{times[0] / times[1]:6.2f}", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--structures", type=int, default=8)
    parser.add_argument("--points", type=int, default=20, help="mesh points along each axis")
    parser.add_argument("--seconds", type=float, default=1.0, help="of runs per line; the fastest counts")
    parser.add_argument("--model", action="store_true", help="the step of a whole model")
    options = parser.parse_args()
    if options.model:
        whole_model(options.threads, options.seconds)
    else:
        compare(options.structures, options.points, options.threads, options.seconds)


if __name__ == "__main__":
    main()
