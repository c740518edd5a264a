"""Molecular dynamics of the polarisable melt with adiabatic shells."""

from __future__ import annotations

import numpy as np
from melt_model import MeltModel
from simulations import DYNAMICS_ACCURACY, SHELL_MASS_FRACTION, CoreShellIons

# Constants of LAMMPS's `units metal`: `mvv2e` and `boltz`.
EV_PER_MASS_VELOCITY_SQUARED = 1.0364269e-4
BOLTZMANN = 8.617343e-5
TIMESTEP = 0.0005  # ps; the fastest spring (Na) has a period of 0.008 ps
THERMOSTAT_TIME = 0.1  # ps
SHELL_FORCE_TOLERANCE = 1e-3  # eV/Å, on restarting from relaxed shells


class AdiabaticIons(CoreShellIons):
    """Molecular dynamics of the polarisable melt at constant temperature.

    Light shells follow their cores; the thermostat sees the velocities of whole ions only. Energy
    leaks slowly into the springs, so `advance` ends by taking it out again (`cool_shells`).
    """

    def __init__(self, model: MeltModel, positions: np.ndarray, box_length: float, temperature: float, seed: int):
        super().__init__(model, positions, box_length, DYNAMICS_ACCURACY)
        self.relax_shells(positions, SHELL_FORCE_TOLERANCE)
        self.commands(
            [
                f"timestep {TIMESTEP}",
                "compute ion_temperature all temp/cs cores shells",
                "thermo_modify temp ion_temperature",
                f"velocity all create {temperature} {seed} dist gaussian mom yes bias yes temp ion_temperature",
                f"velocity all scale {temperature} temp ion_temperature",
                f"fix motion all nvt temp {temperature} {temperature} {THERMOSTAT_TIME}",
                "fix_modify motion temp ion_temperature",
            ]
        )
        self.cool_shells()

    def advance(self, duration: float) -> float:
        """Move on by `duration` ps and relax the shells; returns their temperature, K, before that."""
        self.lammps.command(f"run {round(duration / TIMESTEP)} post no")
        temperature = self.shell_temperature()
        self.cool_shells()
        return temperature

    def cool_shells(self) -> None:
        """Relax the shells and give core and shell the velocity of their centre of mass."""
        n = self.n_ions
        velocities = self.gather("v")
        centre = (1 - SHELL_MASS_FRACTION) * velocities[:n] + SHELL_MASS_FRACTION * velocities[n:]
        self.relax_shells(self.gather("x")[:n], SHELL_FORCE_TOLERANCE)
        self.scatter("v", np.concatenate([centre, centre]))

    def shell_temperature(self) -> float:
        """Temperature, K, of the relative motion of the Cl cores and shells."""
        cl = np.flatnonzero(self.species == 1)
        velocities = self.gather("v")
        relative = velocities[self.n_ions + cl] - velocities[cl]
        reduced_mass = self.model.masses[1] * SHELL_MASS_FRACTION * (1 - SHELL_MASS_FRACTION)
        mean_square = np.mean(relative**2)
        return float(reduced_mass * EV_PER_MASS_VELOCITY_SQUARED * mean_square / BOLTZMANN)
