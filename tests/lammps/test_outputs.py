"""What the pair style tells about atoms, and where it puts it."""

import numpy as np
import pytest
from ionic_crystals import rock_salt
from lammps_engine import PRESSURE_UNIT
from toy_model import write_toy_model

IONS = rock_salt((4, 4, 4), tilt=(0.1, -0.1, 0.05))


def test_potential_and_field_are_derivatives_of_the_long_range_energy(models, engine):
    """Quadratic in charges and dipoles: E = Σ (q φ - μ·E)/2."""
    lammps = engine(IONS, f"hotpp/lr {models['charge+dipole']}").commands(
        "fix q all pair 1 hotpp/lr charge 0",
        "fix mu all pair 1 hotpp/lr dipole 0",
        "fix phi all pair 1 hotpp/lr potential 0",
        "fix field all pair 1 hotpp/lr field 0",
        "compute parts all pair hotpp/lr",
        "thermo_style custom step c_parts[2]",
        "run 0",
    )
    products = (lammps.fix("q", 1) * lammps.fix("phi", 1)).sum() - (lammps.fix("mu", 3) * lammps.fix("field", 3)).sum()
    assert 0.5 * products == pytest.approx(lammps.vector("parts", 7)[1], rel=1e-12)


def test_charges_and_dipoles_reach_the_atoms_of_lammps(models, engine):
    """So that dumps, computes and other commands see them as they see any charge."""
    style = f"hotpp/lr {models['charge+dipole']}"
    plain = engine(IONS, style).commands(
        "fix q all pair 1 hotpp/lr charge 0", "fix mu all pair 1 hotpp/lr dipole 0", "run 0"
    )
    charged = engine(IONS, style + " set_charges yes", atom_style="charge").commands("run 0")
    assert np.array_equal(charged.per_atom("q", 1), plain.fix("q", 1))
    dipolar = engine(IONS, style + " set_dipoles yes set_charges yes", atom_style="dipole").commands("run 0")
    assert np.array_equal(dipolar.per_atom("q", 1), plain.fix("q", 1))
    moments = dipolar.per_atom("mu", 4)
    assert np.array_equal(moments[:, :3], plain.fix("mu", 3))
    assert np.allclose(moments[:, 3], np.linalg.norm(moments[:, :3], axis=1), rtol=1e-14)


def test_the_stated_error_counts_the_rounding_of_single_precision(models, engine):
    """A mesh of 1e-8 in float32 is as exact as float32, and must not say more."""
    fields = {}
    for precision in ("double", "single"):
        lammps = engine(IONS, f"hotpp/lr {models['charge+dipole']} accuracy 1e-8 precision {precision}").commands(
            "fix field all pair 1 hotpp/lr field 0",
            "compute parts all pair hotpp/lr",
            "thermo_style custom step c_parts[7]",
            "run 0",
        )
        fields[precision] = lammps.fix("field", 3)
    stated = lammps.vector("parts", 7)[6]
    error = np.sqrt(((fields["single"] - fields["double"]) ** 2).mean() / (fields["double"] ** 2).mean())
    # the charges come from a network in float32, too: a factor for what it adds
    assert error / 3 <= stated <= 1e-6


@pytest.mark.parametrize(("compute", "columns"), [("stress/atom", 6), ("centroid/stress/atom", 9)])
def test_stress_of_the_atoms_adds_up_to_the_virial(models, engine, compute, columns):
    lammps = engine(IONS, f"hotpp/lr {models['none']}").commands(
        f"compute stress all {compute} NULL virial", "dump d all custom 1 /dev/null c_stress[1]", "run 0"
    )
    stress = lammps.compute("stress", columns)
    virial = -stress.sum(0) / PRESSURE_UNIT["metal"]
    assert np.abs(virial[:6] - lammps.virial()).max() <= 1e-10 * np.abs(virial).max()
    assert np.abs(stress).min(0).max() > 0
    if columns == 9:  # of the whole, not of an atom: no torque acts on the system
        assert np.abs(virial[3:6] - virial[6:]).max() <= 1e-10 * np.abs(virial).max()


def test_centroid_stress_is_the_energy_flux_of_a_local_model(engine, tmp_path):
    """Σ_i W_i v_i = Σ_i r_i d/dt (E_i + kinetic energy of i) when an atom's energy depends on its own edges only.

    A cluster in vacuum, so that Σ r E is well defined; the derivative is a central difference, error ~ step².
    """
    one_layer = write_toy_model(tmp_path / "local.pt", "none", layers=1)
    ions = rock_salt((2, 2, 2), noise=0.15)
    ions.cell = np.diag([30.0, 30.0, 30.0])
    ions.positions += 10.0
    lammps = engine(ions, f"hotpp/lr {one_layer}").commands(
        "compute stress all centroid/stress/atom NULL virial",
        "compute energy all pe/atom",
        "dump d all custom 1 /dev/null c_stress[1] c_energy",
        "run 0",
    )
    w = -lammps.compute("stress", 9) / PRESSURE_UNIT["metal"]
    x, forces = lammps.positions(), lammps.forces()
    v = np.random.default_rng(5).normal(size=x.shape)
    full = w[:, [0, 3, 4, 6, 1, 5, 7, 8, 2]].reshape(-1, 3, 3)
    flux = np.einsum("iab,ib->a", full, v)
    moments, energies = [], lammps.compute("energy")
    step = 1e-4
    for sign in (1, -1):
        moved = x + sign * step * v
        lammps.scatter(moved)
        lammps.commands("run 0")
        moments.append((lammps.positions() * lammps.compute("energy")).sum(0))
    potential = (moments[0] - moments[1]) / (2 * step) - (v * energies).sum(0)
    kinetic = (x * (forces * v).sum(1, keepdims=True)).sum(0)
    assert np.abs(flux - potential - kinetic).max() <= 1e-5 * np.abs(flux).max()
