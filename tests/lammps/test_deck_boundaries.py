"""Slabs and clusters: the box of the deck decides, and the energy is that of an independent sum."""

import numpy as np
import pytest
import torch
from hotpp_lr.electrostatics.boundary import cluster_energy, slab_correction
from hotpp_lr.electrostatics.ewald import ewald_energy
from ionic_crystals import rock_salt
from toy_model import METADATA

OUTPUTS = (
    "fix q all pair 1 hotpp/lr charge 0",
    "fix mu all pair 1 hotpp/lr dipole 0",
    "compute parts all pair hotpp/lr",
    "thermo_style custom step pe c_parts[2]",
)
STYLE = "order 8 accuracy 1e-6"


def sources(lammps):
    """positions, charges, dipoles, structure as the reference wants them."""
    arrays = lammps.positions(), lammps.fix("q", 1)[:, 0], lammps.fix("mu", 3)
    return (*map(torch.tensor, arrays), torch.zeros(len(arrays[0]), dtype=torch.int64))


def forces_are_derivatives(lammps, tolerance):
    x, forces = lammps.positions(), lammps.forces()
    direction = np.random.default_rng(3).normal(size=x.shape)
    direction -= direction.mean(0)
    energies = []
    for sign in (1, -1):
        lammps.scatter(x + sign * 1e-4 * direction)
        lammps.commands("run 0")
        energies.append(lammps.energy())
    assert (energies[0] - energies[1]) / 2e-4 == pytest.approx(-(forces * direction).sum(), abs=tolerance)


def test_cluster(models, engine):
    ions = rock_salt((2, 2, 3), noise=0.2)
    lammps = engine(ions, f"hotpp/lr {models['charge+dipole']} {STYLE}", boundary="f f f").commands(*OUTPUTS, "run 0")
    x, q, mu, structure = sources(lammps)
    expected = cluster_energy(x, q, mu, structure, 1, smearing=METADATA["smearing"]).item()
    # a pair sum too, but of a tabulated kernel
    assert lammps.vector("parts", 7)[1] == pytest.approx(expected, rel=1e-8)
    forces_are_derivatives(lammps, 1e-5)


def test_slab(models, engine):
    ions = rock_salt((4, 4, 2), noise=0.2)
    ions.positions[:, 2] += 1.0 - ions.positions[:, 2].min()
    ions.cell[2, 2] = ions.positions[:, 2].max() + 1.0
    lammps = engine(ions, f"hotpp/lr {models['charge+dipole']} {STYLE}", boundary="p p f").commands(*OUTPUTS, "run 0")
    x, q, mu, structure = sources(lammps)
    cell = torch.tensor(np.diag(np.diag(ions.cell) * [1, 1, 3])).unsqueeze(0)
    periodic = ewald_energy(x, cell, q, mu, structure, smearing=METADATA["smearing"]).item()
    expected = periodic + slab_correction(x, cell, q, mu, structure).item()
    # accuracy 1e-6 of the mesh forces
    assert lammps.vector("parts", 7)[1] == pytest.approx(expected, rel=1e-6)
    assert abs(expected - periodic) > 1e-3
    forces_are_derivatives(lammps, 1e-5)


def test_a_dipole_across_the_slab_is_not_seen_by_its_images(models, engine):
    """The energy of a slab does not depend on the height of its box."""
    energies = []
    for height in (12.0, 24.0):
        ions = rock_salt((4, 4, 2), noise=0.2)
        ions.positions[:, 2] += 2.0
        ions.cell[2, 2] = height
        style = f"hotpp/lr {models['charge+dipole']} {STYLE}"
        energies.append(engine(ions, style, boundary="p p f").commands("run 0").energy())
    # higher multipoles of the slab decay as exp(-2 pi vacuum / side): the vacuum is 24 Å at least, the side 11.4 Å
    assert energies[0] == pytest.approx(energies[1], abs=1e-3 * abs(energies[0]))
