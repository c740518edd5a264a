"""LAMMPS must give what autograd gives in Python: two codes share only the model file."""

import numpy as np
import pytest
from ionic_crystals import rock_salt
from python_reference import evaluate

STRUCTURES = {
    "orthogonal": rock_salt((4, 4, 8)),
    "triclinic": rock_salt((4, 4, 8), tilt=(0.3, -0.2, 0.15)),
    "small": rock_salt((2, 2, 2), noise=0.15),  # atoms see several images of their neighbours and of themselves
    "1024 ions": rock_salt((8, 8, 16)),
}


def compare(lammps, expected, n_atoms):
    """Both codes work in float64; what is left is the order of summation."""
    assert abs(lammps.energy() - expected.energy) <= 1e-9 * n_atoms
    assert np.abs(lammps.forces() - expected.forces).max() <= 1e-8
    virial = 0.5 * (expected.virial + expected.virial.T)
    virial = virial[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]
    assert np.abs(lammps.virial() - virial).max() <= 1e-6 * np.abs(virial[:3]).max()


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("electrostatics", ["none", "charge", "charge+dipole"])
def test_energy_forces_and_pressure_equal_python(models, engine, electrostatics, structure):
    ions = STRUCTURES[structure]
    lammps = engine(ions, f"hotpp/lr {models[electrostatics]}").commands("run 0")
    compare(lammps, evaluate(models[electrostatics], ions), len(ions))


def test_virial_of_the_reference_is_symmetric(models):
    """Only the total is, with dipoles: this guards the symmetrisation in the pair style."""
    virial = evaluate(models["charge+dipole"], STRUCTURES["triclinic"]).virial
    # The mesh itself is not rotation invariant: its error (accuracy 1e-3) shows here.
    assert np.abs(virial - virial.T).max() <= 1e-3 * np.abs(virial).max()


def test_charges_dipoles_and_energy_parts(models, engine):
    ions = STRUCTURES["triclinic"]
    expected = evaluate(models["charge+dipole"], ions)
    lammps = engine(ions, f"hotpp/lr {models['charge+dipole']}").commands(
        "fix q all pair 1 hotpp/lr charge 0",
        "fix mu all pair 1 hotpp/lr dipole 0",
        "compute parts all pair hotpp/lr",
        "compute atom all pe/atom",
        "thermo_style custom step pe c_parts[1] c_parts[2] c_parts[6]",
        "thermo_modify norm no",
        "run 0",
    )
    assert np.abs(lammps.fix("q", 1)[:, 0] - expected.charges).max() <= 1e-12
    assert np.abs(lammps.fix("mu", 3) - expected.dipoles).max() <= 1e-12
    parts = lammps.vector("parts", 7)
    assert parts[0] == pytest.approx(expected.energy - expected.long_range, abs=1e-9)
    assert parts[1] == pytest.approx(expected.long_range, abs=1e-9)
    assert parts[5] == pytest.approx(0.0, abs=1e-12)
    assert 0 < parts[6] <= 1e-3  # the accuracy that the model asks for
    # read_data wraps atoms into the cell and remembers the image: the dipole is of unwrapped positions
    moment = (expected.charges[:, None] * ions.positions + expected.dipoles).sum(0)
    assert np.abs(parts[2:5] - moment).max() <= 1e-9
    assert lammps.compute("atom").sum() == pytest.approx(lammps.energy(), abs=1e-9)


def test_units_real_are_units_metal_times_the_factor_of_lammps(models, engine):
    ions = STRUCTURES["small"]
    metal = engine(ions, f"hotpp/lr {models['charge+dipole']}").commands("run 0")
    real = engine(ions, f"hotpp/lr {models['charge+dipole']}", units="real").commands("run 0")
    factor = 23.060549  # LAMMPS's own eV in kcal/mol
    assert real.energy() == pytest.approx(factor * metal.energy(), rel=1e-12)
    assert np.allclose(real.forces(), factor * metal.forces(), rtol=1e-12, atol=1e-10)
    assert np.allclose(real.virial(), factor * metal.virial(), rtol=1e-6)  # LAMMPS's pressure units have 7 digits


def test_single_precision_differs_by_rounding_only(models, engine):
    ions = STRUCTURES["orthogonal"]
    double = engine(ions, f"hotpp/lr {models['charge+dipole']}").commands("run 0")
    single = engine(ions, f"hotpp/lr {models['charge+dipole']} precision single").commands("run 0")
    assert single.energy() == pytest.approx(double.energy(), rel=1e-5)
    assert 0 < np.abs(single.forces() - double.forces()).max() <= 1e-4 * np.abs(double.forces()).max()


def test_mesh_keywords_reach_the_mesh(models, engine):
    ions = STRUCTURES["orthogonal"]
    lammps = engine(ions, f"hotpp/lr {models['charge+dipole']} mesh 12 15 24").commands("run 0")
    compare(lammps, evaluate(models["charge+dipole"], ions, mesh=(12, 15, 24)), len(ions))
    assert "12 x 15 x 24, order 6" in lammps.log.read_text()
