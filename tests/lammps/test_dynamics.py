"""Commands that users combine with the pair style."""

import numpy as np
import pytest
from hotpp_lr import __version__
from ionic_crystals import rock_salt

IONS = rock_salt((4, 4, 4))
START = ("velocity all create 600 4711", "timestep 0.001", "fix nve all nve")


@pytest.mark.parametrize("electrostatics", ["none", "charge+dipole"])
def test_forces_are_minus_the_gradient_of_the_energy(models, engine, electrostatics):
    lammps = engine(IONS, f"hotpp/lr {models[electrostatics]} order 8 accuracy 1e-7").commands("run 0")
    forces = lammps.forces()
    x = lammps.positions()
    direction = np.random.default_rng(3).normal(size=x.shape)
    direction -= direction.mean(0)  # the mesh's net force is removed, so a shift of all atoms is no test
    energies = []
    step = 1e-4
    for sign in (1, -1):
        moved = (x + sign * step * direction).ravel()
        lammps.lmp.scatter_atoms("x", 1, 3, (lammps_doubles(moved)))
        lammps.commands("run 0")
        energies.append(lammps.energy())
    slope = (energies[0] - energies[1]) / (2 * step)
    # second-order differences: error ~ step² x third derivative, and rounding ~ 1e-12/step
    assert slope == pytest.approx(-(forces * direction).sum(), abs=1e-5)


def lammps_doubles(values):
    import ctypes

    return (ctypes.c_double * len(values))(*values)


def test_energy_is_conserved(models, engine):
    """0.2 ps of NVE. Without a mesh that follows the atoms continuously the energy would jump."""
    lammps = engine(IONS, f"hotpp/lr {models['charge+dipole']} order 7 accuracy 1e-5")
    lammps.commands(*START, "run 50")
    start = lammps.lmp.get_thermo("etotal")
    lammps.commands("run 200")
    drift = abs(lammps.lmp.get_thermo("etotal") - start) / len(IONS)
    assert drift <= 1e-4  # eV/atom: the velocity Verlet oscillation at 1 fs, not a trend


def test_two_runs_continue_like_one(models, engine):
    style = f"hotpp/lr {models['charge+dipole']}"
    once = engine(IONS, style).commands(*START, "run 20")
    twice = engine(IONS, style).commands(*START, "run 10", "run 10")
    # the second run builds its neighbour list anew, which changes the order of summation
    assert np.abs(once.positions() - twice.positions()).max() <= 1e-9
    assert twice.log.read_text().count(f"Pair style hotpp/lr {__version__}") == 1


def test_minimize_reaches_zero_force(models, engine):
    lammps = engine(IONS, f"hotpp/lr {models['charge+dipole']} order 8 accuracy 1e-7").commands("run 0")
    before = lammps.energy()
    lammps.commands("minimize 0 1e-3 500 5000")
    assert lammps.energy() < before
    assert np.linalg.norm(lammps.forces()) <= 1e-3


def test_hybrid_overlay_adds_to_other_pair_styles(models, engine):
    style = f"hotpp/lr {models['charge+dipole']}"
    lj = "lj/cut 6.0"
    model = engine(IONS, style).commands("run 0")
    other = engine(IONS, lj, coeff="* * 0.01 2.5").commands("run 0")
    # both orders: a pair style that overwrites forces passes the test when it comes first
    for styles in (f"{style} {lj}", f"{lj} {style}"):
        both = engine(
            IONS,
            f"hybrid/overlay {styles}",
            coeff="* * hotpp/lr Na Cl",
            extra=("pair_coeff * * lj/cut 0.01 2.5",),
        ).commands("fix q all pair 1 hotpp/lr charge 0", "run 0")
        assert both.energy() == pytest.approx(model.energy() + other.energy(), rel=1e-12)
        assert np.abs(both.forces() - model.forces() - other.forces()).max() <= 1e-10
        assert np.allclose(both.virial(), model.virial() + other.virial(), rtol=1e-9)
        assert np.abs(both.fix("q", 1)).min() > 0


def test_mesh_is_chosen_again_when_the_cell_changes(models, engine):
    lammps = engine(IONS, f"hotpp/lr {models['charge']}").commands("run 0")
    lammps.commands("change_box all x scale 1.03 remap", "run 0")
    assert "new mesh" not in lammps.log.read_text()
    lammps.commands("change_box all x scale 1.05 remap", "run 0")
    assert "the cell has changed by more than 5 %, new mesh" in lammps.log.read_text()


def test_npt_runs(models, engine):
    lammps = engine(rock_salt((4, 4, 4), tilt=(0.1, 0.0, 0.0)), f"hotpp/lr {models['charge+dipole']}")
    lammps.commands(START[0], START[1], "fix npt all npt temp 600 600 0.1 tri 0 0 1.0", "run 20")
    assert np.isfinite(lammps.energy())


@pytest.mark.parametrize("setting", ["comm_modify cutoff 1.0", "comm_style tiled", "neighbor 0.0 bin"])
def test_ghost_settings_do_not_change_the_energy(models, engine, setting):
    style = f"hotpp/lr {models['charge+dipole']}"
    plain = engine(IONS, style).commands("run 0")
    other = engine(IONS, style, extra=(setting,)).commands("run 0")
    assert other.energy() == pytest.approx(plain.energy(), rel=1e-12)


def test_a_gas_without_neighbours_and_an_empty_box(models, engine):
    gas = rock_salt((2, 2, 2), noise=0)
    gas.cell *= 3
    gas.positions *= 3
    lammps = engine(gas, f"hotpp/lr {models['charge+dipole']}").commands("run 0")
    assert np.isfinite(lammps.energy())
    lammps.commands("delete_atoms group all", "run 0")
    assert lammps.energy() == 0.0


@pytest.mark.parametrize(
    "commands",
    [
        ("fix mc all atom/swap 1 5 123 3000 ke no types 1 2", "run 5"),  # types change between neighbour lists
        ("fix mc all gcmc 1 3 3 1 123 3000 -2 0.1 full_energy", "run 4"),  # atoms come and go within a step
        ("run_style respa 2 2 bond 1 pair 2", "run 6"),
    ],
)
def test_commands_that_call_the_pair_style_in_their_own_way(models, engine, commands):
    """Afterwards the energy and forces are those of a new start from the same atoms."""
    lammps = engine(IONS, f"hotpp/lr {models['charge+dipole']}", extra=START).commands(*commands)
    before = [lammps.lmp.get_thermo(name) for name in ("pe", "fnorm", "fmax")]
    lammps.commands("run 0")
    # the same sums in another order
    assert [lammps.lmp.get_thermo(name) for name in ("pe", "fnorm", "fmax")] == pytest.approx(before, rel=1e-11)
