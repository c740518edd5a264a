"""From labelled structures to molecular dynamics: the whole chain, with everything measured on the way.

Trains two small models on the polarisable molten NaCl beside this file ('none' and 'charge+dipole', alike and at the
same time, one core each), exports them, runs NVT and NVE molecular dynamics with LAMMPS, and writes a table and
pictures into the output folder.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
VARIANTS = ("none", "charge+dipole")
TEMPERATURE = 1300  # K, that of the reference RDF and the starting configuration
TIMESTEP = 1e-3  # ps

CONFIG = """\
output: {output}
data: {{train: {data}/train.xyz.gz, valid: {data}/valid.xyz.gz, test: {data}/test.xyz.gz}}
model: {{electrostatics: {variant}, cutoff: 4.0, channels: 16, accuracy: 1.0e-3}}
training: {{max_minutes: {minutes}, max_epochs: 1000, batch_size: 4, threads: 1, accelerator: cpu}}
"""

DECK = """\
units           metal
atom_style      atomic
boundary        p p p
read_data       {data}
mass            1 22.98977
mass            2 35.453
pair_style      hotpp/lr {model}
pair_coeff      * * Na Cl
timestep        {timestep}
thermo          50
thermo_style    custom step time temp pe ke etotal press
thermo_modify   format float %.10g
velocity        all create {temperature} 4711
# Langevin: in a melt this small the swings of Nosé–Hoover leave the temperatures of the training set
fix             nve all nve
fix             bath all langevin {temperature} {temperature} 0.1 4712 zero yes
dump            frames all custom 20 {folder}/frames.lammpstrj id type x y z
dump_modify     frames sort id
run             {nvt_steps}
unfix           bath
run             {nve_steps}
"""


def command(name: str) -> str:
    """A command of the environment this script runs in."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        sys.exit(f"error: '{name}' is not in the environment of {sys.executable}; run this through 'make demo'.")
    return str(path)


