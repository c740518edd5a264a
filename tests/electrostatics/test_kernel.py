"""The smeared Coulomb kernels against their definitions: quadrature, autograd, scipy's prolate functions."""

from math import pi, sqrt

import numpy as np
import pytest
import torch
from electrostatic_systems import CUBIC, F64, TRICLINIC, mesh_for, random_system, relative_rms
from hotpp_lr.electrostatics.ewald import ewald_energy
from hotpp_lr.electrostatics.kernel import GaussianKernel, make_kernel
from hotpp_lr.electrostatics.mesh import pme_energy
from hotpp_lr.electrostatics.prolate import ProlateKernel, bandlimit_of_tail
from hotpp_lr.electrostatics.realspace import complement_energy
from hotpp_lr.electrostatics.response import energy_derivatives, gathered_derivatives
from scipy.special import pro_ang1

KERNELS = [GaussianKernel(1.3), ProlateKernel(1.3), ProlateKernel(0.8, 1e-7)]


def test_prolate_screening_is_the_wave_function():
    kernel = ProlateKernel(1.1, 1e-5)
    x, c = np.linspace(0.0, 0.999, 12), bandlimit_of_tail(1e-5)
    expected = np.array([pro_ang1(0, 0, c, v)[0] for v in x]) / pro_ang1(0, 0, c, 0.0)[0]
    found = kernel.screening(torch.as_tensor((x * kernel.cutoff) ** 2)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-11)  # scipy's own expansion is good to about 1e-12


def test_prolate_kernel_ends_with_a_step_of_its_tail():
    kernel = ProlateKernel(1.3, 1e-4)
    k2 = kernel.cutoff**2 * torch.tensor([1.0 - 1e-13, 1.0 + 1e-13], dtype=F64)
    assert float(kernel.screening(k2)[0]) == pytest.approx(1e-4, rel=1e-8)
    assert float(kernel.screening(k2)[1]) == 0.0


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_of_one_smearing_agree_at_small_k(kernel):
    k2 = torch.zeros(1, dtype=F64, requires_grad=True)
    screening = kernel.screening(k2)
    (slope,) = torch.autograd.grad(screening, k2)
    assert float(screening.detach()) == pytest.approx(1.0, abs=1e-13)
    assert float(slope) == pytest.approx(-(kernel.smearing**2) / 2, rel=1e-11)
    assert kernel.background() == pytest.approx(-2 * pi * float(slope), rel=1e-11)


