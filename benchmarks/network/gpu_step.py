"""The MD step on a CUDA device: started operator by operator, and recorded as CUDA graphs. About one minute.

    python benchmarks/network/gpu_step.py [--ions 1024 10240 102400] [--seconds 60]

What the LAMMPS plugin does in a step, without LAMMPS: positions to the device, edge vectors from the pairs of a
neighbour list (cutoff 6 Å and a skin of 1 Å), exported network forward, mesh (charges and dipoles), network backward,
forces, everything back in one copy, one wait. Untrained network of 64 channels, rank 2, two layers, float32; boxes of
1024 ions of molten NaCl side by side. Times: median of single steps by the clock of the host, wait included.

Roofline: bytes that a kernel must move at least (its arrays once) over the bandwidth of a copy measured here; for the
kernels of the messages. Kernels by the profiler of torch, of one recorded step.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from gpu import copy_bandwidth
from hotpp_lr.native import load_operators

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "md"))
sys.path.insert(0, str(Path(__file__).parents[1] / "pme"))
from peers import smooth_sizes
from system import CHANNELS, CUTOFF, LAYERS, melt, write_models
from tables import write_table

BOX, SKIN = 1024, 1.0
ORDER, SPACING, SMEARING = 6, 1.0, 1.5
#: Kernels shown, those that take the longest.
SHOWN = 15


def pairs_of_a_box() -> tuple[torch.Tensor, ...]:
    """Positions [1024, 3] Å, species, cell edge Å; receivers, senders, and what to add to sender - receiver, Å."""
    ions = melt(BOX)
    edge = float(ions.cell.lengths()[0])
    positions = torch.from_numpy(ions.get_positions(wrap=True))
    d = positions[None] - positions[:, None]
    image = -edge * torch.round(d / edge)
    r = (d + image).norm(dim=-1)
    receivers, senders = torch.nonzero((r < CUTOFF + SKIN) & (r > 0), as_tuple=True)
    species = torch.from_numpy(ions.numbers == 17).long()
    return positions, species, edge, receivers, senders, image[receivers, senders]


class Step:
    """One step of `count` boxes; `positions` in page-locked memory, `results` on the host after `wait`."""

    def __init__(self, network, count: int):
        from hotpp_lr import _pme_cuda

        positions, species, edge, receivers, senders, images = pairs_of_a_box()
        self.network, self.n = network, count * BOX
        shift = BOX * torch.arange(count).repeat_interleave(len(receivers))
        along = torch.zeros(count, 1, 3, dtype=torch.float64)
        along[:, 0, 0] = edge * torch.arange(count)
        self.host_positions = (positions + along).reshape(-1, 3).pin_memory()
        self.positions = self.host_positions.cuda()
        self.receivers, self.senders = ((i.repeat(count) + shift).cuda() for i in (receivers, senders))
        self.images, self.species = images.repeat(count, 1).cuda(), species.repeat(count).cuda()
        self.by_sender = torch.sort(self.senders, stable=True).indices
        self.of_sender, self.of_receiver = (torch.bincount(i, minlength=self.n) for i in (self.senders, self.receivers))
        real = {"dtype": torch.float64, "device": "cuda"}
        self.charges, self.potential = (torch.zeros(self.n, **real) for _ in range(2))
        self.dipoles, self.field, self.mesh_forces = (torch.zeros(self.n, 3, **real) for _ in range(3))
        self.energy, self.strain = torch.zeros(1, **real), torch.zeros(9, **real)
        self.results = torch.zeros(16 * self.n + 19, **real)
        self.host_results = torch.zeros(len(self.results), dtype=torch.float64).pin_memory()
        sizes = (count * edge, edge, edge)
        mesh = tuple(next(smooth_sizes(round(s / SPACING), (2, 3, 5))) for s in sizes)
        self.plan = _pme_cuda.Plan(ORDER, mesh, SMEARING)
        self.plan.set_cell(torch.diag(torch.tensor(sizes, dtype=torch.float64)).numpy())
        names = ("positions", "charges", "dipoles", "energy", "potential", "field")
        self.addresses = {name: getattr(self, name).data_ptr() for name in names}
        self.addresses |= {"forces": self.mesh_forces.data_ptr(), "strain_derivative": self.strain.data_ptr()}

    def forward(self) -> None:
        d = self.positions.index_select(0, self.senders) - self.positions.index_select(0, self.receivers)
        self.vectors = d + self.images
        self.leaf = self.vectors.float().requires_grad_()
        self.outputs = self.network(self.leaf, self.receivers, self.senders, self.species, self.n, 0)
        raw = self.outputs[1].detach().double()
        torch.sub(raw, raw.mean(), out=self.charges)
        self.dipoles.copy_(self.outputs[2].detach())

    def mesh(self) -> None:
        self.plan.execute_on_device(torch.cuda.current_stream().cuda_stream, self.n, **self.addresses)

    def backward(self) -> None:
        by_charge, by_dipole = self.potential - self.potential.mean(), -self.field
        seeds = (torch.ones_like(self.outputs[0]), by_charge.float(), by_dipole.float())
        gradients = torch.autograd.grad(self.outputs, self.leaf, seeds)[0].double()
        sums = [
            torch.segment_reduce(g, "sum", lengths=lengths, unsafe=True)
            for g, lengths in ((gradients, self.of_receiver), (gradients[self.by_sender], self.of_sender))
        ]
        parts = (*(o.detach().double() for o in self.outputs), sums[0] - sums[1], gradients.t() @ self.vectors,
                 self.charges, self.potential, self.field, self.mesh_forces, self.strain, self.energy)  # fmt: skip
        size = sum(p.numel() for p in parts)
        torch.cat([p.reshape(-1) for p in parts], out=self.results[:size])

    def __call__(self, forward, backward) -> None:
        """Host to host."""
        self.positions.copy_(self.host_positions, non_blocking=True)
        forward()
        self.mesh()
        backward()
        self.host_results.copy_(self.results, non_blocking=True)
        torch.cuda.current_stream().synchronize()

    def eager(self) -> None:
        self(self.forward, self.backward)

    def record(self):
        """The step as two graphs around the mesh, recorded as the plugin does (lammps_plugin/step_graphs.cpp)."""
        stream = torch.cuda.Stream()
        torch.cuda.synchronize()
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.eager()
        torch.cuda.synchronize()
        graphs = [torch.cuda.CUDAGraph() for _ in range(2)]
        with torch.cuda.graph(graphs[0], stream=stream):
            self.forward()
        graphs[0].replay()
        self.mesh()
        torch.cuda.synchronize()
        with torch.cuda.graph(graphs[1], pool=graphs[0].pool(), stream=stream):
            self.backward()
        graphs[1].replay()
        torch.cuda.synchronize()
        return lambda: self(graphs[0].replay, graphs[1].replay)


def median_step(run, seconds: float = 1.5) -> float:
    for _ in range(3):
        run()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def least_bytes(name: str, step: Step) -> int | None:
    """Of a kernel of the messages; its template arguments are the ranks that come in and go out."""
    if "hotpp::ops::device::Sum" not in name:
        return None
    pairs, row = len(step.receivers), 4 * CHANNELS * step.n
    wide = 10 * row
    sent = 0 if "<0" in name.replace("(int)", "") else wide  # of the first layer: a few rows, one per element
    if "SumMessages" in name:
        return sent + wide + pairs * (12 + 8)
    if "SumFeatureGradients" in name:
        return 3 * wide + pairs * (12 + 8 + 16)
    return sent + wide + pairs * (2 * 12 + 16)  # SumEdgeGradients


def short(name: str) -> str:
    """What a kernel is, without its arguments and namespaces."""
    for part in ("SumMessages", "SumFeatureGradients", "SumEdgeGradients"):
        if part in name:
            return part + name.split(part, 1)[1].split(">", 1)[0].replace("(int)", "") + ">"
    return name.split("(", 1)[0].replace("void ", "").replace("at::native::", "")[:60]


def kernels(step: Step, run, bandwidth: float) -> list[list[str]]:
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        for _ in range(5):
            run()
    found = [e for e in profile.key_averages() if e.self_device_time_total > 0]
    found.sort(key=lambda e: -e.self_device_time_total)
    total = sum(e.self_device_time_total for e in found) / 5
    rows = []
    for event in found[:SHOWN]:
        spent = event.self_device_time_total / 5
        least = least_bytes(event.key, step)
        fraction = "" if least is None else f"{event.count / 5 * least / (1e-6 * spent) / bandwidth:.2f}"
        rows.append([f"{step.n}", short(event.key), f"{event.count / 5:.0f}", f"{spent:.1f}", f"{spent / total:.3f}",
                     fraction])  # fmt: skip
    number = sum(e.count for e in found) / 5
    rows.append([f"{step.n}", "all kernels and copies", f"{number:.0f}", f"{total:.1f}", "1", ""])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ions", type=int, nargs="+", default=[BOX, 10 * BOX, 100 * BOX], help="multiples of 1024")
    parser.add_argument("--seconds", type=float, default=60.0, help="no new size is begun after this time")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("There is no CUDA device (torch.cuda.is_available() is False).")
    load_operators()
    until = time.perf_counter() + arguments.seconds
    bandwidth = copy_bandwidth()
    with tempfile.TemporaryDirectory() as folder:
        file = write_models(Path(folder))["fused"]
        network = torch.jit.load(file, map_location="cuda").float().eval().requires_grad_(False)
    rows, kernel_rows = [], []
    with torch.jit.optimized_execution(False):
        for ions in arguments.ions:
            if time.perf_counter() > until:
                break
            step = Step(network, ions // BOX)
            eager = median_step(step.eager)
            expected = step.host_results.clone()
            replay = step.record()
            recorded = median_step(replay)
            same = torch.equal(step.host_results, expected)
            mesh = median_step(lambda step=step: (step.mesh(), torch.cuda.synchronize()))
            rows.append(
                [f"{step.n}", f"{1e6 * eager:.0f}", f"{1e6 * recorded:.0f}", f"{1e6 * recorded / step.n:.3f}",
                 f"{eager / recorded:.1f}", f"{1e6 * mesh:.0f}", "yes" if same else "NO"]
            )  # fmt: skip
            print("  ".join(f"{x:>12}" for x in rows[-1]), flush=True)
            kernel_rows += kernels(step, replay, bandwidth)
    notes = __doc__.split("\n\n", 2)[2] + f"\nBandwidth of a copy: {bandwidth / 1e9:.0f} GB/s. {LAYERS} layers."
    name = torch.cuda.get_device_name()
    heading = ("ions", "µs, started anew", "µs, recorded", "µs/ion", "ratio", "mesh alone, µs", "same bits")
    print("written:", write_table("step_gpu", f"MD step on {name}", heading, rows, notes))
    heading = ("ions", "kernel", "calls", "µs", "share", "roofline")
    print("written:", write_table("step_gpu_kernels", f"Kernels of the MD step on {name}", heading, kernel_rows, notes))


if __name__ == "__main__":
    main()