def train(folder: Path, minutes: float, console: Console) -> dict[str, dict]:
    """Train all variants at the same time; returns the errors per variant and set."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CI": "1", "COLUMNS": "200"}
    columns = (
        TextColumn("{task.description:24}"),
        BarColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
    )
    running = {}
    with Progress(*columns, console=console) as bar:
        try:
            for variant in VARIANTS:
                config = folder / f"{variant}.yaml"
                output = folder / variant
                config.write_text(CONFIG.format(output=output, data=DATA, variant=variant, minutes=minutes))
                log = (folder / f"{variant}.log").open("w+")
                process = subprocess.Popen(
                    [command("hotpp-train"), str(config)], stdout=log, stderr=subprocess.STDOUT, env=environment
                )
                running[variant] = (process, log, bar.add_task(f"training {variant}", total=100, state="starting"))
            while any(p.poll() is None for p, _, _ in running.values()):
                time.sleep(0.5)
                for variant, (_, _, task) in running.items():
                    lines = re.findall(r"epoch.*?(\d+) %.*?forces +([\d.]+)", (folder / f"{variant}.log").read_text())
                    if lines:
                        done, error = lines[-1]
                        bar.update(task, completed=min(int(done), 100), state=f"validation forces {error} meV/Å")
        finally:
            for process, log, _ in running.values():
                process.terminate()
                process.wait()
                log.close()
    for variant, (process, _, _) in running.items():
        if process.returncode != 0:
            sys.exit(f"error: the training of '{variant}' failed:\n{(folder / f'{variant}.log').read_text()[-2000:]}")
    return {variant: json.loads((folder / variant / "errors.json").read_text()) for variant in VARIANTS}


def run_command(arguments: list[str], log: Path, **extra: str) -> None:
    """Run a command with its output in a file; its last lines are shown when it fails."""
    with log.open("w") as output:
        status = subprocess.run(
            arguments, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **extra}, check=False
        ).returncode
    if status != 0:
        sys.exit(f"error: {' '.join(arguments)} failed; the end of {log}:\n{log.read_text()[-2000:]}")


def write_lammps_data(path: Path) -> None:
    """The starting configuration of the reference melt as a LAMMPS data file."""
    import ase.io

    atoms = ase.io.read(DATA / "start_1300K.xyz")
    ase.io.write(path, atoms, format="lammps-data", specorder=["Na", "Cl"], atom_style="atomic")


def molecular_dynamics(model: Path, folder: Path, nvt_ps: float, nve_ps: float) -> dict:
    """NVT then NVE with LAMMPS; returns thermo columns of both parts and ns/day."""
    folder.mkdir(exist_ok=True)
    write_lammps_data(folder / "start.data")
    steps = [round(t / TIMESTEP) for t in (nvt_ps, nve_ps)]
    deck = folder / "in.lammps"
    deck.write_text(
        DECK.format(
            data=folder / "start.data",
            model=model,
            folder=folder,
            timestep=TIMESTEP,
            temperature=TEMPERATURE,
            nvt_steps=steps[0],
            nve_steps=steps[1],
        )
    )
    log = folder / "log.lammps"
    threads = str(min(2, os.cpu_count() or 1))
    run_command([command("lmp"), "-in", str(deck), "-log", str(log)], folder / "screen.txt", OMP_NUM_THREADS=threads)
    text = log.read_text()
    parts = []
    for block in re.findall(r"^ *Step .*?\n(.*?)^Loop time", text, flags=re.S | re.M):
        rows = [line.split() for line in block.splitlines()]
        parts.append(np.array([[float(x) for x in row] for row in rows if len(row) == 7]))
    ns_per_day = float(re.findall(r"Performance: ([\d.]+) ns/day", text)[-1])
    return {"nvt": parts[0], "nve": parts[1], "ns_per_day": ns_per_day}


def radial_distribution(path: Path, skip: int, r: np.ndarray) -> dict[str, np.ndarray]:
    """g(r) of the three pairs from a dump; r [n] Å bin centres."""
    import ase.io

    frames = ase.io.read(path, index=f"{skip}:", format="lammps-dump-text")
    width = r[1] - r[0]
    edges = np.append(r - width / 2, r[-1] + width / 2)
    pairs = {"Na-Na": (1, 1), "Na-Cl": (1, 2), "Cl-Cl": (2, 2)}
    total = {k: np.zeros(len(r)) for k in pairs}
    for atoms in frames:
        types = atoms.numbers  # the dump has no elements: ASE takes the types for atomic numbers
        distances = atoms.get_all_distances(mic=True)
        for name, (a, b) in pairs.items():
            chosen = distances[np.ix_(types == a, types == b)]
            histogram, _ = np.histogram(chosen[chosen > 0], bins=edges)
            n_pairs = (types == a).sum() * (types == b).sum()
            total[name] += histogram * atoms.get_volume() / (n_pairs * 4 / 3 * np.pi * np.diff(edges**3))
    return {k: v / len(frames) for k, v in total.items()}


def drift(nve: np.ndarray, n_atoms: int) -> float:
    """Slope of the total energy, eV/atom/ps; columns step, time, temp, pe, ke, etotal, press."""
    return float(np.polyfit(nve[:, 1], nve[:, 5], 1)[0]) / n_atoms


def plot_dynamics(md: dict, path: Path) -> None:
    """Temperature and total energy against time."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (top, bottom) = plt.subplots(2, 1, figsize=(6, 5), sharex=True, layout="constrained")
    for part, color in (("nvt", "C1"), ("nve", "C0")):
        data = md[part]
        top.plot(data[:, 1], data[:, 2], color=color, label=part.upper())
        if part == "nve":
            bottom.plot(data[:, 1], 1e3 * (data[:, 5] - data[0, 5]) / 128, color=color)
    top.axhline(TEMPERATURE, color="0.7", lw=1)
    top.set_ylabel("temperature (K)")
    top.legend()
    bottom.set_ylabel("NVE total energy\nfrom start (meV/atom)")
    bottom.set_xlabel("time (ps)")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def plot_rdf(r: np.ndarray, reference: dict, model: dict, path: Path) -> None:
    """g(r) of the learned model against the reference melt."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), sharey=True, layout="constrained")
    for axis, name in zip(axes, reference, strict=True):
        axis.plot(r, reference[name], color="0.3", label="reference melt")
        axis.plot(r, model[name], color="C3", ls="--", label="learned, LAMMPS")
        axis.set_title(name)
        axis.set_xlabel("r (Å)")
    axes[0].set_ylabel("g(r)")
    axes[0].legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--output", type=Path, default=Path("demo_output"), help="folder to write (default demo_output)"
    )
    parser.add_argument("--minutes", type=float, default=4.0, help="time for the training (default 4)")
    parser.add_argument("--nvt", type=float, default=2.0, help="ps of NVT (default 2)")
    parser.add_argument("--nve", type=float, default=2.0, help="ps of NVE (default 2)")
    arguments = parser.parse_args()
    console = Console()
    folder = arguments.output.resolve()
    if folder.exists():
        sys.exit(f"error: '{arguments.output}' exists; remove it or choose another folder with --output.")
    folder.mkdir(parents=True)
    # A plain `kill` must not leave the trainings behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    start = time.monotonic()

    console.rule("1. Training")
    errors = train(folder, arguments.minutes, console)

    console.rule("2. Export and test")
    fits = {}
    for variant in VARIANTS:
        model = folder / f"{variant}.pt"
        run_command(
            [command("hotpp-export"), str(folder / variant / "model.ckpt"), "-o", str(model)], folder / "export.log"
        )
        arguments_eval = [str(model), str(DATA / "test.xyz.gz"), "--plot", str(folder / f"parity_{variant}.png")]
        table = folder / f"eval_{variant}.json"
        run_command([command("hotpp-eval"), *arguments_eval, "--json", str(table)], folder / "eval.log")
        fits[variant] = json.loads(table.read_text())
        console.print(f"{model.name} and parity_{variant}.png", highlight=False)

    console.rule("3. Molecular dynamics with LAMMPS (charge+dipole)")
    with console.status(f"{arguments.nvt:g} ps NVT and {arguments.nve:g} ps NVE of 128 ions ..."):
        md = molecular_dynamics(folder / "charge+dipole.pt", folder / "md", arguments.nvt, arguments.nve)
    plot_dynamics(md, folder / "dynamics.png")
    reference = np.loadtxt(DATA / "rdf_1300K.dat")
    r = reference[:, 0]
    names = ("Na-Na", "Na-Cl", "Cl-Cl")
    truth = dict(zip(names, reference[:, 1:4].T, strict=True))
    learned = radial_distribution(folder / "md" / "frames.lammpstrj", round(0.5 / TIMESTEP / 20), r)
    plot_rdf(r, truth, learned, folder / "rdf.png")

    table = Table(title="hotpp-lr on polarisable molten NaCl, 128 ions")
    table.add_column("measured")
    for variant in VARIANTS:
        table.add_column(variant, justify="right")
    table.add_row("force RMSE, test (meV/Å)", *(f"{1e3 * errors[v]['test']['forces']:.1f}" for v in VARIANTS))
    table.add_row("energy RMSE, test (meV/atom)", *(f"{1e3 * errors[v]['test']['energy']:.2f}" for v in VARIANTS))
    charge, dipole = fits["charge+dipole"]["charges_fit"], fits["charge+dipole"]["dipoles_fit"]
    table.add_row("learned / true charges (R²)", "–", f"{charge['slope']:.3f} ({charge['r2']:.3f})")
    table.add_row("learned / true dipoles (R²)", "–", f"{dipole['slope']:.3f} ({dipole['r2']:.3f})")
    table.add_row("NVE drift (eV/atom/ps)", "–", f"{drift(md['nve'], 128):.1e}")
    table.add_row("NVE temperature (K)", "–", f"{md['nve'][:, 2].mean():.0f}")
    table.add_row("LAMMPS, 1 fs steps (ns/day)", "–", f"{md['ns_per_day']:.3f}")
    peak = {k: (r[np.argmax(v)], v.max()) for k, v in learned.items()}["Na-Cl"]
    table.add_row("first Na-Cl peak of g(r)", "–", f"{peak[1]:.2f} at {peak[0]:.2f} Å")
    table.add_row("  of the reference melt", "–", f"{truth['Na-Cl'].max():.2f} at {r[np.argmax(truth['Na-Cl'])]:.2f} Å")
    console.print(table)
    console.print(
        f"Pictures: parity_none.png, parity_charge+dipole.png, rdf.png, dynamics.png in {arguments.output}\n"
        f"Done in {(time.monotonic() - start) / 60:.1f} minutes.",
        highlight=False,
    )


if __name__ == "__main__":
    main()
