"""The work on the atoms between the sums over neighbours: fused operator beside the PyTorch modules.

    python benchmarks/network/atom_update.py [--channels 64] [--threads 1] [--seconds 4]

Two layers of rank 2 with charges and dipoles and frozen weights, as in molecular dynamics: from given messages to
energies, charges, dipoles and what the second layer sends, and back to the gradients by messages and features. Writes a
dated table under benchmarks/results (about 2 minutes): µs per atom of both layers, minimum of runs; Gflop/s of the
multiply-adds of the matrices; and the largest relative deviation of results and gradients from the
modules in float64.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch
from hotpp_lr.model.atom_update import AtomUpdate
from hotpp_lr.model.config import ModelConfig
from hotpp_lr.model.network import Network

sys.path.insert(0, str(Path(__file__).parents[1]))
from tables import write_table

SIZES = (128, 1024, 8192)
ELEMENTS = 2


class Modules(torch.nn.Module):
    """The same layer in the modules of the network."""

    def __init__(self, network: Network, layer: int):
        super().__init__()
        this = network.layers[layer]
        self.update, self.receiver_scale, self.head = this.update, this.receiver_scale, network.energy[layer]
        self.last = layer + 1 == len(network.layers)
        self.next_mix = torch.nn.Identity() if self.last else network.layers[layer + 1].mix
        self.charge, self.dipole = network.charge, network.dipole
        self.message_scale, self.scale = network.message_scale, network.scale

    def forward(self, messages: torch.Tensor, features: torch.Tensor, species: torch.Tensor):
        new = self.update(messages * self.message_scale, self.receiver_scale(species))
        old = torch.nn.functional.pad(features, (0, 0, 0, new.shape[1] - features.shape[1]))
        new = old + new
        energies = self.scale * self.head(new[:, 0])
        if self.last:
            return energies, self.charge(new[:, 0], species), self.dipole(new[:, 1:4], new[:, 0])
        return new, self.next_mix(new), energies


def make_network(channels: int) -> Network:
    torch.manual_seed(0)
    config = ModelConfig(channels=channels, max_rank=2, layers=2, electrostatics="charge+dipole")
    network = Network(config, ELEMENTS, 27.0, 1.0, torch.tensor([0.9, -0.9]))
    return network.double().requires_grad_(False)


def make_case(layer: int, n: int, channels: int):
    """messages, features, species, and seeds of the results (names as AtomUpdate returns them)."""
    generator = torch.Generator().manual_seed(n + layer)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    species = torch.randint(ELEMENTS, (n,), generator=generator)
    tensors = normal(n, 10, channels)
    features = normal(n, 10 if layer else 1, channels)
    shapes = [(n,), (n,), (n, 3)] if layer else [(n, 10, channels), (n, 10, channels), (n,)]
    seeds = [normal(*shape) for shape in shapes]
    return 5.0 * tensors, features, species, seeds


def step(function, case):
    """Results that exist, gradients by messages and (second layer) features."""
    messages, features, species, seeds = case
    inputs = [messages.detach().requires_grad_()]
    if features.shape[1] > 1:
        features = features.detach().requires_grad_()
        inputs.append(features)
    results = [r for r in function(inputs[0], features, species) if r.numel()]
    return [*(r.detach() for r in results), *torch.autograd.grad(results, inputs, seeds)]


def narrow(case, dtype):
    messages, features, species, seeds = case
    return messages.to(dtype), features.to(dtype), species, [s.to(dtype) for s in seeds]


def fastest(call, seconds: float) -> float:
    call()
    best, stop = float("inf"), time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < stop:
        begin = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begin)
    return best


def multiply_adds(channels: int) -> int:
    """Of the matrices of both layers that the results depend on, forward and backward, per atom."""
    first = 10 + 3 + 2 + 9 + 18 + 1 + 10  # mix, scalars, gates, vectors, tensors, energy, next mix
    last = 10 + 3 + 1 + 9 + 1 + 1 + 2  # no rank 2; charge, dipole gate
    return 2 * (first + last) * channels**2


def deviation(results, expected) -> float:
    return max(float((a.double() - e).abs().max() / e.abs().max()) for a, e in zip(results, expected, strict=True))


def rows(channels: int, seconds: float):
    network = make_network(channels)
    for dtype in (torch.float32, torch.float64):
        for n in SIZES:
            cases = [make_case(layer, n, channels) for layer in (0, 1)]
            exact = [step(Modules(network, layer), case) for layer, case in enumerate(cases)]
            cases = [narrow(case, dtype) for case in cases]
            times = {}
            for name, make in (("modules", Modules), ("fused", AtomUpdate)):
                functions = [torch.jit.script(make(network, layer)).to(dtype) for layer in (0, 1)]
                results = [step(f, case) for f, case in zip(functions, cases, strict=True)]
                error = max(deviation(r, e) for r, e in zip(results, exact, strict=True))
                layers = [
                    fastest(lambda f=f, c=c: step(f, c), seconds / 2) for f, c in zip(functions, cases, strict=True)
                ]
                times[name] = sum(layers)
                network.double()
                yield str(dtype)[6:], n, name, layers[0], layers[1], times["modules"] / times[name], error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=4.0, help="per case")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    table = []
    for dtype, n, name, first, last, gain, error in rows(arguments.channels, arguments.seconds):
        flops = 2 * multiply_adds(arguments.channels) * n / (first + last) / 1e9
        micro = (f"{1e6 * t / n:.1f}" for t in (first, last, first + last))
        table.append([dtype, str(n), name, *micro, f"{gain:.1f}", f"{flops:.0f}", f"{error:.0e}"])
        print(" | ".join(table[-1]), flush=True)
    threads = f"{arguments.threads} thread{'s' if arguments.threads > 1 else ''}"
    path = write_table(
        "atom_update",
        "Work on the atoms between the sums over neighbours",
        ("type", "atoms", "path", "first layer", "last layer", "both", "× modules", "Gflop/s", "deviation"),
        table,
        f"C = {arguments.channels}, rank 2, 2 layers, charges and dipoles, forward + backward, {threads}. µs per atom, "
        "minimum of runs, TorchScript around both; Gflop/s of the matrices alone; deviation from the modules in "
        "float64, relative to the largest element. `benchmarks/network/atom_update.py`.",
    )
    print(f"written: {path}")


if __name__ == "__main__":
    main()
