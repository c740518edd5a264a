"""Mean density of the melt in NPT: the LAMMPS pair style beside the same model in ASE.

    python benchmarks/md/npt_density.py [--model demo_output/charge+dipole.pt] [--minutes 8]

Takes the minutes and one more: both run side by side on one core each, 128 ions, 1300 K. They share the model file and
nothing else: neighbour lists, integrators and barostats (LAMMPS `fix npt iso`, ASE `IsotropicMTKNPT`), and the way from
the model to the virial are different. Errors from eight blocks. The first fifth of each run is left out.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import write_table
from ion_melt import DECK, MODEL, START, finish, mean_and_error, model_file, start_lammps, thermo, write_start

NPT = """\
thermo          20
thermo_style    custom step temp press density
fix             npt all npt temp {temperature} {temperature} 0.1 iso {pressure} {pressure} 0.5
timer           timeout {timeout} every 20
run             100000000
"""
GRAMS = 1.66053907  # g/cm³ of 1 u/Å³


def run_ase(model: Path, options, result) -> None:
    """density g/cm³, temperature K, pressure bar every 20 steps -> the pipe."""
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
        dynamics.run(20)
        pressure = -atoms.get_stress(include_ideal_gas=True)[:3].mean() / units.bar
        rows.append((GRAMS * atoms.get_masses().sum() / atoms.get_volume(), atoms.get_temperature(), pressure))
    result.send(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--temperature", type=float, default=1300.0)
    parser.add_argument("--pressure", type=float, default=5000.0, help="bar; default: 1.5 g/cm³ of the demo's model")
    parser.add_argument("--timestep", type=float, default=1e-3, help="ps")
    options = parser.parse_args()
    model = model_file(options.model)
    receive, send = multiprocessing.get_context("spawn").Pipe(duplex=False)
    ase_run = multiprocessing.get_context("spawn").Process(target=run_ase, args=(model, options, send))
    ase_run.start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = int(60 * options.minutes)
        values = vars(options) | {"model": model, "replicate": "1 1 1", "keywords": ""}
        values["timeout"] = f"{seconds // 3600}:{seconds // 60 % 60}:{seconds % 60}"
        deck = folder / "in.npt"
        deck.write_text((DECK + NPT).format(data=write_start(folder), **values))
        lammps_run = start_lammps(deck, 1)
        # at most 10 % more than the minutes: then one of them hangs
        if not receive.poll(66 * options.minutes + 120):
            sys.exit("error: the ASE run ended without a result")
        in_ase = np.array(receive.recv())
        ase_run.join()
        finish(lammps_run, deck)
        table = thermo(folder / "log.lammps")
    in_lammps = np.stack([table["Density"], table["Temp"], table["Press"]], 1)
    rows, densities = [], []
    for engine, series in (("LAMMPS", in_lammps), ("ASE", in_ase)):
        kept = series[len(series) // 5 :]
        columns = [mean_and_error(column) for column in kept.T]
        densities.append(columns[0])
        ps = len(series) * 20 * options.timestep
        rows.append(
            [engine, f"{ps:.1f}", *(f"{m:.{d}f} ± {e:.{d}f}" for (m, e), d in zip(columns, (4, 0, 0), strict=True))]
        )
        print("  ".join(rows[-1]), flush=True)
    difference = densities[0][0] - densities[1][0]
    error = np.hypot(densities[0][1], densities[1][1])
    notes = (
        f"Molten NaCl, 128 ions, {options.temperature:.0f} K, {options.pressure:.0f} bar, {options.minutes} minutes on "
        f"one core each. Difference {difference:.4f} ± {error:.4f} g/cm³: {abs(difference) / error:.1f} standard "
        "errors. "
        f"`python benchmarks/md/npt_density.py --minutes {options.minutes} --pressure {options.pressure}`"
    )
    print(notes)
    heading = ["engine", "ps", "density, g/cm³", "temperature, K", "pressure, bar"]
    print(write_table("npt_density", "Mean density in NPT", heading, rows, notes))


if __name__ == "__main__":
    main()
