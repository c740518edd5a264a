"""Mistakes of users: one sentence with the mistake and the remedy, from a process that ends properly."""

import shutil
from pathlib import Path

import pytest
import torch
from conftest import RUN_DECK
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
    "checkpoint": (
        {"pair_style": "hotpp/lr model.ckpt"},
        "'model.ckpt' is damaged or not a TorchScript",
        "hotpp-export",
    ),
    "folder": ({"pair_style": "hotpp/lr folder.pt"}, "'folder.pt' is damaged", "hotpp-export"),
    "earlier format": ({"pair_style": "hotpp/lr earlier.pt"}, "has format version 1", "hotpp-export"),
    "later format": ({"pair_style": "hotpp/lr later.pt"}, "has format version 3", "hotpp-export"),
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
    "spacing and accuracy": (
        {"pair_style": "hotpp/lr model.pt spacing 0.8 accuracy 1e-4"},
        "'mesh', 'spacing' and 'accuracy' each decide the mesh",
        "give only one",
    ),
    "spacing of nothing": ({"pair_style": "hotpp/lr model.pt spacing 0"}, "got '0'", "a distance of mesh points"),
    "mesh of a cluster": (
        {"pair_style": "hotpp/lr model.pt spacing 0.8", "boundary": "f f f"},
        "has no mesh of the size of the box",
        "give 'accuracy'",
    ),
    "unknown device": ({"pair_style": "hotpp/lr model.pt device gpu"}, "got 'gpu'", "'auto', 'cpu', 'cuda' or"),
    "device without its number": ({"pair_style": "hotpp/lr model.pt device cuda:"}, "got 'cuda:'", "with n from 0"),
    "device beyond the last": (
        {"pair_style": "hotpp/lr model.pt device emulated:7"},
        "there are 2 (emulated:0 to emulated:1)",
        "give one of these",
    ),
    "device that is not there": (
        {"pair_style": "hotpp/lr model.pt device cuda:99"},
        "'device cuda:99', but",
        "use 'device cpu'" if not torch.cuda.is_available() else "give one of these",
    ),
    "unknown element": ({"pair_coeff": "* * Na K"}, "does not know the element 'K' of atom type 2", "Na Cl"),
    "element count": ({"pair_coeff": "* * Na"}, "got 1 element(s) in pair_coeff, expected 2", "Na Cl"),
    "single pair": ({"pair_coeff": "1 2 Na Cl"}, "must start with * *", "hotpp/lr"),
    "NULL": ({"pair_coeff": "* * Na NULL"}, "nothing acts on atoms of type 2 (NULL)", "hybrid/overlay"),
    "pairs of another style": (
        {
            "pair_style": "hybrid hotpp/lr model.pt lj/cut 5.0",
            "pair_coeff": "* * hotpp/lr Na Cl",
            "extra": "pair_coeff 1 2 lj/cut 0.01 2.5",
        },
        "types 1 and 2 to another style",
        "hybrid/overlay",
    ),
    "models of different elements": (
        {"pair_style": "hotpp/lr model.pt potassium.pt"},
        "'potassium.pt' has K Cl",
        "models of one training set",
    ),
    "models of different cutoffs": (
        {"pair_style": "hotpp/lr model.pt short.pt"},
        "'short.pt' has 3.0",
        "one configuration",
    ),
    "models of different electrostatics": (
        {"pair_style": "hotpp/lr model.pt charge.pt"},
        "'charge.pt' has 'charge'",
        "one configuration",
    ),
    "charges of a model without them": (
        {"pair_style": "hotpp/lr none.pt set_charges yes"},
        "'set_charges' needs a model with charges",
        "remove the keyword",
    ),
    "dipoles of a model without them": (
        {"pair_style": "hotpp/lr charge.pt set_dipoles yes"},
        "'charge.pt' has 'electrostatics: charge'",
        "remove the keyword",
    ),
    "deviation of one model": (
        {"pair_style": "hotpp/lr model.pt deviation 10 dev.txt"},
        "got one",
        "at least two model files",
    ),
    "selection without deviation": (
        {"pair_style": "hotpp/lr model.pt model.pt select 0.1 0.2 picked.xyz"},
        "'select' looks at the structures of keyword 'deviation'",
        "add 'deviation N file'",
    ),
    "selection window": (
        {"pair_style": "hotpp/lr model.pt model.pt deviation 1 d.txt select 0.3 0.2 picked.xyz"},
        "got '0.2'",
        "two increasing force deviations",
    ),
    "folder of the deviation": (
        {"pair_style": "hotpp/lr model.pt model.pt deviation 1 nowhere/d.txt"},
        "cannot write to 'nowhere/d.txt'",
        "check the folder",
    ),
    "atoms without charge": (
        {"pair_style": "hotpp/lr model.pt set_charges yes"},
        "set_charges needs atoms that have a charge",
        "atom_style charge",
    ),
    "atoms without dipole": (
        {"pair_style": "hotpp/lr model.pt set_dipoles yes"},
        "set_dipoles needs atoms that have a dipole",
        "atom_style dipole",
    ),
    "units": ({"units": "lj"}, "units metal or real, not lj", "change the 'units' command"),
    "newton off": ({"newton": "off"}, "needs Newton's third law", "remove 'newton off'"),
    "boundary": ({"boundary": "f p p"}, "open along z only", "turn the structure"),
    "heat flux of changing charges": (
        {"extra": "compute s all centroid/stress/atom NULL virial\ndump d all custom 1 dump.out c_s[1]"},
        "has charges that change with the positions",
        "remove compute centroid/stress/atom; for a thermal conductivity use 'fix thermal/conductivity'",
    ),
    "per-atom stress of a cluster": (
        {
            "extra": "compute s all stress/atom NULL virial\ndump d all custom 1 dump.out c_s[1]",
            "boundary": "f f f",
        },
        "no per-atom stress in a cluster",
        "use a periodic box with vacuum",
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
    (folder / "folder.pt").mkdir()
    torch.save({"state_dict": {}}, folder / "model.ckpt")
    for electrostatics in ("none", "charge"):
        write_toy_model(folder / f"{electrostatics}.pt", electrostatics)
    write_toy_model(folder / "earlier.pt", "charge", format_version=1)
    write_toy_model(folder / "later.pt", "charge", format_version=3)
    write_toy_model(folder / "incomplete.pt", "charge", smearing=None)
    potassium = {"elements": ["K", "Cl"], "atomic_energies": {"K": 0.0, "Cl": 0.0}}
    write_toy_model(folder / "potassium.pt", "charge+dipole", **potassium)
    write_toy_model(folder / "short.pt", "charge+dipole", cutoff=3.0)
    return folder


@pytest.fixture
def run_bad(run_deck, files, tmp_path):
    def run(changes: dict[str, str]):
        shutil.copytree(files, tmp_path, dirs_exist_ok=True)
        return run_deck(DECK.format(**{**GOOD, **changes}))

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


def test_two_dimensions(run_deck, files):
    """LAMMPS leaves out the images along z, the mesh would not."""
    check(
        run_deck(
            "units metal\ndimension 2\nregion box block 0 6 0 6 -0.5 0.5\ncreate_box 2 box\nmass * 20\n"
            f"create_atoms 1 single 1 1 0\npair_style hotpp/lr {files / 'model.pt'}\npair_coeff * * Na Cl\nrun 0\n"
        ),
        "works in three dimensions",
        "remove 'dimension 2'",
    )


@pytest.mark.mpi
@pytest.mark.parametrize("case", ["missing file", "unknown keyword", "unknown element", "boundary"])
def test_all_ranks_stop_with_the_sentence(files, mpiexec, tmp_path, case):
    """A rank that stops alone leaves the others waiting for ever."""
    changes, mistake, _ = CASES[case]
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    (tmp_path / "in.deck").write_text(DECK.format(**{**GOOD, **changes}))
    result = mpiexec(2, "-c", RUN_DECK, "in.deck", cwd=tmp_path)
    assert result.returncode != 0
    said = [line for line in result.stdout.splitlines() if line.startswith("ERROR")]
    # rank 0 alone speaks; the line may come twice when mpiexec ends the ranks while their output is on its way
    assert len(set(said)) == 1 and mistake in said[0], said


@pytest.mark.mpi
def test_a_mistake_that_one_rank_sees_stops_all(files, mpiexec, tmp_path):
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    nan = "variable nan atom exp(1000)-exp(1000)\nrun 0\nset atom 3 x v_nan\nrun 1 pre no post no"
    (tmp_path / "in.deck").write_text(DECK.format(**{**GOOD, "extra": nan}))
    result = mpiexec(2, "-c", RUN_DECK, "in.deck", cwd=tmp_path)
    assert result.returncode != 0
    assert "atom 3 has position" in result.stdout
