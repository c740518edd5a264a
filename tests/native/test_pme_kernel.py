"""The native kernels against the Python ones, alone and in a plan."""

import numpy as np
import pytest
import torch
from hotpp_lr import _pme
from hotpp_lr.electrostatics.kernel import make_kernel
from hotpp_lr.electrostatics.mesh import pme_energy
from hotpp_lr.electrostatics.prolate import ProlateKernel
from hotpp_lr.electrostatics.response import energy_derivatives
from pme_systems import SMEARING, TOLERANCE, System, error


@pytest.mark.parametrize("tail", [1e-2, 1e-4, 1e-8])
def test_prolate_kernel_is_that_of_python(tail):
    native, python = _pme.Kernel("prolate", 1.3, tail), ProlateKernel(1.3, tail)
    tolerance = max(1e-11, 1e-17 / tail)  # the bandlimit follows from an edge value that is rounded at 1e-16
    assert native.cutoff == pytest.approx(python.cutoff, rel=tolerance)
    k2 = np.linspace(0.0, 1.2 * python.cutoff**2, 50)
    for derivative, name in enumerate(("screening", "screening_derivative", "screening_second_derivative")):
        expected = python.screening(torch.tensor(k2), derivative).numpy()
        # relative to the largest; two digits lost per derivative of a Chebyshev series
        assert error(getattr(native, name)(k2), expected) < tolerance * 100**derivative
    assert native.at_zero() == pytest.approx(python.at_zero(), rel=10 * tolerance)
    assert native.background() == pytest.approx(python.background(), rel=1e-14)


def test_gaussian_kernel_is_that_of_python():
    native, python = _pme.Kernel("gaussian", 0.9), make_kernel("gaussian", 0.9)
    k2 = np.linspace(0.0, 40.0, 50)
    assert error(native.screening(k2), python.screening(torch.tensor(k2)).numpy()) < 1e-15
    assert native.at_zero() == pytest.approx(python.at_zero(), rel=1e-14)


@pytest.mark.parametrize("precision", ["double", "float"])
def test_plan_with_the_prolate_kernel_is_that_of_python(precision):
    system, order, mesh = System(4), 6, (10, 12, 11)
    plan = _pme.Plan(order, mesh, SMEARING, precision=precision, kernel="prolate")
    plan.set_cell(system.cell)
    found = plan.execute(*system.atoms(), strain=True)
    r, cell, q, mu = (torch.tensor(x) for x in (system.positions, system.cell[None], system.charges, system.dipoles))
    options = {"smearing": SMEARING, "order": order, "mesh": torch.tensor([mesh]), "kernel": "prolate"}
    expected = energy_derivatives(pme_energy, r, cell, q, mu, torch.zeros(len(q), dtype=torch.int64), **options)
    for name in ("energy", "potential", "field", "forces", "strain_derivative"):
        # ten times rounding: the step at the cutoff multiplies the error of the bandlimit (double)
        assert error(found[name], getattr(expected, name).squeeze(0).numpy()) < 10 * TOLERANCE[precision], name


def test_unknown_kernel_is_refused():
    with pytest.raises(ValueError, match=r"kernel is 'gauss': choose gaussian or prolate"):
        _pme.Plan(6, (12, 12, 12), 1.0, kernel="gauss")
    with pytest.raises(ValueError, match=r"tail of the prolate kernel is 0.5"):
        _pme.Kernel("prolate", 1.0, 0.5)
