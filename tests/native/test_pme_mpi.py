"""The mesh distributed over MPI ranks: the same bits as one rank, and the numbers of the plan that knows no MPI."""

from __future__ import annotations

import numpy as np
import pytest
from hotpp_lr import _pme, _pme_mpi
from mpi_cases import CASES, LAYOUT_MESH, SMEARING, Case
from mpi_launch import launch

pytestmark = pytest.mark.mpi
RANKS = (1, 2, 3, 4, 8)
# Relative to the largest element. double: the fixed point of the charges (2^-51 of the largest charge) and the rounding
# of two transforms that differ in their order; float: rounding of a float32 mesh.
TOLERANCE = {"double": 1e-12, "float": 1e-5}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """All cases on 1, 2, 3, 4 and 8 ranks: {ranks: [results of a rank]}."""
    return {ranks: launch("all_cases", ranks, tmp_path_factory.mktemp(f"ranks{ranks}")) for ranks in RANKS}


def joined(case: Case, parts: list[dict]) -> dict:
    """Results of all ranks as if one had computed them; global results must have the same bits on all ranks."""
    whole = {}
    for name in ("energy", "strain_derivative"):
        if name in parts[0]:
            whole[name] = parts[0][name]
            assert all(np.array_equal(part[name], whole[name]) for part in parts), name
    for name in ("potential", "field", "forces", "atom_strain"):
        if name in parts[0]:
            whole[name] = np.full((case.atoms, *parts[0][name].shape[1:]), np.nan)
            for part in parts:
                whole[name][part["own"]] = part[name]
    whole["mesh"] = np.full(case.mesh, np.nan, dtype=parts[0]["mesh"].dtype)
    for part in parts:
        nx, ny, _ = part["mesh"].shape
        whole["mesh"][part["x"] : part["x"] + nx, part["y"] : part["y"] + ny] = part["mesh"]
    return whole


def steps_of(runs, ranks: int, name: str) -> list[dict]:
    case = CASES[name]
    return [joined(case, [rank[name, step] for rank in runs[ranks]]) for step in range(case.steps)]


@pytest.mark.parametrize("name", CASES)
def test_same_bits_on_any_number_of_ranks_as_on_one(runs, name):
    """Charge mesh, energy, strain derivative, potential, field, forces. With more owners asked for than ranks there
    are: against the fewest that can have them."""
    fewest = min(ranks for ranks in RANKS if ranks >= CASES[name].owners)
    expected = steps_of(runs, fewest, name)
    for ranks in RANKS:
        if ranks <= fewest:
            continue
        for one, several in zip(expected, steps_of(runs, ranks, name), strict=True):
            for key, value in one.items():
                assert np.array_equal(value, several[key]), (key, ranks)


@pytest.mark.parametrize("precision", TOLERANCE)
def test_same_bits_for_any_layout_of_the_mesh(runs, precision):
    names = [name for name in CASES if name.endswith(f"owners, {precision}")]
    results = [steps_of(runs, 8, name)[0] for name in names]
    for name, other in zip(names, results, strict=True):
        assert runs[8][0][name, "layout"] == CASES[name].layout
        for key, value in results[0].items():
            assert np.array_equal(value, other[key]), (key, name)


def test_same_bits_for_any_number_of_threads_per_rank(runs, tmp_path):
    threaded = {2: launch("all_cases", 2, tmp_path, threads=3)}
    for name, case in CASES.items():
        if case.owners > 2:
            continue
        for one, several in zip(steps_of(runs, 2, name), steps_of(threaded, 2, name), strict=True):
            for key, value in one.items():
                assert np.array_equal(value, several[key]), (key, name)


def serial(case: Case, step: int) -> dict:
    cell, *atoms = case.system(step)
    plan = _pme.Plan(case.order, case.mesh, SMEARING, precision=case.precision, **case.plan)
    plan.set_cell(cell)
    options = {"strain": True} | {k: v for k, v in case.options.items() if k != "outputs"}
    strain = {"atom_strain": plan.atom_strain(*atoms)} if case.atom_strain else {}
    return plan.execute(*atoms, **options) | {"mesh": plan.spread(*atoms)} | strain


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.atoms > 0])
def test_same_numbers_as_the_plan_on_one_process(runs, name):
    case = CASES[name]
    for ranks in RANKS:
        if ranks < case.owners:
            continue
        for step, results in enumerate(steps_of(runs, ranks, name)):
            expected = serial(case, step)
            for key, value in results.items():
                scale = np.abs(expected[key]).max()
                assert np.abs(value - expected[key]).max() < TOLERANCE[case.precision] * scale, (key, ranks, step)


def test_no_atoms_give_zero(runs):
    for results in steps_of(runs, 3, "no atoms"):
        assert results["energy"] == 0 and not results["strain_derivative"].any() and not results["mesh"].any()


