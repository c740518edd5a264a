"""The pair style through the other commands that create, copy and delete things."""

import re
from pathlib import Path

import pytest
from hotpp_lr import lammps as hotpp_lammps
from ionic_crystals import rock_salt, write_data

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
