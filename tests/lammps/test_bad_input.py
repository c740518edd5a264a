"""Mistakes of users: one sentence with the mistake and the remedy, from a process that ends properly."""

import shutil
import sys
from pathlib import Path

import pytest
import torch
from ionic_crystals import rock_salt, write_data
from toy_model import write_toy_model

DECK = """
units {units}
newton {newton}
boundary {boundary}
read_data ions.data
pair_style {pair_style}
pair_coeff {pair_coeff}
{extra}
run 0
"""
GOOD = {
    "units": "metal",
    "newton": "on",
    "boundary": "p p p",
    "pair_style": "hotpp/lr model.pt",
    "pair_coeff": "* * Na Cl",
    "extra": "",
}

CASES = {
    "missing file": (
        {"pair_style": "hotpp/lr nowhere.pt"},
        "cannot open model file 'nowhere.pt'",
        "hotpp-export",
    ),
    "no file": ({"pair_style": "hotpp/lr"}, "a model file is missing", "hotpp-export"),
    "corrupt file": ({"pair_style": "hotpp/lr corrupt.pt"}, "'corrupt.pt' is damaged", "hotpp-export"),
    "text file": ({"pair_style": "hotpp/lr ions.data"}, "'ions.data' is damaged", "hotpp-export"),
    "foreign file": ({"pair_style": "hotpp/lr foreign.pt"}, "not of hotpp-lr", "hotpp-export"),
    "later format": ({"pair_style": "hotpp/lr later.pt"}, "has format version 2", "hotpp-export"),
    "incomplete metadata": (
        {"pair_style": "hotpp/lr incomplete.pt"},
        "no valid entry 'smearing'",
        "hotpp-export",
    ),
    "unknown keyword": (
        {"pair_style": "hotpp/lr model.pt acuracy 1e-4"},
        "unknown keyword 'acuracy'",
        "accuracy",
    ),
    "bad value": ({"pair_style": "hotpp/lr model.pt order 9"}, "got '9'", "from 3 to 8"),
    "missing value": ({"pair_style": "hotpp/lr model.pt mesh 8 8"}, "'mesh' needs three", "nx ny nz"),
    "no GPU yet": ({"pair_style": "hotpp/lr model.pt device cuda"}, "got 'cuda'", "'auto' or 'cpu'"),
    "unknown element": ({"pair_coeff": "* * Na K"}, "does not know the element 'K' of atom type 2", "Na Cl"),
    "element count": ({"pair_coeff": "* * Na"}, "got 1 element(s) in pair_coeff, expected 2", "Na Cl"),
    "single pair": ({"pair_coeff": "1 2 Na Cl"}, "must start with * *", "hotpp/lr"),
    "NULL": ({"pair_coeff": "* * Na NULL"}, "cannot leave atom type 2", "Na Cl"),
    "units": ({"units": "lj"}, "units metal or real, not lj", "change the 'units' command"),
    "newton off": ({"newton": "off"}, "needs Newton's third law", "remove 'newton off'"),
    "boundary": ({"boundary": "p p f"}, "periodic in all directions", "boundary p p p"),
    "per-atom stress": (
        {"extra": "compute s all stress/atom NULL\nrun 0\ndump d all custom 1 dump.out c_s[1]"},
        "no per-atom stress",
        "remove computes stress/atom",
    ),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """Good and bad model files and a data file."""
    folder = tmp_path_factory.mktemp("files")
    write_data(folder / "ions.data", rock_salt((2, 2, 2)))
    good = write_toy_model(folder / "model.pt", "charge+dipole").read_bytes()
    (folder / "corrupt.pt").write_bytes(good[: len(good) // 2])
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), str(folder / "foreign.pt"))
    write_toy_model(folder / "later.pt", "charge", format_version=2)
    write_toy_model(folder / "incomplete.pt", "charge", smearing=None)
    return folder


@pytest.fixture
def run_bad(run_deck, files, tmp_path):
    def run(changes: dict[str, str], launcher: tuple[str, ...] = ()):
        shutil.copytree(files, tmp_path, dirs_exist_ok=True)
        return run_deck(DECK.format(**{**GOOD, **changes}), launcher)

    return run


def check(result, mistake, remedy):
    assert result.returncode == 1, result.stdout  # negative: ended by a signal
    sentences = [line for line in result.stdout.splitlines() if line.startswith("ERROR")]
    assert sentences, result.stdout
    assert mistake in sentences[0] and remedy in sentences[0], sentences[0]


def test_the_good_deck_is_good(run_bad):
    result = run_bad({})
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("case", CASES)
def test_mistake_is_named_with_its_remedy(run_bad, case):
    changes, mistake, remedy = CASES[case]
    check(run_bad(changes), mistake, remedy)


def test_atoms_that_are_not_numbers(run_bad):
    """LAMMPS itself looks at positions only when it builds neighbour lists."""
    extra = "variable nan atom exp(1000)-exp(1000)\nrun 0\nset atom 3 x v_nan\nrun 1 pre no post no"
    check(run_bad({"extra": extra}), "atom 3 has position", "check the initial structure")


@pytest.mark.mpi
def test_several_ranks(run_bad):
    mpiexec = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")
    if mpiexec is None:
        pytest.skip("mpiexec is not installed: pip install mpich")
    result = run_bad({}, (mpiexec, "-n", "2"))
    assert result.returncode != 0
    assert "runs on one MPI rank in this version, but 2 were started" in result.stdout
