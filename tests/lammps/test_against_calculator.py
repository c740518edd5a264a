"""One exported file, two engines: LAMMPS and the ASE calculator must agree to float64 rounding."""

import ase
import numpy as np
import pytest
from hotpp_lr.calculator import HotppCalculator
from ionic_crystals import rock_salt
from support import make_potential, write_exported

STRUCTURES = {
    "orthogonal, 128 ions": rock_salt((4, 4, 8)),
    "triclinic, 128 ions": rock_salt((4, 4, 8), tilt=(0.3, -0.2, 0.15)),
    "orthogonal, 1024 ions": rock_salt((8, 8, 16)),
}


@pytest.fixture(scope="module", params=["none", "charge", "charge+dipole"])
def exported(request, tmp_path_factory):
    return write_exported(tmp_path_factory.mktemp("exported"), make_potential(request.param))


@pytest.mark.parametrize("structure", STRUCTURES)
def test_lammps_equals_the_calculator(exported, engine, structure):
    ions = STRUCTURES[structure]
    atoms = ase.Atoms(np.array(["Na", "Cl"])[ions.types - 1], ions.positions, cell=ions.cell, pbc=True)
    atoms.calc = HotppCalculator(exported)
    lammps = engine(ions, f"hotpp/lr {exported}").commands("run 0")
    assert abs(lammps.energy() - atoms.get_potential_energy()) <= 1e-9 * len(ions)
    assert np.abs(lammps.forces() - atoms.get_forces()).max() <= 1e-8
    virial = -atoms.get_stress()[[0, 1, 2, 5, 4, 3]] * atoms.get_volume()  # ASE: xx yy zz yz xz xy
    assert np.abs(lammps.virial() - virial).max() <= 1e-6 * np.abs(virial[:3]).max()
