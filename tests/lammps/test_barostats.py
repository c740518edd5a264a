"""A box that changes: the mesh is kept, chosen again without a step in the energy, and the pressure drives the box."""

import numpy as np
import pytest
from ionic_crystals import Ions, rock_salt
from python_reference import evaluate

PARTS = ("compute parts all pair hotpp/lr", "thermo_style custom step pe press c_parts[2] c_parts[7]")


def mesh_lines(lammps) -> list[str]:
    lines = lammps.log.read_text().splitlines()
    return [line for line in lines if line.startswith("  mesh            ") and " x " in line]


def test_spacing_chooses_the_mesh(models, engine):
    lammps = engine(rock_salt((4, 4, 8)), f"hotpp/lr {models['charge+dipole']} spacing 0.8").commands("run 0")
    # 11.4 / 0.8 = 14.25 and 28.5 points: the next sizes without prime factors above 7; order of the training
    assert "15 x 15 x 30, order 6" in mesh_lines(lammps)[0]
    lammps.commands("change_box all z scale 1.04 remap", "run 0")
    assert "new mesh" not in lammps.log.read_text()
    lammps.commands("change_box all z scale 1.04 remap", "run 0")
    assert "more than 5 %, new mesh 15 x 15 x 32" in lammps.log.read_text()
    fixed = engine(rock_salt((4, 4, 8)), f"hotpp/lr {models['charge+dipole']} mesh 15 15 30").commands("run 0")
    fixed.commands("change_box all z scale 1.2 remap", "run 0")
    assert "new mesh" not in fixed.log.read_text()


@pytest.mark.parametrize("keyword", ["accuracy 1e-3", "accuracy 3e-5", "spacing 0.95"])
def test_a_new_mesh_moves_energy_and_forces_by_less_than_the_stated_error(models, engine, keyword):
    """The same structure with the mesh of a cell 4.9 % smaller, and with the mesh that is chosen for itself."""
    style = f"hotpp/lr {models['charge+dipole']} {keyword}"
    small = rock_salt((4, 4, 8))
    kept = engine(small, style).commands(*PARTS, "run 0")
    kept.commands("change_box all x scale 1.049 y scale 1.049 z scale 1.049 remap", "run 0")
    chosen = engine(small.scaled(1.049), style).commands(*PARTS, "run 0")
    assert "new mesh" not in kept.log.read_text()
    assert mesh_lines(kept)[0].split(",")[0] != mesh_lines(chosen)[0].split(",")[0]
    stated = chosen.vector("parts", 7)[6]
    long_range = chosen.vector("parts", 7)[1]
    # Errors of forces largely cancel in the energy: the manual page says a tenth, up to 0.02 was seen.
    assert 0 < abs(kept.energy() - chosen.energy()) <= 0.1 * stated * abs(long_range)
    # The kept mesh is coarser by 4.9 %: with order p its error grows by 1.049^p, at most 1.5, and both have one.
    difference = kept.forces() - chosen.forces()
    assert np.sqrt((difference**2).mean()) <= 2.5 * stated * np.sqrt((chosen.forces() ** 2).mean())


def test_the_conserved_energy_does_not_jump_at_a_new_mesh(models, engine):
    """NPH of a crystal that was 6 % too small: its box swings by more than 5 %, and meshes come and go."""
    lammps = engine(rock_salt((4, 4, 8), noise=0.05).scaled(0.94), f"hotpp/lr {models['charge+dipole']}")
    lammps.commands(
        "compute parts all pair hotpp/lr",
        "timestep 0.0002",
        "velocity all create 300 4711",
        "fix nph all nph iso 0 0 0.1",
        "thermo 1",
        "thermo_style custom step econserve lx c_parts[2] c_parts[7]",
        "thermo_modify norm no format float %.10g",
        "run 400",
    )
    rows, jumps = [], []
    for line in lammps.log.read_text().split("Step ")[1].splitlines():
        if "new mesh" in line:
            jumps.append(len(rows))
        elif line.split()[:1] == [str(len(rows))]:
            rows.append([float(word) for word in line.split()])
    energy, lengths, long_range, stated = np.array(rows)[:, 1:].T
    assert len(rows) == 401 and jumps and np.ptp(lengths) > 0.05 * lengths[0]
    for k in jumps:
        before, at, after = np.diff(energy)[k - 2 : k + 1]
        # what the integrator does from step to step is seen before and after
        assert abs(at - 0.5 * (before + after)) <= 0.1 * (stated[k - 1] + stated[k]) * abs(long_range[k])


def test_box_relax_ends_without_pressure(models, engine):
    """Energy and virial belong together: the box that has no pressure is the one of least energy."""
    ions = rock_salt((4, 4, 4), tilt=(0.05, -0.05, 0.05))
    lammps = engine(ions, f"hotpp/lr {models['charge+dipole']} order 8 accuracy 1e-7")
    lammps.commands("thermo_style custom step pe press pxx pyy pzz pxy pxz pyz vol", "minimize 0 1e-4 500 5000")
    before, pressure_before = lammps.energy(), lammps.lmp.get_thermo("press")
    # dilation limit of each iteration: changes that are too large make the line search of LAMMPS stop early
    lammps.commands("fix relax all box/relax tri 0.0 vmax 0.002 nreset 20", "min_modify line quadratic")
    lammps.commands(*["minimize 0 1e-4 500 5000"] * 3, "unfix relax", "run 0")
    assert lammps.energy() < before
    stress = [lammps.lmp.get_thermo(f"p{ab}") for ab in ("xx", "yy", "zz", "xy", "xz", "yz")]
    # LAMMPS ends when a step gains nothing: 10 bar in a crystal of 20 GPa is a strain of 5e-5
    assert np.abs(stress).max() <= 10 < abs(pressure_before), stress
    lowest = lammps.energy()
    for scale in (1.01, 0.99):
        lammps.commands(f"change_box all x scale {scale} remap", "run 0")
        # half of (1 %)² times 20 GPa times 1600 Å³ is 0.01 eV; the rest of the pressure could give 1e-4 eV back
        assert lammps.energy() > lowest + 0.005
        lammps.commands(f"change_box all x scale {1 / scale!r} remap")


def test_pressures_along_an_npt_run_are_those_of_the_reference(models, engine):
    """Equal energies and pressures at every volume that is visited: then the densities are equal as well.

    The mean density itself, with error bars, is the business of benchmarks/md/npt_density.py.
    """
    ions = rock_salt((4, 4, 4))
    lammps = engine(ions, f"hotpp/lr {models['charge+dipole']} mesh 18 18 18 order 8")
    lammps.commands(
        "velocity all create 900 4711 loop all",
        "timestep 0.001",
        "fix npt all npt temp 900 900 0.1 aniso 0 0 0.2",
        "thermo_style custom step pe press vol lx ly lz c_virial[1]",
    )
    volumes = []
    for _ in range(4):
        lammps.commands("run 30")
        lengths = [lammps.lmp.get_thermo(f"l{a}") for a in "xyz"]
        low = np.array(lammps.lmp.extract_box()[0])
        now = Ions(lammps.positions() - low, np.diag(lengths), ions.types)
        expected = evaluate(models["charge+dipole"], now, mesh=(18, 18, 18), order=8)
        assert lammps.energy() == pytest.approx(expected.energy, abs=1e-7)
        trace = np.diag(expected.virial)
        assert np.abs(lammps.virial()[:3] - trace).max() <= 1e-6 * np.abs(trace).max()  # 7 digits of the units
        volumes.append(np.prod(lengths))
    assert np.ptp(volumes) > 0.005 * np.mean(volumes)
