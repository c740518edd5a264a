"""A mesh is chosen once and kept until the cell has changed by more than 5 %."""

import logging

import numpy as np
import pytest
from hotpp_lr.electrostatics.accuracy import choose
from hotpp_lr.electrostatics.mesh_choice import MeshChoice

CELL = np.diag([20.0, 22.0, 25.0])
OPTIONS = {"smearing": 1.2, "accuracy": 1e-4}


def test_first_cell_decides_and_small_changes_do_not():
    choice = MeshChoice(**OPTIONS, order=6)
    assert choice.update(CELL, 700)
    assert choice.mesh == choose(CELL, 700, **OPTIONS, orders=[6]).mesh
    first = choice.mesh
    assert not choice.update(CELL * [[1.049], [0.951], [1.0]], 700)
    assert choice.mesh == first


def test_larger_changes_of_one_axis_choose_anew_and_say_so(caplog):
    choice = MeshChoice(**OPTIONS, order=7)
    choice.update(CELL, 700)
    first = choice.mesh
    with caplog.at_level(logging.INFO):
        assert choice.update(CELL * [[1.0], [1.0], [1.06]], 700)
    assert choice.mesh[2] >= first[2] and choice.estimate(CELL, 700) <= 1e-4
    assert "changed by more than 5 %" in caplog.text


def test_a_drift_is_measured_from_the_cell_of_the_choice():
    choice = MeshChoice(**OPTIONS, order=6)
    changes = [choice.update(CELL * 1.02**step, 700) for step in range(7)]
    assert changes == [True, False, False, True, False, False, True]


def test_a_fixed_mesh_is_never_chosen():
    choice = MeshChoice(**OPTIONS, order=5, mesh=(16, 18, 20))
    assert not choice.update(CELL, 700) and not choice.update(2 * CELL, 700)
    assert choice.mesh == (16, 18, 20)
    assert choice.estimate(2 * CELL, 700) > choice.estimate(CELL, 700)
    with pytest.raises(ValueError, match=r"fixed without an assignment order"):
        MeshChoice(**OPTIONS, mesh=(16, 18, 20))
    with pytest.raises(ValueError, match=r"no mesh has been chosen yet"):
        MeshChoice(**OPTIONS).estimate(CELL, 700)


def test_a_spacing_is_kept_and_chosen_anew_like_an_accuracy():
    choice = MeshChoice(**OPTIONS, order=5, spacing=0.7)
    assert choice.update(CELL, 700)
    # 28.6, 31.4, 35.7 points: the next numbers without prime factors above 7
    assert choice.mesh == (30, 32, 36)
    assert not choice.update(1.04 * CELL, 700)
    assert choice.update(1.06 * CELL, 700) and choice.mesh == (32, 35, 40)
    with pytest.raises(ValueError, match=r"give order, but not mesh"):
        MeshChoice(**OPTIONS, spacing=0.7)
