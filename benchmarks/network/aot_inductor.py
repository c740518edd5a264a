"""AOTInductor packages (.pt2) of the network beside the exported TorchScript files: speed, numbers, time of compiling.

    nice python benchmarks/network/aot_inductor.py --packages build/pt2 [--ions 1024] [--threads 1 2] [--seconds 10]

Two minutes with packages that are there; each that is not is compiled first (5 to 20 minutes). The melt of the MD
benchmark, float32; number of ions and edges are fixed in a package, which compiles fastest and flatters it: in dynamics
the number of edges changes at every step. Whole step: energies, charges, dipoles and the gradient by the edge vectors
as one function, with derivatives of the mesh as inputs (in LAMMPS they come after the charges, so that there would be
two packages). Every number of threads is a process of its own, in which all variants take turns; the fastest call
counts. Deviation: of the gradients (whole step) or the energies (forward only), relative to the largest,
from the same radial weights in PyTorch operations in float64.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "md"))
import torch
from aot_packages import PACKAGES, build, forward_only, inputs, potential_of, runnable
from hotpp_lr.native import load_operators
from system import write_models
from tables import write_table

#: (label, name of the variant, package or file it is compared with as × faster)
VARIANTS = (
    ("whole step: fused, TorchScript (as exported)", "fused"),
    ("whole step: perceptron in PyTorch operations, TorchScript", "eager"),
    ("whole step: perceptron in PyTorch operations, .pt2", "perceptron_pt2"),
    ("whole step: tables in PyTorch operations, .pt2", "tables_pt2"),
    ("forward only: fused, TorchScript (as exported)", "fused_forward"),
    ("forward only: fused operators, .pt2", "fused_pt2"),
)


def reference(folder: Path, kind: str, given: tuple) -> torch.Tensor:
    """Gradient of the whole step, or energies (kind 'forward'), in float64 and PyTorch operations."""
    network = potential_of(folder, "perceptron" if kind == "perceptron" else "tables").double()
    given = tuple(t.double() if t.is_floating_point() else t for t in given)
    if kind == "forward":
        return forward_only(network)(*given[:4])[0]
    return runnable(network)(*given)[3]


def fastest(calls: dict[str, object], seconds: float) -> dict[str, float]:
    """Seconds of the fastest call of each, in turns, after one that is not counted."""
    best = {}
    for call in calls.values():
        call()
    stop = time.perf_counter() + seconds * len(calls)
    while time.perf_counter() < stop or not best:
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            best[name] = min(best.get(name, float("inf")), time.perf_counter() - begin)
    return best


def worker(folder: Path, packages: Path, ions: int, seconds: float) -> None:
    """One line of JSON: seconds and deviations of all variants with the threads of OMP_NUM_THREADS."""
    load_operators()
    given = inputs(ions)
    exact = {kind: reference(folder, kind, given) for kind in ("perceptron", "tables", "forward")}
    scripts = {name: torch.jit.load(folder / f"{name}.pt").float().eval() for name in ("fused", "eager")}
    for script in scripts.values():
        for parameter in script.parameters():
            parameter.requires_grad_(False)
    loaded = {name: torch._inductor.aoti_load_package(str(package_path(packages, name, ions))) for name in PACKAGES}
    variants = {
        "fused": (runnable(scripts["fused"]), given, 3, "tables"),
        "eager": (runnable(scripts["eager"]), given, 3, "perceptron"),
        "perceptron_pt2": (loaded["perceptron"], given, 3, "perceptron"),
        "tables_pt2": (loaded["tables"], given, 3, "tables"),
        "fused_forward": (forward_only(scripts["fused"]), given[:4], 0, "forward"),
        "fused_pt2": (loaded["fused"], given[:4], 0, "forward"),
    }
    calls, deviations = {}, {}
    # As in the plugin: executors that specialise on shapes compile again whenever the number of edges changes.
    with torch.jit.optimized_execution(False):
        for name, (function, arguments, place, kind) in variants.items():
            found = function(*arguments)[place].double()
            deviations[name] = float((found - exact[kind]).abs().max() / exact[kind].abs().max())
            calls[name] = lambda function=function, arguments=arguments: function(*arguments)
        times = fastest(calls, seconds)
    print(json.dumps({"times": times, "deviations": deviations, "edges": len(given[1])}))


def package_path(packages: Path, name: str, ions: int) -> Path:
    return packages / f"{name}_{ions}.pt2"


def compile_missing(folder: Path, packages: Path, ions: int) -> dict[str, dict]:
    """What is known about the compilation of each package: seconds, as written beside it."""
    packages.mkdir(parents=True, exist_ok=True)
    about = {}
    for name in PACKAGES:
        path = package_path(packages, name, ions)
        notes = path.with_suffix(".json")
        if not (path.exists() and notes.exists()):
            print(f"compiling {path} ...", flush=True)
            begin = time.perf_counter()
            build(folder, name, ions, path)
            notes.write_text(json.dumps({"seconds": time.perf_counter() - begin}))
        about[name] = json.loads(notes.read_text())
        print(f"{path.name}: {about[name]['seconds']:.0f} s, {path.stat().st_size / 1e6:.1f} MB", flush=True)
    return about


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, required=True, help="folder in which packages are kept")
    parser.add_argument("--ions", type=int, default=1024)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=5.0, help="of calls per variant and number of threads")
    parser.add_argument("--only-compile", action="store_true")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options.worker, options.packages, options.ions, options.seconds)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_models(folder)
        about = compile_missing(folder, options.packages, options.ions)
        if options.only_compile:
            return
        found = {}
        for threads in options.threads:
            command = [sys.executable, __file__, "--worker", str(folder), "--packages", str(options.packages)]
            command += ["--ions", str(options.ions), "--seconds", str(options.seconds)]
            environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
            done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
            found[threads] = json.loads(done.stdout.splitlines()[-1])
    report(options, about, found)


def report(options: argparse.Namespace, about: dict[str, dict], found: dict[int, dict]) -> None:
    rows = []
    for label, name in VARIANTS:
        package = name.removesuffix("_pt2") if name.endswith("_pt2") else None
        first = found[options.threads[0]]
        rows.append([
            label,
            *(f"{1e6 * found[t]['times'][name] / options.ions:.1f}" for t in options.threads),
            f"{first['deviations'][name]:.0e}",
            f"{about[package]['seconds']:.0f}" if package else "–",
        ])  # fmt: skip
        print(" | ".join(rows[-1]), flush=True)
    heading = ["what", *(f"µs/ion, {t} thread{'s' * (t > 1)}" for t in options.threads), "deviation", "compiling, s"]
    notes = (
        f"{options.ions} ions of molten NaCl, {found[options.threads[0]]['edges'] / options.ions:.1f} neighbours, "
        "C = 64, rank 2, 2 layers, charges and dipoles, float32, without mesh. What the lines are: "
        "`benchmarks/network/aot_inductor.py`."
    )
    print(write_table("aot_inductor", "AOTInductor beside TorchScript", heading, rows, notes))


if __name__ == "__main__":
    main()
