"""Rows of atoms between ranks (csrc/pme/mpi/remote_rows.h): what arrives is what its owner has, once, bit by bit."""

import numpy as np
import pytest
from mpi_launch import launch
from mpi_rows_worker import CASES

pytestmark = pytest.mark.mpi
RANKS = (1, 2, 3, 8)
WORKER = "mpi_rows_worker.py"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return {n: launch("everything", n, tmp_path_factory.mktemp(f"rows{n}"), worker=WORKER) for n in RANKS}


def wishes(name: str, part: str, ranks: int) -> list[list[tuple[int, int]]]:
    case = CASES[name]
    return [(case.selected if part == "selected" else case.wanted)(rank, ranks) for rank in range(ranks)]


def found_by(runs, name: str, part: str, ranks: int) -> list[dict]:
    return [found[(name, part) if part == "selected" else name] for found in runs[ranks]]


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("part", ["all", "selected"])
@pytest.mark.parametrize("name", CASES)
def test_rows_are_those_of_their_owners(runs, name, part, ranks):
    case = CASES[name]
    for wanted, found in zip(wishes(name, part, ranks), found_by(runs, name, part, ranks), strict=True):
        expected = [case.rows(owner)[row] for owner, row in wanted]
        assert found["arrived"].dtype == case.dtype
        np.testing.assert_array_equal(found["arrived"], np.reshape(expected, (len(expected), case.columns)))


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("part", ["all", "selected"])
@pytest.mark.parametrize("name", CASES)
def test_what_goes_back_arrives_in_the_order_of_the_border(runs, name, part, ranks):
    """Rank by rank, so that sums have one order; a row is there as often as there are ranks that need it."""
    case, wanted = CASES[name], wishes(name, part, ranks)
    for rank, found in enumerate(found_by(runs, name, part, ranks)):
        border = [row for rows in wanted for owner, row in rows if owner == rank]
        assert found["border"] == border
        np.testing.assert_array_equal(found["gradients"], -case.rows(rank)[border])


@pytest.mark.parametrize("name", CASES)
def test_messages_go_only_to_ranks_that_asked(runs, name):
    case, ranks = CASES[name], 8
    wanted = [case.wanted(rank, ranks) for rank in range(ranks)]
    for rank, found in enumerate(runs[ranks]):
        readers = sum(any(owner == rank for owner, _ in rows) for rows in wanted)
        owners = len({owner for owner, _ in wanted[rank]})
        assert found[name]["messages"] == readers + owners
        rows = len(found[name]["border"]) + len(wanted[rank])
        assert found[name]["bytes"] == rows * case.columns * np.dtype(case.dtype).itemsize


def test_the_cases_send_something(runs):
    assert sum(found["some of everybody"]["bytes"] for found in runs[8]) > 1000
    assert max(found["some of everybody"]["messages"] for found in runs[8]) == 14
    assert all(found["nobody needs others"]["messages"] == 0 for found in runs[8])
    assert all(found["all of everybody"]["messages"] == 0 for found in runs[1])


def test_messages_of_two_instances_do_not_meet(tmp_path):
    case, ranks = CASES["some of everybody"], 4
    for rank, found in enumerate(launch("two_instances", ranks, tmp_path, worker=WORKER)):
        for name, me, members in (("together", rank, ranks), ("apart", rank // 2, ranks // 2)):
            expected = [case.rows(owner)[row] for owner, row in case.wanted(me, members)]
            np.testing.assert_array_equal(
                found[name], np.reshape(expected, (len(expected), case.columns)), err_msg=name
            )


def test_a_wrong_wish_is_an_error_in_words(tmp_path):
    found = launch("mistakes", 2, tmp_path, worker=WORKER)[1]
    assert "row 0 of rank 1 was asked for by rank 1 of 2" in found["own row"]
    assert "row 0 of rank 2 was asked for" in found["rank that is not there"]
    assert "row -1 of rank 0 was asked for" in found["negative row"]
    assert "twice or out of order" in found["twice"]
    assert "twice or out of order" in found["out of order"]
    assert found["after"] == 0.0
