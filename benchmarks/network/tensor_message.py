"""The sum over neighbours by itself: the fused operator beside the PyTorch reference, µs per atom. About one minute.

    python benchmarks/network/tensor_message.py

1024 atoms at random places with 27 neighbours on average within 6 Å, 64 channels, tables of 256 knots: one layer from
scalars to rank 2 (the first) and one from rank 2 to rank 2, forward, and forward with the gradients of features and
edge vectors (what forces need); the same with the table's gradient and the double backward of a force loss (training).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch
from hotpp_lr.model import message
from hotpp_lr.model.message import components, paths
from hotpp_lr.model.radial import interpolate
from hotpp_lr.native import load_operators

sys.path.insert(0, str(Path(__file__).parent.parent))
from tables import write_table

CUTOFF, NEIGHBOURS, KNOTS = 6.0, 27, 256


def system(n_atoms: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Edge vectors [E, 3], receivers, senders of atoms on a jittered cubic lattice, numbered along a space-filling
    order of cells (as engines sort them), so that no pair is closer than real atoms are."""
    generator = torch.Generator().manual_seed(0)
    side = 2 ** round(torch.log2(torch.tensor(n_atoms)).item() / 3)
    if n_atoms % side**2:
        raise SystemExit(f"--atoms is {n_atoms}, expected a power of two.")
    sides = torch.tensor([n_atoms // side**2, side, side])
    spacing = (4 / 3 * torch.pi * CUTOFF**3 / NEIGHBOURS) ** (1 / 3)
    grid = torch.stack(torch.meshgrid(*(torch.arange(n) for n in sides), indexing="ij"), -1).reshape(-1, 3)
    positions = (grid + 0.5 * torch.rand(len(grid), 3, generator=generator)) * spacing
    d = positions[None] - positions[:, None]
    d = d - sides * spacing * torch.round(d / (sides * spacing))
    r = d.norm(dim=-1)
    receivers, senders = torch.nonzero((r < CUTOFF) & (r > 0), as_tuple=True)
    return d[receivers, senders].to(dtype), receivers, senders


def reference(features, edge_vectors, table, receivers, senders, n_receivers, rank_out, cutoff):
    r = edge_vectors.norm(dim=1)
    radial = interpolate(table, r, cutoff)
    return message.tensor_message(
        features, edge_vectors / r.unsqueeze(-1), radial, receivers, senders, n_receivers, rank_out
    )


def fastest(f, seconds: float, clock) -> float:
    """Minimum of the durations of repeated calls, s."""
    f()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = clock()
        f()
        best = min(best, clock() - start)
    return best


def cases(function, rank_in: int, channels: int, n_atoms: int, dtype: torch.dtype):
    """Name and call of what is measured."""
    edge_vectors, receivers, senders = system(n_atoms, dtype)
    generator = torch.Generator().manual_seed(1)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype).requires_grad_()

    features = normal(n_atoms, components(rank_in), channels)
    edge_vectors.requires_grad_()
    table = normal(KNOTS, 2, len(paths(rank_in, 2)), channels)
    seed = torch.randn(n_atoms, components(2), channels, generator=generator, dtype=dtype)
    topology = (receivers, senders, n_atoms, 2, CUTOFF)
    frozen = table.detach()

    def forward():
        with torch.no_grad():
            function(features, edge_vectors, table, *topology)

    def forces():
        torch.autograd.grad(function(features, edge_vectors, frozen, *topology), [features, edge_vectors], seed)

    def training():
        cotangent = seed.clone().requires_grad_()
        messages = function(features, edge_vectors, table, *topology)
        wanted = [edge_vectors, features] if rank_in else [edge_vectors]
        gradients = torch.autograd.grad(messages, wanted, cotangent, create_graph=True)
        loss = sum(g.square().sum() for g in gradients) + messages.square().sum()
        torch.autograd.grad(loss, [features, table, cotangent])

    return {"forward": forward, "forward + forces": forces, "training": training}, len(receivers) / n_atoms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--atoms", type=int, default=1024)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0, help="per measurement")
    parser.add_argument(
        "--cpu-time", action="store_true", help="time of the process, of all its threads: where others run as well"
    )
    parser.add_argument("--no-reference", action="store_true")
    parser.add_argument("--no-table", action="store_true", help="print only")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    load_operators()
    rows = []
    for dtype in (torch.float32, torch.float64):
        for rank_in in (0, 2):
            options = (rank_in, arguments.channels, arguments.atoms, dtype)
            fused, neighbours = cases(torch.ops.hotpp_lr.tensor_message, *options)
            plain, _ = cases(reference, *options)
            for name, call in fused.items():
                times = [fastest(call, arguments.seconds, clock)]
                if not arguments.no_reference:
                    times.append(fastest(plain[name], arguments.seconds, clock))
                per_atom = [1e6 * t / arguments.atoms for t in times]
                ratio = f"{per_atom[1] / per_atom[0]:.1f}" if len(per_atom) > 1 else ""
                row = [str(dtype)[6:], f"{rank_in} → 2", name, *(f"{t:.1f}" for t in per_atom), ratio]
                rows.append(row)
                print("  ".join(f"{x:>16}" for x in row), flush=True)
    if arguments.no_table or arguments.no_reference:
        return
    path = write_table(
        "tensor_message",
        "Sum over neighbours: fused operator beside PyTorch operations",
        ("precision", "ranks", "work", "fused, µs/atom", "PyTorch, µs/atom", "ratio"),
        rows,
        f"{arguments.atoms} atoms, {neighbours:.1f} neighbours, {arguments.channels} channels, {KNOTS} knots, "
        f"{arguments.threads} threads, minimum of the calls of {arguments.seconds} s. forward + forces: messages and "
        "gradients of features and edge vectors with a frozen table; training: the same with a force loss "
        "differentiated by features, table and cotangent. Both interpolate the same table.",
    )
    print(f"written: {path}")


if __name__ == "__main__":
    main()
