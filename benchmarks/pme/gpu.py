"""The mesh on a CUDA device: time per call, error, and fraction of the bandwidth roofline; peers if installed.

    python benchmarks/pme/gpu.py [--sizes 1k 10k 100k 1000k] [--output table.md]

Random charges and dipoles at 0.1 atoms/Å³ (configurations.py), order 6, float32 mesh, float32 arrays in device memory,
all outputs (energy, potential, field, forces; strain derivative in a line of its own), replays of the plan's graph.
Two meshes: h = 1 Å with sigma = 2.8 Å, and h = 0.36 Å with sigma = 1 Å; both for a force error near 1e-4.

Error: against the same mesh in float64 by the emulated device (rounding), and for the smallest size against direct
Ewald summation (everything).
Roofline: the bytes that must move (arrays once in and once out, sites, 16 passes over the mesh, see `least_bytes`)
over the bandwidth of a device-to-device copy measured here. A mesh that stays in the L2 cache may go beyond it.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from configurations import COULOMB_CONSTANT, number_of, random_configuration
from device_timing import copy_bandwidth, median_seconds
from gpu_peers import PEERS
from peers import smooth_sizes

ORDER = 6
MESHES = {"h = 1 Å": (1.0, 2.8), "h = 0.36 Å": (0.36, 1.0)}  # spacing Å, smearing Å
LARGEST_MESH = 1000  # points per axis


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["1k", "10k", "100k", "1000k"])
    parser.add_argument("--output", type=Path, default=default_output())
    parser.add_argument("--seconds", type=float, default=150.0, help="no new measurement is begun after this time")
    parser.add_argument("--reference", type=int, default=100_000, help="largest system for the float64 comparison")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("There is no CUDA device (torch.cuda.is_available() is False).")
    begin, rows = time.perf_counter(), []
    bandwidth = copy_bandwidth()
    for size in arguments.sizes:
        for name, (spacing, smearing) in MESHES.items():
            if time.perf_counter() - begin < arguments.seconds:
                rows += measure(number_of(size), name, spacing, smearing, bandwidth, arguments.reference)
                print(rows[-1], flush=True)
    write_table(arguments.output, rows, bandwidth)


def default_output() -> Path:
    folder = Path(os.environ.get("OUT") or Path(__file__).parents[1] / "results")
    return folder / f"{datetime.date.today().isoformat()}_pme_gpu.md"


def least_bytes(n: int, mesh: int) -> float:
    """Bytes that must move: per atom 7 float32 in and 7 out, its site and coefficients (44 B) written once and read
    twice; per mesh point 4 B times clear 1, spread 2, to real 2, transform 4, influence 2, transform 4, gather 1."""
    return n * (2 * 28 + 3 * 44) + 16 * 4 * mesh * mesh * (2 * (mesh // 2 + 1))


class Call:
    """A plan and its arrays in device memory."""

    def __init__(self, configuration, smearing, mesh, strain):
        from hotpp_lr import _pme_cuda

        self.plan = _pme_cuda.Plan(ORDER, (mesh,) * 3, smearing, precision="float")
        self.plan.set_cell(configuration.cell)
        self.n = len(configuration)
        self.atoms = {
            name: torch.tensor(getattr(configuration, name), dtype=torch.float32).cuda()
            for name in ("positions", "charges", "dipoles")
        }
        self.results = {
            "energy": torch.zeros(1, dtype=torch.float64, device="cuda"),
            "potential": torch.full((self.n,), torch.nan, device="cuda"),
            "field": torch.full((self.n, 3), torch.nan, device="cuda"),
            "forces": torch.full((self.n, 3), torch.nan, device="cuda"),
        }
        if strain:
            self.results["strain_derivative"] = torch.zeros((3, 3), dtype=torch.float64, device="cuda")
        self.addresses = {name: tensor.data_ptr() for name, tensor in (self.atoms | self.results).items()}

    def __call__(self):
        stream = torch.cuda.current_stream().cuda_stream
        self.plan.execute_on_device(stream, self.n, **self.addresses, single=True)

    def snapshot(self) -> dict[str, np.ndarray]:
        torch.cuda.synchronize()
        return {name: tensor.cpu().numpy().copy() for name, tensor in self.results.items()}


def measure(n, name, spacing, smearing, bandwidth, largest_reference) -> list[list[str]]:
    configuration = random_configuration(n)
    length = float(configuration.cell[0, 0])
    mesh = next(smooth_sizes(int(np.ceil(length / spacing))))
    if mesh > LARGEST_MESH:
        return [[f"{n}", name, f"{mesh}³", "hotpp-lr", "not measured: mesh too large", "", "", "", ""]]
    lines = []
    for strain in (False, True):
        call = Call(configuration, smearing, mesh, strain)
        seconds = median_seconds(call, calls=max(5, min(200, 2_000_000 // n)))
        begin = time.perf_counter()
        for _ in range(50):
            call()
        host = (time.perf_counter() - begin) / 50
        results = call.snapshot()
        repeated = all(np.array_equal(value, (call(), call.snapshot())[1][key]) for key, value in results.items())
        call.plan.throw_problems(torch.cuda.current_stream().cuda_stream)
        fraction = least_bytes(n, mesh) / bandwidth / seconds
        error = force_error(configuration, call, results["forces"], smearing, mesh, largest_reference)
        title = "hotpp-lr" + (" + strain" if strain else "")
        speed = f"{1e6 * seconds:.1f} | {1e6 * host:.1f} | {100 * fraction:.0f} %"
        lines.append([f"{n}", name, f"{mesh}³", title, speed, error, "yes" if repeated else "NO"])
    for peer in PEERS:
        lines.append([f"{n}", name, f"{mesh}³", *peer(configuration, smearing, ORDER, mesh, median_seconds)])
    return lines


def force_error(configuration, call, forces, smearing, mesh, largest_reference) -> str:
    """Relative rms deviation of the forces from float64 on the same mesh, and from direct Ewald if n <= 1000."""
    from hotpp_lr import _pme_emulated

    if len(configuration) > largest_reference or mesh > 200:
        return "–"
    atoms = [call.atoms[name].cpu().numpy().astype(np.float64) for name in ("positions", "charges", "dipoles")]
    plan = _pme_emulated.Plan(ORDER, (mesh,) * 3, smearing, precision="double")
    plan.set_cell(configuration.cell)
    text = f"{relative_rms(forces, plan.execute(*atoms)['forces']):.1e}"
    if len(configuration) <= 1000:
        text += f", Ewald {relative_rms(forces, ewald_forces(configuration.cell, *atoms, smearing)):.1e}"
    return text


def relative_rms(actual, expected) -> float:
    return float(np.sqrt(((actual - expected) ** 2).mean() / (expected**2).mean()))


def ewald_forces(cell, positions, charges, dipoles, smearing):
    """Direct sum over k on the device, float64, to rounding."""
    reach = 9.0 / smearing  # exp(-sigma² k²/2) = 3e-18
    limit = int(np.ceil(reach * cell[0, 0] / (2 * np.pi)))
    axis = torch.arange(-limit, limit + 1, dtype=torch.float64, device="cuda")
    k = 2 * np.pi / cell[0, 0] * torch.cartesian_prod(axis, axis, axis)
    squared = (k**2).sum(1)
    k = k[(squared > 0) & (squared < reach**2)]
    r, q, mu = (torch.tensor(a, dtype=torch.float64, device="cuda") for a in (positions, charges, dipoles))
    forces = torch.zeros_like(r)
    volume = float(np.linalg.det(cell))
    for part in k.split(20_000):
        squared = (part**2).sum(1)
        weight = 4 * np.pi * COULOMB_CONSTANT / volume * torch.exp(-0.5 * smearing**2 * squared) / squared
        wave = torch.exp(1j * (r @ part.T))
        source = q[:, None] + 1j * (mu @ part.T)
        structure = (source * wave).sum(0)
        # -dE/dr_i = -weight Re[conj(S) i k (q + i k·μ) exp(i k·r)]
        forces -= ((structure.conj() * 1j * source * wave).real * weight) @ part
    return forces.cpu().numpy()


def write_table(path: Path, rows, bandwidth) -> None:
    device = torch.cuda.get_device_name()
    lines = [
        "# The mesh on a CUDA device",
        "",
        f"{datetime.date.today().isoformat()}. {device}, torch {torch.__version__}, copy bandwidth "
        f"{bandwidth / 1e12:.2f} TB/s (read and written).",
        "",
        *__doc__.strip().splitlines()[4:],
        "",
        "| N | mesh | points | code | µs per call | µs on the host | of roofline | rms force error | same bits |",
        "|---|---|---|---|---|---|---|---|---|",
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