@pytest.mark.parametrize("kernel", KERNELS)
def test_transform_derivatives(kernel):
    k2 = torch.linspace(0.05, 5.0, 40, dtype=F64, requires_grad=True)
    (first,) = torch.autograd.grad(kernel.transform(k2).sum(), k2, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), k2)
    torch.testing.assert_close(kernel.transform_derivative(k2), first, rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(kernel.transform_second_derivative(k2), second, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_radial_functions_are_the_transform_of_the_screening(kernel):
    r = torch.tensor([0.0, 0.3, 2.0, 7.5, 31.0], dtype=F64)
    end = 9.0 / kernel.smearing if isinstance(kernel, GaussianKernel) else kernel.cutoff
    x, w = np.polynomial.legendre.leggauss(400)
    k, w = torch.as_tensor(0.5 * end * (x + 1)), torch.as_tensor(0.5 * end * w)
    expected = 2 / pi * (torch.sinc(r[:, None] * k / pi) * kernel.screening(k * k)) @ w
    # 1e-13 of the largest value: rounding of the sum, and exp(-81/2) of the Gaussian
    torch.testing.assert_close(kernel.radial(r)[0], expected, rtol=0, atol=2e-13)
    assert kernel.at_zero()[0] == pytest.approx(float(expected[0]), rel=1e-13)


@pytest.mark.parametrize("kernel", KERNELS)
def test_each_radial_function_is_the_slope_of_the_one_before(kernel):
    r = torch.tensor([1e-3, 0.4, 1.9, 2.6, 5.0, 20.0], dtype=F64, requires_grad=True)
    b = kernel.radial(r)
    for n in (0, 1):
        (slope,) = torch.autograd.grad(b[n].sum(), r, retain_graph=True)
        # 1e-11: the closed forms of the Gaussian cancel where the series takes over
        torch.testing.assert_close(-slope / r, b[n + 1], rtol=1e-11, atol=1e-12)
    assert kernel.at_zero()[1] == pytest.approx(float(kernel.radial(torch.zeros(1, dtype=F64))[1]), rel=1e-12)


def test_prolate_radial_functions_can_be_differentiated_twice():
    kernel = ProlateKernel(1.0)
    r = torch.tensor([0.2, 3.0, 9.0], dtype=F64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: kernel.radial(x), r)


def test_prolate_kernel_reaches_coulomb_as_the_gaussian_does():
    r = torch.linspace(8.0, 40.0, 200, dtype=F64)
    kernel = ProlateKernel(1.0, 1e-4)
    deviation = kernel.complement(r)[0].abs() * r
    # the transform of a step of height `tail`: 2/pi tail cos(k_c r)/(k_c r) at most
    assert float((deviation * kernel.cutoff * r).max()) < 1.1 * 2 / pi * 1e-4


@pytest.mark.parametrize("net_charge", [0.0, 1.5])
def test_full_coulomb_is_the_same_with_either_kernel(net_charge):
    system = random_system(8, 5.0 * CUBIC, 3, net_charge=net_charge)

    def full(name):
        options = {"smearing": 0.6, "kernel": name}
        return ewald_energy(*system.args(), **options) + complement_energy(*system.args(), **options)

    # the complement of the prolate kernel decays only to its tail, 1e-4, and is cut there
    torch.testing.assert_close(full("prolate"), full("gaussian"), rtol=3e-4, atol=0)


@pytest.mark.parametrize("order, spacing, tolerance", [(6, 0.5, 3e-4), (8, 0.5, 2e-5), (8, 0.3, 3e-7)])
def test_mesh_of_the_prolate_kernel_against_direct_summation(order, spacing, tolerance):
    system = random_system(60, TRICLINIC, 5)
    options = {"smearing": 1.2, "kernel": "prolate"}
    mesh = mesh_for(system, 1.2 * spacing)
    direct = energy_derivatives(ewald_energy, *system.args(), **options)
    found = energy_derivatives(pme_energy, *system.args(), **options, order=order, mesh=mesh)
    assert relative_rms(found.forces, direct.forces) < tolerance
    assert relative_rms(found.strain_derivative, direct.strain_derivative) < tolerance
    gathered = gathered_derivatives(*system.args(), **options, order=order, mesh=mesh)
    torch.testing.assert_close(gathered.forces, found.forces, rtol=1e-9, atol=1e-10)


def test_energy_of_a_dimer_is_that_of_the_radial_function_in_a_large_cell():
    cell = 60.0 * CUBIC
    r = torch.tensor([[30.0, 30.0, 28.5], [30.0, 30.0, 31.5]], dtype=F64)
    q, mu = torch.tensor([1.0, -1.0], dtype=F64), None
    kernel = ProlateKernel(1.5)
    energy = ewald_energy(r, cell[None], q, mu, torch.zeros(2, dtype=torch.int64), smearing=1.5, kernel="prolate")
    expected = -14.399645478425668 * float(kernel.radial(torch.tensor([3.0], dtype=F64))[0])
    # the images of a dipole of 3 e·Å in conducting surroundings: -2 pi k_e μ²/(3 V) = -1.3e-3 eV
    image = -2 * pi / 3 * 14.399645478425668 * 9.0 / 60.0**3
    assert float(energy) == pytest.approx(expected + image, abs=2e-5)


def test_errors_of_kernels():
    with pytest.raises(ValueError, match="kernel is 'gauss': choose one of gaussian, prolate"):
        make_kernel("gauss", 1.0)
    with pytest.raises(ValueError, match=r"smearing is -1.0: give a positive length"):
        make_kernel("prolate", -1.0)
    with pytest.raises(ValueError, match=r"tail is 0.5: give the height of the step"):
        ProlateKernel(1.0, 0.5)
    assert sqrt(2 / pi) == pytest.approx(make_kernel("gaussian", 1.0).at_zero()[0])
