"""Per-atom stress of models with charges: network and mesh together, or a refusal of exactly what is missing."""

import numpy as np
import pytest
from ionic_crystals import rock_salt
from lammps_engine import PRESSURE_UNIT

IONS = rock_salt((4, 4, 4), tilt=(0.1, -0.1, 0.05))
ASK = ("compute stress all stress/atom NULL virial", "dump d all custom 1 /dev/null c_stress[1]", "run 0")


def stress_of(lammps) -> np.ndarray:
    """[n, 6] xx yy zz xy xz yz: the virial of each atom, in energy units."""
    return -lammps.compute("stress", 6) / PRESSURE_UNIT[lammps.units]


@pytest.mark.parametrize("electrostatics", ["charge", "charge+dipole"])
@pytest.mark.parametrize("boundary", ["p p p", "p p f"])
def test_stress_of_the_atoms_adds_up_to_the_virial(models, engine, electrostatics, boundary):
    ions = IONS if boundary == "p p p" else rock_salt((4, 4, 2))
    lammps = engine(ions, f"hotpp/lr {models[electrostatics]}", boundary=boundary).commands(*ASK)
    virial = lammps.virial()
    assert np.abs(stress_of(lammps).sum(0) - virial).max() <= 1e-10 * np.abs(virial).max()


def test_stress_in_units_real(models, engine):
    style = f"hotpp/lr {models['charge+dipole']}"
    metal = stress_of(engine(IONS, style).commands(*ASK))
    real = stress_of(engine(IONS, style, units="real").commands(*ASK))
    assert np.allclose(real, 23.060549 * metal, rtol=1e-6, atol=1e-6)  # LAMMPS's pressure units have 7 digits


def test_stress_adds_to_that_of_other_pair_styles(models, engine):
    style, lj = f"hotpp/lr {models['charge']}", "lj/cut 6.0"
    model = stress_of(engine(IONS, style).commands(*ASK))
    other = stress_of(engine(IONS, lj, coeff="* * 0.01 2.5").commands(*ASK))
    both = engine(
        IONS,
        f"hybrid/overlay {lj} {style}",
        coeff="* * hotpp/lr Na Cl",
        extra=("pair_coeff * * lj/cut 0.01 2.5",),
    ).commands(*ASK)
    assert np.abs(stress_of(both) - model - other).max() <= 1e-10 * np.abs(model).max()


def test_stress_of_an_ensemble_is_the_mean(models, engine):
    files = [models["charge+dipole"], models["other"]]
    both = stress_of(engine(IONS, f"hotpp/lr {files[0]} {files[1]}").commands(*ASK))
    each = [stress_of(engine(IONS, f"hotpp/lr {file}").commands(*ASK)) for file in files]
    assert np.abs(both - 0.5 * (each[0] + each[1])).max() <= 1e-12 * np.abs(both).max()


def test_it_is_computed_only_when_somebody_asks(models, engine, monkeypatch):
    """It costs as much as twelve meshes: steps between two outputs must not pay for it."""
    monkeypatch.setenv("HOTPP_PROFILE", "1")
    lammps = engine(rock_salt((4, 4, 4)), f"hotpp/lr {models['charge+dipole']} spacing 0.4")
    lammps.commands("run 0", "run 40")
    without = mesh_milliseconds(lammps)
    lammps.commands("compute stress all stress/atom NULL virial", "dump d all custom 20 /dev/null c_stress[1]")
    lammps.commands("run 39")
    seldom = mesh_milliseconds(lammps)
    lammps.commands("undump d", "dump d all custom 1 /dev/null c_stress[1]", "run 10")
    # every step: 13 more passes; two of forty: 0.65 more on average. Twice between, for a busy machine.
    assert mesh_milliseconds(lammps) > 3 * max(seldom, without)


def mesh_milliseconds(lammps) -> float:
    lines = [line for line in lammps.log.read_text().splitlines() if line.startswith("  mesh   ")]
    return float([line for line in lines if len(line.split()) == 3 and "x" not in line][-1].split()[1])
