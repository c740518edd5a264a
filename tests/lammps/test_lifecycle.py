"""The pair style through the other commands that create, copy and delete things."""

import re
from pathlib import Path

import numpy as np
import pytest
from hotpp_lr import lammps as hotpp_lammps
from ionic_crystals import rock_salt, write_data
from toy_model import write_toy_model

START = """
units metal
atom_modify map array
read_data ions.data
pair_style hotpp/lr {model}
pair_coeff * * Na Cl
thermo_modify format float %.12g
thermo 2
"""


@pytest.fixture
def energies(run_deck, models, tmp_path):
    """E_pair of all printed steps of a deck, by run."""
    write_data(tmp_path / "ions.data", rock_salt((4, 4, 4)))

    def run(text: str) -> list[list[float]]:
        deck = text.replace("{start}", START).replace("{model}", str(models["charge+dipole"]))
        result = run_deck(deck)
        assert result.returncode == 0, result.stdout
        tables = re.findall(r"E_pair.*\n((?: +[0-9].*\n)+)", result.stdout)
        return [[float(line.split()[2]) for line in table.splitlines()] for table in tables]

    return run


def test_clear_and_restart_continue_where_the_run_was(energies):
    """`clear` deletes the pair style and unloads the plugin; the restart file asks for the pair style again."""
    before, after = energies(
        "{start}fix nve all nve\nvelocity all create 600 1\nrun 4\nwrite_restart r.bin\nclear\nunits metal\n"
        "read_restart r.bin\npair_style hotpp/lr {model}\npair_coeff * * Na Cl\n"
        "thermo_modify format float %.12g\nrun 0\n"
    )
    assert after[0] == pytest.approx(before[-1], rel=1e-11)  # digits that are printed


def test_rerun_finds_the_energies_of_the_run(energies):
    """Atoms jump between the frames, and neighbour lists with them."""
    run, rerun = energies(
        "{start}fix nve all nve\nvelocity all create 2000 1\ndump d all custom 2 d.txt id type x y z\n"
        "dump_modify d format float %.17g\nrun 6\nundump d\nrerun d.txt dump x y z\n"
    )
    assert len(run) == 4
    assert rerun == pytest.approx(run, rel=1e-11)


def test_unloading_a_plugin_that_is_in_use_and_loading_it_again(energies):
    plugin = Path(hotpp_lammps.plugin_directory()) / hotpp_lammps.PLUGIN
    first, second = energies(
        f'{{start}}run 0\nplugin unload pair hotpp/lr\nplugin load "{plugin}"\n'
        "pair_style hotpp/lr {model}\npair_coeff * * Na Cl\nrun 0\n"
    )
    assert second == first


def test_another_model_of_the_same_elements_needs_no_new_pair_coeff(engine, models):
    lammps = engine(rock_salt((4, 4, 4)), f"hotpp/lr {models['other']}").commands("run 0")
    changed = lammps.commands(f"pair_style hotpp/lr {models['charge+dipole']}", "run 0").energy()
    assert changed == engine(rock_salt((4, 4, 4)), f"hotpp/lr {models['charge+dipole']}").commands("run 0").energy()


def test_a_model_of_other_elements_does_not_take_over_the_types(engine, models, tmp_path):
    """Its elements stand in another order: the types would silently be the wrong elements."""
    turned = write_toy_model(tmp_path / "turned.pt", "charge+dipole", elements=["Cl", "Na"])
    lammps = engine(rock_salt((4, 4, 4)), f"hotpp/lr {models['charge+dipole']}").commands("run 0")
    lammps.commands(f"pair_style hotpp/lr {turned}")
    with pytest.raises(Exception, match="All pair coeffs are not set"):
        lammps.commands("run 0")
    lammps.commands("pair_coeff * * Na Cl", "run 0")
    assert np.isfinite(lammps.energy())


FAILED = r"""
from hotpp_lr.lammps import lammps_instance
lammps = lammps_instance("-log", "none", "-screen", "none")
lammps.commands_string("units metal\nread_data ions.data")
for line in ("pair_style hotpp/lr {model} acuracy 1e-4", "pair_coeff * * Na Cl", "pair_style hotpp/lr {model}",
             "pair_coeff * * Na Cl", "run 0", "pair_style hotpp/lr nowhere.pt", "run 0"):
    try:
        lammps.command(line)
        print("done:", line)
    except Exception as problem:
        print("error:", str(problem).splitlines()[0])
print(lammps.get_thermo("step"))
"""


def test_a_failed_command_in_a_notebook_does_not_end_python(run_python, models, tmp_path):
    write_data(tmp_path / "ions.data", rock_salt((4, 4, 4)))
    done = run_python("-c", FAILED.replace("{model}", str(models["charge"])))
    assert done.returncode == 0, done.stdout
    said = done.stdout.splitlines()
    assert [line.split(":")[0] for line in said[:7]] == ["error", "error", "done", "done", "done", "error", "error"]
    assert "unknown keyword 'acuracy'" in said[0] and "its pair_style command failed" in said[1] + said[6]
