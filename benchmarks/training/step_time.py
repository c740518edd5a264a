"""Time and memory of a training step with forces: 8 × 128 ions, perceptron on every edge, tables, fused operator.

    python benchmarks/training/step_time.py [--channels 64] [--cutoff 6] [--threads 1 2] [--seconds 10]

About four minutes. Every line is a process of its own, so that the peak of memory is its own. The loss is that of
hotpp-train on energies and forces; its gradient goes through the second derivatives of network and mesh. `eager` is
the network in PyTorch operations with the perceptron on every edge; `tables` the same with tables of radial weights;
`fused` the operator of csrc/ops with these tables, which is what hotpp-train uses. Gradient: largest difference of the
loss's gradient from that of `tables` in float64, relative to its largest element. Writes a dated table to
benchmarks/results.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
KINDS = ("eager", "tables", "fused")
DATA = Path(__file__).parents[2] / "examples/molten_nacl/data/train.xyz.gz"
HEADING = ("radial weights", "type", "threads", "ms/step", "ratio", "peak MB", "ratio", "gradient")


def worker(kind: str, dtype: str, channels: int, cutoff: float, seconds: float, gradients: str) -> None:
    """One line of JSON: fastest step (s), peak of memory beyond that before the first step (MB)."""
    import torch
    from hotpp_lr.data.batch import collate
    from hotpp_lr.data.read import read_structures
    from hotpp_lr.model.config import ModelConfig
    from hotpp_lr.model.potential import Potential
    from hotpp_lr.training.config import LossConfig
    from hotpp_lr.training.dataset import sample
    from hotpp_lr.training.loss import loss_terms
    from hotpp_lr.training.statistics import elements_of, normalisation

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(0)
    structures = read_structures(DATA)[:8]
    config = ModelConfig(channels=channels, cutoff=cutoff)
    elements = elements_of(structures)
    samples = [sample(s, elements, config) for s in structures]
    potential = Potential(config, normalisation(samples, elements)).to(getattr(torch, dtype))
    if kind == "eager":
        potential.use_perceptron()
    else:
        potential.use_native_message(kind == "fused")
    batch = collate(samples)

    def step():
        potential.zero_grad()
        prediction = potential(batch, create_graph=True)
        sum(loss_terms(prediction, batch, LossConfig()).values()).backward()

    page = resource.getpagesize()
    before = int(Path("/proc/self/statm").read_text().split()[1]) * page / 1e6
    step()
    flat = torch.cat([p.grad.double().flatten() for p in potential.parameters() if p.grad is not None])
    torch.save(flat, gradients)
    best, stop = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < stop or best == float("inf"):
        begin = time.perf_counter()
        step()
        best = min(best, time.perf_counter() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3 - before
    print(json.dumps({"time": best, "memory": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--cutoff", type=float, default=6.0)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=10.0, help="of steps per line; the fastest counts")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        kind, dtype, gradients = options.worker
        worker(kind, dtype, options.channels, options.cutoff, options.seconds, gradients)
        return
    compare(options)


def compare(options: argparse.Namespace) -> None:
    import tempfile

    import torch
    from common import write_table

    rows = []
    with tempfile.TemporaryDirectory() as folder:

        def run(kind: str, dtype: str, threads: int, seconds: float) -> tuple[dict, torch.Tensor]:
            gradients = str(Path(folder) / "gradients")
            command = [sys.executable, __file__, "--worker", kind, dtype, gradients, "--seconds", str(seconds)]
            command += ["--channels", str(options.channels), "--cutoff", str(options.cutoff)]
            environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
            done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
            return json.loads(done.stdout.splitlines()[-1]), torch.load(gradients)

        _, exact = run("tables", "float64", 2, 0.0)
        for dtype, threads in [("float32", t) for t in options.threads] + [("float64", options.threads[0])]:
            eager = None
            for kind in KINDS:
                found, gradient = run(kind, dtype, threads, options.seconds)
                eager = eager or found
                error = float((gradient - exact).abs().max() / exact.abs().max())
                rows.append([
                    kind, dtype, str(threads), f"{1e3 * found['time']:.0f}", f"{eager['time'] / found['time']:.1f}",
                    f"{found['memory']:.0f}", f"{eager['memory'] / found['memory']:.1f}", f"{error:.0e}",
                ])  # fmt: skip
                print(" | ".join(rows[-1]), flush=True)
    notes = (
        f"8 × 128 ions of molten NaCl, charge+dipole, C = {options.channels}, rank 2, 2 layers, r_c = {options.cutoff} "
        "Å; energies, forces, gradient of the loss. What the lines are: `benchmarks/training/step_time.py`."
    )
    print(f"Wrote {write_table('training_step', 'Training step of the whole model', HEADING, rows, notes)}")


if __name__ == "__main__":
    main()
