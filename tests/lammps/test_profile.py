"""What the log tells about the time before and in the steps, and about what ranks send each other."""

import re

import pytest
from conftest import RUN_DECK
from ionic_crystals import rock_salt, write_data
from toy_model import METADATA

IONS = rock_salt((4, 4, 4))


@pytest.fixture
def profiled(monkeypatch):
    monkeypatch.setenv("HOTPP_PROFILE", "1")


def columns(text: str, row: str) -> list[float]:
    """Mean and maximum of a row of the profile."""
    found = re.search(rf"^  {row} +([0-9.]+) +([0-9.]+)$", text, re.MULTILINE)
    assert found, (row, text)
    return [float(number) for number in found.groups()]


def test_profile_says_where_the_time_went(models, engine, profiled):
    lammps = engine(IONS, f"hotpp/lr {models['charge']}").commands("run 2")
    text = lammps.log.read_text()
    assert "milliseconds per step over 3 steps" in text
    for section in ("edges", "network forward", "mesh", "network backward", "forces and outputs"):
        assert columns(text, section)[0] > 0
    assert columns(text, "bytes of the mesh") == [0, 0]  # one rank sends nothing


@pytest.mark.mpi
def test_profile_counts_what_ranks_send(models, mpiexec, tmp_path, profiled):
    """A network of two layers sends the features of each atom at the border once, however many images it has, and
    gradients come back once. All atoms of either rank have neighbours in the other. Before that, each rank asks for
    rows (4 bytes) and says which of them have an edge (1 byte)."""
    write_data(tmp_path / "ions.data", IONS)
    deck = f"units metal\nread_data ions.data\npair_style hotpp/lr {models['charge']}\npair_coeff * * Na Cl\nrun 0\n"
    (tmp_path / "in.deck").write_text(deck)
    done = mpiexec(2, "-c", RUN_DECK, "in.deck", "-log", "log", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    text = (tmp_path / "log").read_text()
    assert float(re.search(r"Nghost: +([0-9.e+]+) ave", text)[1]) > 5 * len(IONS)
    feature = METADATA["channels"] * 4 * 8  # a scalar and a vector of float64 per channel
    assert columns(text, "bytes of ghost rows")[0] == (2 * feature + 4 + 1) * len(IONS) / 2
    assert columns(text, "bytes of the mesh")[0] > 0
    assert columns(text, "  in messages")[0] == 6  # scalars and vectors, there and back


def test_the_model_is_read_once_and_warmed_up_before_the_first_run(models, engine, tmp_path):
    """A second run must not wait again, nor need the file."""
    model = tmp_path / "model.pt"
    model.write_bytes(models["charge+dipole"].read_bytes())
    lammps = engine(IONS, f"hotpp/lr {model}").commands("run 1")
    text = lammps.log.read_text()
    assert len(re.findall(r"set-up +\d+\.\d\d s to read 1 model\(s\), \d+\.\d\d s to warm up", text)) == 1
    assert text.index("to warm up") < text.index("Loop time")
    model.unlink()
    energy = lammps.energy()
    lammps.commands("run 0", "minimize 0 0 1 1", "run 0")
    assert lammps.energy() != energy
    assert lammps.log.read_text().count("to warm up") == 1
