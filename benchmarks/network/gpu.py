"""tensor_message, atom_update and the training step of the mesh on a CUDA device, beside PyTorch's operations. About a
minute.

    python benchmarks/network/gpu.py [--seconds 50]

tensor_message: boxes of 1024 atoms with 27 neighbours within 6 Å, 64 channels, rank 2 to rank 2, tables of 256 knots
(as tensor_message.py), as many boxes as the size asks for, float32. Roofline: the bytes that must come from or go to
device memory (features, edges, messages, gradients, once each) over the bandwidth of a copy measured here.
atom_update: both layers of a network of rank 2 with charges and dipoles, frozen, float32; as many atoms. Roofline: the
multiply-adds of the matrices over the rate of a large product of matrices in float32, measured here.
Mesh: a training step of the electrostatics (energies, forces, gradient of a loss on both), 8 x 128 ions, 20³ points.
Errors: against the same on the CPU in float64.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import atom_update
import torch
from hotpp_lr.electrostatics.mesh import pme_energy
from hotpp_lr.electrostatics.native_mesh import pme_energy_native
from hotpp_lr.model.message import components, paths
from hotpp_lr.native import load_operators
from tensor_message import CUTOFF, KNOTS, reference, system

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "pme"))
from device_timing import copy_bandwidth, median_seconds, multiply_add_rate
from tables import write_table
from training_step import melt, ours, step

BOX, CHANNELS = 1024, 64


def boxes(count: int, dtype: torch.dtype, device: str):
    """Arguments of tensor_message for `count` boxes, and the cotangent of the messages."""
    vectors, receivers, senders = system(BOX, torch.float64)
    shift = (BOX * torch.arange(count)).repeat_interleave(len(receivers))
    generator = torch.Generator().manual_seed(1)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(device, dtype)

    features, table = normal(BOX, components(2), CHANNELS), normal(KNOTS, 2, len(paths(2, 2)), CHANNELS)
    seed = normal(BOX, components(2), CHANNELS).repeat(count, 1, 1)
    receivers, senders = ((i.repeat(count) + shift).to(device) for i in (receivers, senders))
    features, vectors = features.repeat(count, 1, 1), vectors.repeat(count, 1).to(device, dtype)
    return (features, vectors, table, receivers, senders, count * BOX, 2, CUTOFF), seed


def work(function, arguments, seed):
    """What is measured: name -> call with results."""
    features, vectors, table, *topology = arguments
    inputs = [t.clone().requires_grad_() for t in (features, vectors, table)]

    def forward():
        with torch.no_grad():
            return [function(*arguments)]

    def forces():
        return torch.autograd.grad(function(*inputs[:2], table, *topology), inputs[:2], seed)

    def training():
        first = torch.autograd.grad(function(*inputs, *topology), inputs[:2], seed, create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), inputs)

    return {"forward": forward, "forward + forces": forces, "training": training}


def least_bytes(name: str, arguments) -> int:
    """Features, edges and messages once each; with forces their gradients and the features a second time."""
    features, vectors, table, receivers = arguments[:4]
    once = 4 * (2 * features.numel() + vectors.numel() + table.numel()) + 16 * len(receivers)
    more = 4 * (3 * features.numel() + 2 * vectors.numel() + table.numel()) + 16 * len(receivers)
    return once if name == "forward" else once + more


def error(found, expected) -> float:
    return max(float((a.cpu().double() - e).norm() / e.norm()) for a, e in zip(found, expected, strict=True))


def messages(sizes: list[int], until: float, bandwidth: float) -> list[list[str]]:
    exact = {n: call() for n, call in work(reference, *boxes(1, torch.float64, "cpu")).items()}
    rows = []
    for count in sizes:
        arguments, seed = boxes(count, torch.float32, "cuda")
        fused = work(torch.ops.hotpp_lr.tensor_message, arguments, seed)
        plain = work(reference, arguments, seed)
        for name, call in fused.items():
            if time.perf_counter() > until:
                return rows
            seconds = median_seconds(call)
            deviation = f"{error(call(), exact[name]):.1e}" if count == 1 else ""
            try:
                eager = median_seconds(plain[name], repeats=3)
            except torch.OutOfMemoryError:
                eager = float("nan")
            fraction = least_bytes(name, arguments) / seconds / bandwidth if name != "training" else float("nan")
            n = count * BOX
            rows.append(
                [f"{n}", name, f"{1e6 * seconds:.0f}", f"{1e6 * seconds / n:.4f}", f"{eager / seconds:.1f}",
                 f"{fraction:.2f}", deviation]
            )  # fmt: skip
            print("  ".join(f"{x:>16}" for x in rows[-1]), flush=True)
    return rows


def updates(sizes: list[int], until: float, rate: float) -> list[list[str]]:
    """A step of molecular dynamics: results of both layers, gradients by messages and features."""
    network = atom_update.make_network(CHANNELS)
    cases = [atom_update.make_case(layer, BOX, CHANNELS) for layer in (0, 1)]

    def steps(layers, cases):
        return [r for f, case in zip(layers, cases, strict=True) for r in atom_update.step(f, case)]

    def repeated(tensor, count):
        tensor = tensor.float() if tensor.is_floating_point() else tensor
        return tensor.cuda().repeat(count, *[1] * (tensor.dim() - 1))

    exact = steps([atom_update.Modules(network, layer) for layer in (0, 1)], cases)
    fused = [atom_update.AtomUpdate(network, layer).to("cuda", torch.float32) for layer in (0, 1)]
    network.to("cuda", torch.float32)
    plain, rows = [atom_update.Modules(network, layer) for layer in (0, 1)], []
    for count in sizes:
        if time.perf_counter() > until:
            break
        n = count * BOX
        here = [(*(repeated(t, count) for t in case[:3]), [repeated(t, count) for t in case[3]]) for case in cases]
        seconds = median_seconds(lambda here=here: steps(fused, here))
        eager = median_seconds(lambda here=here: steps(plain, here), repeats=3)
        fraction = atom_update.multiply_adds(CHANNELS) * n / seconds / rate
        deviation = f"{error(steps(fused, here), exact):.1e}" if count == 1 else ""
        rows.append(
            [f"{n}", "update, forces", f"{1e6 * seconds:.0f}", f"{1e6 * seconds / n:.4f}", f"{eager / seconds:.1f}",
             f"{fraction:.2f}", deviation]
        )  # fmt: skip
        print("  ".join(f"{x:>16}" for x in rows[-1]), flush=True)
    return rows


def mesh_step(dtype: torch.dtype) -> list[str]:
    given, weights = melt(8, torch.float64)
    exact = step(ours(pme_energy)(20, torch.float64)[0], given, weights)
    batch = [t.to("cuda", dtype) if t.is_floating_point() else t.cuda() for t in given]
    seeds = [w.to("cuda", dtype) for w in weights]
    codes = [ours(function)(20, dtype)[0] for function in (pme_energy_native, pme_energy)]
    native, eager = (median_seconds(lambda code=code: step(code, batch, seeds)) for code in codes)
    row = ["8 x 128 ions", f"mesh, training, {str(dtype)[6:]}", f"{1e6 * native:.0f}", f"{1e6 * native / 1024:.4f}",
           f"{eager / native:.1f}", "", f"{error(step(codes[0], batch, seeds), exact):.1e}"]  # fmt: skip
    print("  ".join(f"{x:>16}" for x in row), flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=50.0, help="no new measurement is begun after this time")
    parser.add_argument("--boxes", type=int, nargs="+", default=[1, 8, 64], help="of 1024 atoms")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("There is no CUDA device (torch.cuda.is_available() is False).")
    load_operators()
    until = time.perf_counter() + arguments.seconds
    bandwidth = copy_bandwidth()
    rows = [mesh_step(dtype) for dtype in (torch.float64, torch.float32)]
    rate = multiply_add_rate()
    rows += updates(arguments.boxes, until, rate)
    rows += messages(arguments.boxes, until, bandwidth)
    path = write_table(
        "operators_gpu",
        f"Operators on {torch.cuda.get_device_name()}, beside PyTorch's operations",
        ("size", "work", "µs", "µs/atom", "PyTorch / ours", "roofline", "error"),
        rows,
        __doc__.split("\n\n", 2)[2]
        + f"\nBandwidth of a copy: {bandwidth / 1e9:.0f} GB/s; product of matrices: {2e-12 * rate:.1f} Tflop/s.",
    )
    print(f"written: {path}")


if __name__ == "__main__":
    main()
