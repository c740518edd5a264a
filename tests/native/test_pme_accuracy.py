"""The native choice of order and mesh is that of Python, number by number."""

import numpy as np
import pytest
from hotpp_lr import _pme
from hotpp_lr.electrostatics import accuracy
from hotpp_lr.electrostatics.error_model import Sources
from hotpp_lr.electrostatics.mesh_choice import MeshChoice

CELLS = {
    "small": np.array([[7.0, 0.0, 0.0], [1.0, 8.0, 0.0], [-0.5, 1.0, 9.0]]),
    "large": np.array([[40.0, 0.0, 0.0], [20.0, 34.0, 0.0], [20.0, 11.0, 33.0]]),
}


def structure(cell: np.ndarray, dipoles: bool, n: int = 120) -> tuple:
    rng = np.random.default_rng(1)
    charges = rng.normal(size=n)
    return rng.random((n, 3)) @ cell, charges - charges.mean(), 0.3 * rng.normal(size=(n, 3)) if dipoles else None


@pytest.mark.parametrize("dipoles", [False, True])
@pytest.mark.parametrize("kernel", ["gaussian", "prolate"])
@pytest.mark.parametrize("name", CELLS)
def test_estimated_error_is_that_of_python(name, kernel, dipoles):
    cell, mesh = CELLS[name], (36, 40, 45)
    atoms = structure(cell, dipoles)
    options = {"kernel": kernel, "dipoles": dipoles}
    for order in (4, 7):
        python = accuracy.estimated_error(cell, 1.2, order, mesh, sources=Sources.measured(*atoms, 0.7), **options)
        native = _pme.estimated_error(cell, 1.2, order, mesh, structure=_pme.Structure(*atoms, 0.7), **options)
        assert native == pytest.approx(python, rel=1e-9)  # sums in another order
        python = accuracy.estimated_error(cell, 1.2, order, mesh, n_atoms=77, **options)
        assert _pme.estimated_error(cell, 1.2, order, mesh, structure=77, **options) == pytest.approx(python, rel=1e-9)


@pytest.mark.parametrize("order", range(3, 9))
def test_mesh_sizes_of_every_order_are_those_of_python(order):
    for cell in CELLS.values():
        for requested in (1e-2, 1e-3) if order < 5 else (1e-2, 1e-4):
            mesh = accuracy.mesh_size(cell, 1.3, requested, order, dipoles=False)
            assert _pme.mesh_size(cell, 1.3, requested, order, dipoles=False) == mesh


@pytest.mark.parametrize("dipoles", [False, True])
@pytest.mark.parametrize("kernel", ["gaussian", "prolate"])
@pytest.mark.parametrize("name", CELLS)
def test_choice_is_that_of_python(name, kernel, dipoles):
    options = {"smearing": 1.1, "accuracy": 1e-4, "kernel": kernel, "dipoles": dipoles}
    python = accuracy.choose(CELLS[name], 300, **options)
    order, mesh, estimate = _pme.choose(CELLS[name], 300, **options)
    assert (order, mesh) == (python.order, python.mesh)
    assert estimate == pytest.approx(python.estimate, rel=1e-9)
    assert estimate <= 1e-4
    assert _pme.mesh_cost(300, order, mesh, dipoles) == pytest.approx(
        accuracy.mesh_cost(300, order, mesh, dipoles=dipoles)
    )


def test_mesh_is_kept_and_chosen_anew_as_in_python():
    options = {"smearing": 1.1, "accuracy": 1e-3, "order": 6}
    native, python = _pme.MeshChoice(**options), MeshChoice(**options)
    cell = CELLS["small"]
    for scale in (1.0, 1.02, 1.049, 1.06, 1.08, 0.9):
        assert native.update(scale * cell, 60) == python.update(scale * cell, 60)
        assert native.mesh == python.mesh
    fixed = _pme.MeshChoice(**options, mesh=(9, 10, 11))
    assert not fixed.update(cell, 60) and fixed.mesh == (9, 10, 11)


def test_unreachable_accuracies_are_refused():
    cell = CELLS["small"]
    with pytest.raises(ValueError, match=r"Order 4 does not reach a relative force error"):
        _pme.mesh_size(cell, 1.0, 1e-9, 4)
    with pytest.raises(ValueError, match=r"No order from 4 to 5 reaches"):
        _pme.choose(cell, 100, 1.0, 1e-9, highest_order=5)
    with pytest.raises(ValueError, match=r"All charges and dipoles are zero"):
        _pme.estimated_error(cell, 1.0, 6, (9, 9, 9), structure=_pme.Structure(np.zeros((2, 3)), np.zeros(2)))
