"""Clusters on several MPI ranks: the same bits as on one, and the numbers of the cluster that knows no MPI."""

import numpy as np
import pytest
from cluster_cases import CASES, SMEARING, Cluster
from hotpp_lr import _pme
from mpi_launch import launch

pytestmark = pytest.mark.mpi
RANKS = (1, 2, 3, 4, 8)
PER_ATOM = ("potential", "field", "forces")
# Of the largest element. direct: the same sum in another order of the atoms; mesh: as test_pme_mpi.py.
TOLERANCE = {"double": 1e-12, "float": 1e-5}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return {ranks: launch("clusters", ranks, tmp_path_factory.mktemp(f"clusters{ranks}")) for ranks in RANKS}


def joined(parts: list[dict], atoms: int) -> dict:
    """Results of all ranks as if one had computed them; global results must have the same bits on all ranks."""
    whole = {}
    for name in ("energy", "strain_derivative", "order", "mesh"):
        found = [part[name] for part in parts if name in part]
        if found:
            assert all(np.array_equal(value, found[0]) for value in found), name
            whole[name] = found[0]
    for name in PER_ATOM:
        if any(name in part for part in parts):
            whole[name] = np.full((atoms, 3)[: 1 if name == "potential" else 2], np.nan)
            for part in parts:
                if name in part:
                    whole[name][part["own"]] = part[name]
    return whole


def steps_of(runs, ranks: int, name: str) -> list[dict]:
    case = CASES[name]
    return [joined([rank[name, step] for rank in runs[ranks]], case.atoms) for step in range(len(case.steps))]


@pytest.mark.parametrize("name", CASES)
def test_same_bits_on_any_number_of_ranks(runs, name):
    for step, expected in enumerate(steps_of(runs, 1, name)):
        for ranks in RANKS[1:]:
            found = steps_of(runs, ranks, name)[step]
            for key, value in expected.items():
                assert np.array_equal(value, found[key]), (key, ranks, step)


@pytest.mark.parametrize("name", CASES)
def test_same_numbers_as_the_cluster_on_one_process(runs, name):
    case = CASES[name]
    serial = _pme.Cluster(precision=case.precision, **case.options())
    for step, found in enumerate(steps_of(runs, 4, name)):
        expected = serial.execute(*case.system(step), strain=True) | {"order": serial.order, "mesh": serial.mesh}
        assert (found.pop("order"), found.pop("mesh")) == (expected["order"], expected["mesh"])
        for key, value in found.items():
            # the virial is a sum of forces times places far from the origin
            scale = np.abs(expected[key]).max(initial=0.0)
            if key == "strain_derivative":
                scale = np.abs(expected["forces"]).sum() * 30.0
            assert np.abs(value - expected[key]).max(initial=0.0) <= TOLERANCE[case.precision] * scale, (key, step)


def test_the_cheaper_method_is_taken(runs):
    assert steps_of(runs, 3, "auto, small: direct")[0]["order"] == 0
    assert steps_of(runs, 3, "auto, large: mesh")[0]["order"] >= 4


def test_a_box_is_kept_while_the_cluster_fits(runs):
    first, a_little_larger, larger, smaller = (found["mesh"] for found in steps_of(runs, 4, "mesh, moving"))
    assert a_little_larger == first and larger != first and smaller != larger


@pytest.mark.parametrize("method", ["direct", "mesh"])
def test_ranks_may_differ_in_dipoles_and_in_what_they_want(runs, method):
    parts = [rank["mixed", method] for rank in runs[3]]
    r, q, mu = Cluster(method="direct").system(0)
    for part in parts[1:]:
        mu[part["own"]] = 0.0
        assert "strain_derivative" not in part and part["energy"] == parts[0]["energy"]
    expected = _pme.Cluster(SMEARING, method=method, accuracy=1e-5).execute(r, q, mu, strain=True)
    assert "forces" not in parts[0]
    scale = 30.0 * np.abs(expected["forces"]).sum()
    assert np.abs(parts[0]["strain_derivative"] - expected["strain_derivative"]).max() < 1e-12 * scale
    for part in parts[1:]:
        for name in PER_ATOM:
            right = expected[name][part["own"]]
            assert np.abs(part[name] - right).max() < 1e-12 * np.abs(expected[name]).max(), name


def test_bytes_sent_are_those_of_atoms_and_rows(runs):
    """Direct: the announcement, the extent, the largest distance; 7 numbers of each own atom and 8 of each own row."""
    atoms = CASES["direct, dealt"].atoms
    for ranks in (2, 8):
        parts = [rank["direct, dealt", 0] for rank in runs[ranks]]
        rows = [atoms * (k + 1) // ranks - atoms * k // ranks for k in range(ranks)]
        for part, row in zip(parts, rows, strict=True):
            assert part["sent"] == (7, 72 + 48 + 8 + 8 * (7 * len(part["own"]) + 8 * row))


@pytest.fixture(scope="module")
def mistakes(tmp_path_factory):
    return launch("cluster_mistakes", 3, tmp_path_factory.mktemp("mistakes"))


MISTAKES = {
    **{
        f"{name}, {method}": sentence
        for method in ("mesh", "direct")
        for name, sentence in {
            "position nan": "On rank 1: The position of atom 0 is",
            "charge inf": "On rank 1: The charge of atom 0 is",
            "dipole nan": "On rank 1: The dipole of atom 0 is",
            "far away": "look for an atom that has left it",
            "lost": "On rank 1: The position of atom 0 is",
            "strain of atoms": "On rank 0: A cluster has no strain derivatives of its atoms",
            "huge": "",
        }.items()
    },
    "smearings differ": "The cluster settings of rank 1 differ",
    "methods differ": "The cluster settings of rank 1 differ",
    "accuracy 2": "On rank 0: The accuracy is 2",
    "prolate too accurate": "but the prolate kernel ends with a step",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_on_one_rank_is_the_same_error_on_all(mistakes, name):
    sentences = {found[name] for found in mistakes}
    assert len(sentences) == 1 and MISTAKES[name] in sentences.pop()


@pytest.mark.parametrize("method", ["mesh", "direct"])
def test_cluster_works_on_after_mistakes(mistakes, method):
    assert all(found[f"same after mistakes, {method}"] for found in mistakes)
