"""What users of such pair styles complain about elsewhere, and where it is tested that they need not do so here.

wrong elements when pair_coeff is lax          below, test_lifecycle, "unknown element", "element count": test_bad_input
versions of plugin and engine that do not fit  test_package
the GPU of a rank                              test_device
slow first steps, models loaded at every run   below, and test_dynamics
memory that grows, or ends without a hint      test_memory, and below
empty subdomains                               "empty ranks" in test_ranks
per-atom stress that is silently zero          test_atom_stress
units that are silently assumed                "units" in test_bad_input
forces that overwrite those of other styles    test_dynamics (hybrid/overlay, both orders)
models that print on every rank                below
misspelt keywords                              "unknown keyword" in test_bad_input
"""

import numpy as np
import pytest
from conftest import RUN_DECK
from ionic_crystals import Ions, rock_salt, write_data
from toy_model import write_toy_model

IONS = rock_salt((4, 4, 4))


def test_elements_are_those_of_pair_coeff_and_not_the_order_of_the_types(models, engine):
    style = f"hotpp/lr {models['charge+dipole']}"
    plain = engine(IONS, style).commands("run 0")
    turned = Ions(IONS.positions, IONS.cell, 3 - IONS.types)
    same = engine(turned, style, coeff="* * Cl Na").commands("run 0")
    assert same.energy() == pytest.approx(plain.energy(), rel=1e-13)
    assert np.abs(same.forces() - plain.forces()).max() <= 1e-11
    wrong = engine(turned, style, coeff="* * Na Cl").commands("run 0")
    assert abs(wrong.energy() - plain.energy()) > 1e-3


def test_a_second_run_does_not_read_the_model_again(engine, tmp_path):
    file = write_toy_model(tmp_path / "gone.pt", "charge+dipole")
    lammps = engine(IONS, f"hotpp/lr {file}").commands("run 0")
    file.unlink()
    first = lammps.energy()
    assert lammps.commands("run 0").energy() == first


def test_a_mesh_that_does_not_fit_names_the_limit(models, engine):
    lammps = engine(rock_salt((2, 2, 2)), f"hotpp/lr {models['charge']} spacing 0.001")
    with pytest.raises(Exception, match=r"needs [0-9.]+ GB, but this machine has .* choose a coarser mesh"):
        lammps.commands("run 0")


@pytest.mark.mpi
def test_only_one_rank_speaks(models, mpiexec, tmp_path):
    write_data(tmp_path / "ions.data", IONS)
    (tmp_path / "in.deck").write_text(
        f"""
        units      metal
        read_data  ions.data
        pair_style hotpp/lr {models["charge+dipole"]}
        pair_coeff * * Na Cl
        run        2
        run        2
        """
    )
    result = mpiexec(2, "-c", RUN_DECK, "in.deck", cwd=tmp_path)
    assert result.returncode == 0, result.stdout
    for line in ("Pair style hotpp/lr", "estimated relative force error of this structure", "  elements "):
        assert result.stdout.count(line) == 1, result.stdout
    assert "arning" not in result.stdout.replace("WARNING: No fixes with time integration", "")