def test_bytes_sent_are_those_of_the_boxes_and_pencils(runs):
    def traffic(ranks, name):
        return [found[name, 0]["traffic"] for found in runs[ranks]]

    (alone,) = traffic(1, "dealt, double")
    assert alone["charge"] == alone["transposes"] == alone["potential"] == (0, 0)

    # One owner, rank 0: each other rank that has atoms sends it its box, and gets as much back.
    one = traffic(8, "1 x 1 owners, float")
    assert all(t["transposes"] == (0, 0) for t in one) and one[0]["charge"] == (0, 0)
    busy = [rank for rank in range(1, 8) if len(runs[8][rank]["1 x 1 owners, float", 0]["own"])]
    assert [t["charge"][0] for t in one] == [int(rank in busy) for rank in range(8)]
    assert all(4 * 6**3 <= one[rank]["charge"][1] <= 4 * np.prod(LAYOUT_MESH) for rank in busy)
    assert one[0]["potential"] == (len(busy), sum(t["charge"][1] for t in one))
    assert all(t["potential"] == (0, 0) for t in one[1:])

    # Two slabs of 5 planes: each sends half of the 50 lines y of its planes, and gets as many back: 26 modes along z in
    # 4 blocks of 8, complex numbers of 8 bytes.
    two = [t["transposes"] for t in traffic(8, "2 x 1 owners, float")]
    assert sorted(two) == [(0, 0)] * 6 + [(2, 2 * 5 * 25 * 4 * 8 * 8)] * 2


def test_plans_on_several_communicators_do_not_disturb_each_other(tmp_path):
    parts = launch("two_communicators", 4, tmp_path)
    cases = [Case("tiled", order=6), Case("tiled", order=5, mesh=(9, 11, 15), atoms=40)]
    groups = [("together", cases[0], parts), *(("apart", cases[c], parts[c::2]) for c in (0, 1))]
    for name, case, members in groups:
        for step in range(3):
            if (name, step) not in members[0]:
                continue
            expected = serial(case, step)
            for key, value in joined(case, [part[name, step] for part in members]).items():
                assert np.abs(value - expected[key]).max() < 1e-12 * np.abs(expected[key]).max(), (name, key)


@pytest.fixture(scope="module")
def mistakes(tmp_path_factory):
    return launch("mistakes", 3, tmp_path_factory.mktemp("mistakes"))


MISTAKES = {
    **{
        f"{array} {value}, {task}{precision}": f"On rank 1: The {array} of atom 0 is"
        for array in ("position", "charge", "dipole")
        for value in (np.nan, np.inf)
        for task in ("", "strain of atoms, ")
        for precision in TOLERANCE
    },
    **{
        f"{name}, {precision}": sentence
        for precision in TOLERANCE
        for name, sentence in {
            "no cell": "On rank 0: The plan has no cell yet",
            "no cell, strain of atoms": "On rank 0: The plan has no cell yet",
            "cells differ": "The cell of rank 1 differs from that of rank 0",
            "degenerate cell": "On rank 1: The plan has no cell yet",
        }.items()
    },
    "109 charges on a point, float": "overflowed",
    "order 3 forces on one rank": "On rank 1: The assignment order is 3",
    "slab too thick": "make the vacuum at least 2 times the thickness",
    "orders differ": "The mesh settings of rank 1 differ",
    "meshes differ": "The mesh settings of rank 1 differ",
    "order 99": "The assignment order is 99",
    "mesh of 16385 points": "The mesh has 16385 points along one axis: at most 16384",
    "too many owners": "A layout of 2 x 3 mesh owners",
    "more rows than mesh points": "A layout of 11 x 1 mesh owners",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_on_one_rank_is_the_same_error_on_all(mistakes, name):
    sentences = {found[name] for found in mistakes}
    assert len(sentences) == 1 and MISTAKES[name] in sentences.pop()


def test_plan_works_on_after_mistakes(mistakes):
    for found in mistakes:
        assert found["same after mistakes, double"] and found["same after mistakes, float"]


def test_overflow_is_found_exactly(mistakes):
    """The float mesh counts unit charges in 2^-26 e up to 2^31; a charge on a mesh point puts 8/27 there at order 4.
    As many as just fit pass, one more does not, though no rank alone has too many."""
    unit = round(float(mistakes[0]["value, float"]) * 2**26)
    assert 108 * unit < 2**31 <= 109 * unit
    for found in mistakes:
        assert found["108 charges on a point, float"] is None
        assert found["109 charges on a point, double"] is None


def test_rounding_to_fixed_point_takes_no_charge_away(tmp_path):
    """Weights at the rim of a stencil are less than half a unit. Rounded to the nearest they would all be lost, 1e-7 of
    every charge; what is left, 2e-8, is the rounding of the weights themselves."""
    charge = sum(found["charge"] for found in launch("rounding", 2, tmp_path))
    assert abs(charge / 4000 - 1) < 4e-8


def test_absurd_charges_are_an_error_or_finite(mistakes):
    """1e300 e: too large for a float mesh; in a double mesh the energy is too large for the exact sum."""
    for precision in TOLERANCE:
        assert all(found[f"charge 1e300, {precision}"] for found in mistakes)
        assert len({found[f"charge 1e300, {precision}"] for found in mistakes}) == 1


def test_layout_follows_mesh_and_ranks():
    assert _pme_mpi.choose_layout((64, 64, 64), 6, 1) == (1, 1)
    assert np.prod(_pme_mpi.choose_layout((8, 8, 8), 6, 64)) < 16  # more messages than work otherwise
    rows, columns = _pme_mpi.choose_layout((64, 64, 64), 6, 16)
    assert columns == 1 and rows > 1  # slabs: one transpose less
    rows, columns = _pme_mpi.choose_layout((32, 32, 32), 6, 1024)
    assert rows <= 32 and columns <= 4
    rows, columns = _pme_mpi.choose_layout((256, 256, 256), 6, 2048)
    assert rows > 1 and columns > 1 and rows * columns > 256  # slabs would leave 7 of 8 ranks idle
