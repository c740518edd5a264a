"""Mean density of the melt in NPT: the LAMMPS pair style, the same model in ASE, and the melt that it was trained on.

    python benchmarks/md/npt_density.py [--model demo_output/charge+dipole.pt] [--minutes 6]

Takes half as long again as the minutes, and one more. LAMMPS and ASE run side by side on one core each, 128 ions,
1300 K. They share the model file and nothing else: neighbour lists, integrators and barostats (LAMMPS `fix npt iso`,
ASE `IsotropicMTKNPT`), and the way from the model to the virial are different. The reference melt (cores and shells in
LAMMPS, examples/molten_nacl) runs after them: its density is another matter, that of how well the model was trained.
The first fifth of each run is left out; errors from eight blocks.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import write_table
from ion_melt import (
    DECK,
    MODEL,
    START,
    describe_model,
    finish,
    mean_and_error,
    model_file,
    start_lammps,
    thermo,
    write_start,
)

NPT = """\
thermo          {every}
thermo_style    custom step temp press density
fix             npt all npt temp {temperature} {temperature} 0.1 iso {pressure} {pressure} 0.5
timer           timeout {timeout} every 20
run             100000000
"""
SAMPLE = 0.05  # ps from one value to the next
GRAMS = 1.66053907  # g/cm³ of 1 u/Å³


def run_reference(model: Path, options, result) -> None:
    """density g/cm³, temperature K, pressure bar every 0.05 ps -> the pipe."""
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.path.insert(0, str(START.parents[1]))
    import ase.io
    from adiabatic import THERMOSTAT_TIME, AdiabaticIons
    from melt_model import MeltModel

    start = ase.io.read(START)
    t, p = options.temperature, options.pressure
    with AdiabaticIons(MeltModel(), start.positions, start.cell[0, 0], t, 4711) as melt:
        melt.commands(
            [
                "unfix motion",
                "compute ion_pressure all pressure ion_temperature",
                f"fix motion all npt temp {t} {t} {THERMOSTAT_TIME} iso {p} {p} 0.5",
                "fix_modify motion temp ion_temperature press ion_pressure",
                "thermo_modify temp ion_temperature press ion_pressure",
            ]
        )
        rows, end = [], time.monotonic() + 30 * options.minutes
        while time.monotonic() < end:
            melt.advance(SAMPLE)
            rows.append([melt.lammps.get_thermo(name) for name in ("density", "temp", "press")])
    result.send(rows)


def run_ase(model: Path, options, result) -> None:
    """density g/cm³, temperature K, pressure bar every 0.05 ps -> the pipe."""
    os.environ["OMP_NUM_THREADS"] = "1"
    import ase.io
    import torch
    from ase import units
    from ase.md.nose_hoover_chain import IsotropicMTKNPT
    from ase.md.velocitydistribution import MaxwellBoltzmannDistribution, Stationary
    from hotpp_lr.calculator import HotppCalculator

    torch.set_num_threads(1)
    atoms = ase.io.read(START)
    atoms.pbc = True
    atoms.calc = HotppCalculator(model)
    MaxwellBoltzmannDistribution(atoms, temperature_K=options.temperature, rng=np.random.default_rng(4711))
    Stationary(atoms)
    step = options.timestep * 1000 * units.fs
    dynamics = IsotropicMTKNPT(
        atoms, step, temperature_K=options.temperature, pressure_au=options.pressure * units.bar,
        tdamp=100 * units.fs, pdamp=500 * units.fs,
    )  # fmt: skip
    rows, end = [], time.monotonic() + 60 * options.minutes
    while time.monotonic() < end:
        dynamics.run(round(SAMPLE / options.timestep))
        pressure = -atoms.get_stress(include_ideal_gas=True)[:3].mean() / units.bar
        rows.append((GRAMS * atoms.get_masses().sum() / atoms.get_volume(), atoms.get_temperature(), pressure))
    result.send(rows)


class Child:
    """A function in a process of its own, whose rows come back through a pipe."""

    def __init__(self, function, *arguments):
        context = multiprocessing.get_context("spawn")
        self.name, (self.pipe, far) = function.__name__, context.Pipe(duplex=False)
        self.process = context.Process(target=function, args=(*arguments, far))
        self.process.start()
        far.close()  # so that a child that dies ends the waiting

    def rows(self) -> np.ndarray:
        try:
            rows = self.pipe.recv()
        except EOFError:
            sys.exit(f"error: {self.name} ended without a result")
        self.process.join()
        return np.array(rows)


def run_lammps(model: Path, options, folder: Path) -> subprocess.Popen:
    seconds = int(60 * options.minutes)
    values = vars(options) | {"model": model, "replicate": "1 1 1", "keywords": ""}
    values["timeout"] = f"{seconds // 3600}:{seconds // 60 % 60}:{seconds % 60}"
    values["every"] = round(SAMPLE / options.timestep)
    deck = folder / "in.npt"
    deck.write_text((DECK + NPT).format(data=write_start(folder), **values))
    return start_lammps(deck, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--temperature", type=float, default=1300.0)
    parser.add_argument("--pressure", type=float, default=5000.0, help="bar; default: 1.5 g/cm³ of the demo's model")
    parser.add_argument("--timestep", type=float, default=1e-3, help="ps")
    options = parser.parse_args()
    model, series = model_file(options.model), {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        in_ase = Child(run_ase, model, options)
        process = run_lammps(model, options, folder)
        series["LAMMPS"], series["ASE"] = np.empty(0), in_ase.rows()
        finish(process, folder / "in.npt")
        table = thermo(folder / "log.lammps")
        series["LAMMPS"] = np.stack([table["Density"], table["Temp"], table["Press"]], 1)
    series["reference melt"] = Child(run_reference, model, options).rows()

    rows, densities = [], []
    for engine, values in series.items():
        columns = [mean_and_error(column) for column in values[len(values) // 5 :].T]
        densities.append(columns[0])
        numbers = [f"{m:.{d}f} ± {e:.{d}f}" for (m, e), d in zip(columns, (4, 0, 0), strict=True)]
        rows.append([engine, f"{len(values) * SAMPLE:.1f}", *numbers])
        print("  ".join(rows[-1]), flush=True)
    difference = densities[0][0] - densities[1][0]
    error = np.hypot(densities[0][1], densities[1][1])
    notes = (
        f"Molten NaCl, 128 ions, {options.temperature:.0f} K, {options.pressure:.0f} bar, {options.minutes:g} minutes "
        f"on one core each (half of it for the reference melt). LAMMPS - ASE: {difference:.4f} ± {error:.4f} g/cm³, "
        f"{abs(difference) / error:.1f} standard errors. The reference melt differs by what the model has not learned. "
        f"{describe_model(model)} "
        f"`python benchmarks/md/npt_density.py --minutes {options.minutes:g} --pressure {options.pressure:g}`"
    )
    print(notes)
    heading = ["engine", "ps", "density, g/cm³", "temperature, K", "pressure, bar"]
    print(write_table("npt_density", "Mean density in NPT", heading, rows, notes))


if __name__ == "__main__":
    main()
