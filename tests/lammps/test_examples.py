"""The decks that users copy: each runs a few steps and writes what its README says."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import RUN_DECK

EXAMPLES = Path(__file__).parents[2] / "examples" / "lammps"
WRITES = {
    "nvt_melt": ["ions.lammpstrj"],
    "npt_melt": ["density.txt"],
    "mpi_melt": [],
    "slab": ["profile.txt"],
    "conductivity": ["current.txt"],
    "infrared": ["dipole.txt"],
    "select_structures": ["deviation.txt"],
}


def test_every_example_is_tested():
    assert {folder.name for folder in EXAMPLES.iterdir()} == set(WRITES)


@pytest.mark.parametrize("name", WRITES)
def test_example_runs(models, run_python, tmp_path, name):
    shutil.copytree(EXAMPLES / name, tmp_path, dirs_exist_ok=True)
    variables = [("model", models["charge+dipole"]), ("other", models["other"]), ("steps", 20)]
    arguments = [word for name, value in variables for word in ("-var", name, str(value))]
    result = run_python("-c", RUN_DECK, f"in.{name}", "-log", "none", *arguments)
    assert result.returncode == 0, result.stdout[-3000:]
    for file in WRITES[name]:
        assert (tmp_path / file).stat().st_size > 0
    assert "ERROR" not in result.stdout and "Total wall time" in result.stdout


def test_selected_structures_depend_on_the_deviation(models, run_python, tmp_path):
    shutil.copytree(EXAMPLES / "select_structures", tmp_path, dirs_exist_ok=True)
    variables = ["-var", "model", str(models["charge+dipole"]), "-var", "other", str(models["other"])]
    run_python("-c", RUN_DECK, "in.select_structures", "-log", "none", *variables, "-var", "steps", "40")
    largest = np.loadtxt(tmp_path / "deviation.txt")[:, 1]
    selected = (tmp_path / "selected.xyz").read_text().count("Lattice") if (tmp_path / "selected.xyz").exists() else 0
    assert selected == ((largest >= 0.05) & (largest <= 0.5)).sum()
