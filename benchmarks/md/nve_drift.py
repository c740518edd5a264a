"""Drift of the total energy in NVE of the melt, in double and in single precision.

    python benchmarks/md/nve_drift.py [--model demo_output/charge+dipole.pt] [--steps 5000] [--minutes 4]

4096 ions: a snapshot of the melt repeated 32 times with other velocities, 200 equilibration steps (Langevin, 1300 K),
then NVE with a time step of 1 fs on 2 ranks, until 5000 steps or the minutes are over: five minutes on two idle cores.
The drift is the slope of a straight line through the total energy. Its error counts only as many independent values as
what is left changes its sign: the oscillation of velocity Verlet is no noise. The targets are 1e-5 (double) and 5e-5
(single); exits with 1 when a drift is larger.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from common import write_table
from ion_melt import DECK, MODEL, describe_model, finish, model_file, replicas, start_lammps, thermo, write_start

NVE = """\
thermo          20
thermo_style    custom step temp pe etotal
fix             nve all nve
fix             bath all langevin {temperature} {temperature} 0.05 4712 zero yes
run             {equilibration}
unfix           bath
reset_timestep  0
thermo          5
timer           timeout {timeout} every 10
run             {steps}
"""


def slope_and_error(time: np.ndarray, energy: np.ndarray) -> tuple[float, float]:
    """Slope of the straight line, and its standard error."""
    coefficients, covariance = np.polyfit(time, energy, 1, cov=True)
    residuals = energy - np.polyval(coefficients, time)
    # neighbouring values are correlated: count as many as there are sign changes of what is left
    independent = max(4, int((np.diff(np.sign(residuals)) != 0).sum()))
    return coefficients[0], float(np.sqrt(covariance[0, 0] * len(time) / independent))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--ions", type=int, default=4096)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=4.0, help="at most, for each precision")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--timestep", type=float, default=1e-3, help="ps")
    parser.add_argument("--temperature", type=float, default=1300.0)
    parser.add_argument("--equilibration", type=int, default=200)
    parser.add_argument("--keywords", default="", help="more keywords of the pair style, such as 'accuracy 1e-5'")
    options = parser.parse_args()
    model, rows, good = model_file(options.model), [], True
    timeout = f"{int(options.minutes // 60)}:{int(options.minutes % 60)}:{int(60 * options.minutes % 60)}"
    values = vars(options) | {"model": model, "replicate": replicas(options.ions), "timeout": timeout}
    n_atoms = 128 * int(np.prod([int(k) for k in values["replicate"].split()]))
    for precision, target in (("double", 1e-5), ("single", 5e-5)):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            values["keywords"] = f"precision {precision} {options.keywords}"
            deck = folder / "in.nve"
            deck.write_text((DECK + NVE).format(data=write_start(folder), **values))
            finish(start_lammps(deck, options.ranks), deck)
            table = thermo(folder / "log.lammps")
        time = (table["Step"] - table["Step"][0]) * options.timestep
        energy = table["TotEng"] / n_atoms
        drift, error = slope_and_error(time, energy)
        good = good and abs(drift) <= target
        oscillation = (energy - np.polyval(np.polyfit(time, energy, 1), time)).std()
        temperature = table["Temp"]
        rows.append(
            [precision, str(n_atoms), f"{table['Step'][-1] - table['Step'][0]:.0f}", f"{time[-1]:.2f}",
             f"{temperature.mean():.0f}", f"{temperature.min():.0f} to {temperature.max():.0f}",
             f"{drift:.1e} ± {error:.0e}", f"{target:.0e}", f"{oscillation:.1e}"]
        )  # fmt: skip
        print("  ".join(rows[-1]), flush=True)
    heading = [
        "precision",
        "ions",
        "steps",
        "ps",
        "mean T, K",
        "T, K",
        "drift, eV/atom/ps",
        "target",
        "rms oscillation, eV/atom",
    ]
    notes = (
        f"NVE of molten NaCl, {options.ranks} ranks of one thread, time step {options.timestep} ps, after "
        f"{options.equilibration} steps of Langevin dynamics. Drift: slope of a straight line. {describe_model(model)} "
        f"`python benchmarks/md/nve_drift.py --ions {options.ions} --steps {options.steps} --minutes {options.minutes}`"
    )
    print(write_table("nve_drift", "Drift of the total energy in NVE", heading, rows, notes))
    sys.exit(not good)


if __name__ == "__main__":
    main()
