"""DFT data through the same commands: BaTiO3 is trained in three variants, exported, and run in LAMMPS.

    python benchmarks/batio3.py --data BaTiO3.xyz.gz

The data set (73 frames of 135 atoms, MIT licence) comes with allegro-pol of the mir-group and is not part of this
project. Writes benchmarks/results/<date>_batio3.md. Finished trainings are kept in the --runs folder.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
from common import train_all, write_table
from rich.console import Console

VARIANTS = ("none", "charge", "charge+dipole")
EPOCHS = 100
TEMPERATURE = 300
STEPS = 1000  # of 1 fs

DECK = """\
units metal
atom_style atomic
boundary p p p
read_data {data}
mass 1 137.327
mass 2 47.867
mass 3 15.999
pair_style hotpp/lr {model}
pair_coeff * * Ba Ti O
timestep 0.001
velocity all create {temperature} 11 mom yes
thermo 10
thermo_style custom step temp pe ke etotal press
thermo_modify format float %.12g
fix bath all langevin {temperature} {temperature} 0.1 11 zero yes
fix nve all nve
run {steps}
unfix bath
run {steps}
"""


def split(data: Path, folder: Path) -> dict[str, Path]:
    """Seeded random split 57/8/8, written beside the runs."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = ase.io.read(data, ":")
    order = np.random.default_rng(0).permutation(len(frames))
    parts = {"test": order[:8], "valid": order[8:16], "train": order[16:]}
    paths = {}
    for name, chosen in parts.items():
        paths[name] = folder / f"{name}.xyz"
        ase.io.write(paths[name], [frames[i] for i in sorted(chosen)])
    return paths


def config(variant: str, paths: dict[str, Path], cutoff: float) -> dict:
    return {
        "seed": 1,
        "data": {name: str(path) for name, path in paths.items()},
        "model": {"electrostatics": variant, "cutoff": cutoff, "channels": 16, "accuracy": 1e-3},
        "training": {"max_epochs": EPOCHS, "batch_size": 2, "threads": 1, "accelerator": "cpu"},
    }


def dynamics(checkpoint: Path, start: ase.Atoms, folder: Path) -> dict[str, float]:
    """Export, 1 ps with a thermostat from a (hotter) frame of the data, 1 ps of NVE; drift eV/atom/ps of the latter."""
    folder.mkdir(exist_ok=True)
    binary = Path(sys.executable).parent
    model = folder / "model.pt"
    subprocess.run([binary / "hotpp-export", checkpoint, "-o", model, "--force"], check=True, stdout=subprocess.DEVNULL)
    ase.io.write(folder / "start.data", start, format="lammps-data", specorder=["Ba", "Ti", "O"], atom_style="atomic")
    deck = folder / "in.lammps"
    deck.write_text(DECK.format(data=folder / "start.data", model=model, temperature=TEMPERATURE, steps=STEPS))
    log = folder / "log.lammps"
    subprocess.run([binary / "lmp", "-in", deck, "-log", log], check=True, stdout=subprocess.DEVNULL)
    block = re.findall(r"^ *Step .*?\n(.*?)^Loop time", log.read_text(), flags=re.S | re.M)[-1]
    rows = np.array([[float(x) for x in line.split()] for line in block.splitlines() if len(line.split()) == 6])
    drift = float(np.polyfit(1e-3 * rows[:, 0], rows[:, 4], 1)[0]) / len(start)
    return {"drift": drift, "temperature": float(rows[:, 1].mean())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="BaTiO3.xyz.gz of allegro-pol")
    parser.add_argument("--runs", type=Path, default=Path("runs/batio3"), help="folder of the trainings")
    parser.add_argument("--cutoff", type=float, default=4.5, help="Å (default 4.5)")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time, one thread each (default 2)")
    arguments = parser.parse_args()
    console = Console()
    runs = arguments.runs.resolve()
    paths = split(arguments.data, runs)
    train_all({v: config(v, paths, arguments.cutoff) for v in VARIANTS}, runs, arguments.jobs, console)

    start = ase.io.read(paths["test"], 0)
    rows = []
    for variant in VARIANTS:
        errors = json.loads((runs / variant / "errors.json").read_text())
        test = errors["test"]
        md = dynamics(runs / variant / "model.ckpt", start, runs / f"md_{variant}")
        rows.append(
            (
                variant,
                f"{1e3 * errors['train']['forces']:.1f}",
                f"{1e3 * test['forces']:.1f}",
                f"{100 * test['forces'] / test['forces_scale']:.1f}",
                f"{1e3 * test['energy']:.2f}",
                f"{md['temperature']:.0f}",
                f"{md['drift']:.1e}",
            )
        )
    heading = (
        "electrostatics", "force train meV/Å", "force test meV/Å", "% of rms force", "energy test meV/atom",
        "NVE mean temperature K", "NVE drift eV/atom/ps",
    )  # fmt: skip
    notes = (
        f"BaTiO3, 73 DFT frames of 135 atoms (57/8/8, seeded random split). Cutoff {arguments.cutoff:g} Å, "
        f"16 channels, rank 2, 2 layers, σ = 1.5 Å, {EPOCHS} epochs, batches of 2. NVE: {STEPS} steps of 1 fs in "
        f"LAMMPS, exported float64 model, after as many with a thermostat at {TEMPERATURE} K."
    )
    path = write_table("batio3", "BaTiO3: DFT data through the same commands", heading, rows, notes)
    console.print(path.read_text(), highlight=False)


if __name__ == "__main__":
    main()
