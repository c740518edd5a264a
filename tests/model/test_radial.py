"""The envelope and the radial weights vanish smoothly at the cutoff; tables of them are what they say."""

from __future__ import annotations

import pytest
import torch
from hotpp_lr.model.radial import RadialBasis, RadialWeights, envelope, interpolate, tabulate

CUTOFF = 4.0


def radial_weights(hidden: int = 12, paths: int = 5, channels: int = 3):
    torch.manual_seed(0)
    weights = RadialWeights(6, hidden, paths, channels).double()
    for parameter in weights.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return weights, RadialBasis(6, CUTOFF).double()


def on_edges(weights, basis, r):
    return weights(basis(r), envelope(r, CUTOFF))


def test_envelope_and_two_derivatives_vanish_at_the_cutoff():
    r = torch.tensor([5.0 - 1e-9], dtype=torch.float64, requires_grad=True)
    value = envelope(r, 5.0)
    first = torch.autograd.grad(value, r, create_graph=True)[0]
    second = torch.autograd.grad(first, r)[0]
    # the third derivative is of order 1: second derivative 1e-9 from the cutoff of order 1e-8, rounding 1e-14
    assert abs(value.item()) < 1e-12 and abs(first.item()) < 1e-12 and abs(second.item()) < 1e-7
    assert envelope(torch.tensor([0.0]), 5.0).item() == 1.0
    assert envelope(torch.tensor([5.1]), 5.0).item() == 0.0


def test_radial_weights_vanish_at_the_cutoff_whatever_the_biases():
    torch.manual_seed(0)
    weights = RadialWeights(6, 12, 11, 4).double()
    for parameter in weights.parameters():
        torch.nn.init.normal_(parameter)
    r = torch.tensor([4.0 - 1e-7], dtype=torch.float64)
    out = weights(RadialBasis(6, 4.0).double()(r), envelope(r, 4.0))
    assert out.shape == (1, 11, 4)
    assert out.abs().max() < 1e-15


def test_knots_hold_value_and_slope_of_the_perceptron():
    weights, basis = radial_weights()
    table = tabulate(weights, basis, CUTOFF, 33)
    assert table.shape == (33, 2, 5, 3)
    r = torch.linspace(0, CUTOFF, 33, dtype=torch.float64)[1:].requires_grad_()
    exact = on_edges(weights, basis, r)
    torch.testing.assert_close(table[1:, 0], exact, rtol=1e-12, atol=1e-12)
    for path, channel in ((0, 0), (4, 2)):
        slope = torch.autograd.grad(exact[:, path, channel].sum(), r, retain_graph=True)[0]
        torch.testing.assert_close(table[1:, 1, path, channel], slope * CUTOFF / 32, rtol=1e-10, atol=1e-12)
    # r = 0, where the basis is 0/0, continues what is near it
    near = torch.tensor([1e-6], dtype=torch.float64)
    torch.testing.assert_close(table[:1, 0], on_edges(weights, basis, near), rtol=0, atol=1e-9)
    assert table[-1].abs().max() == 0.0


def test_interpolation_is_of_fourth_order():
    weights, basis = radial_weights()
    r = torch.linspace(0.5, CUTOFF, 5000, dtype=torch.float64)
    exact = on_edges(weights, basis, r)
    tables = [tabulate(weights, basis, CUTOFF, n + 1) for n in (200, 400)]
    errors = [float((interpolate(table, r, CUTOFF) - exact).abs().max().detach()) for table in tables]
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.15)  # the next order is h² = 1 % of the scale away


def test_value_and_slope_are_continuous_and_vanish_from_the_cutoff_on():
    weights, basis = radial_weights()
    table = tabulate(weights, basis, CUTOFF, 17)
    spacing = CUTOFF / 16
    eps = 1e-9
    for knot in (3, 9, 16):
        r = torch.tensor([knot * spacing - eps, knot * spacing + eps], dtype=torch.float64, requires_grad=True)
        value = interpolate(table, r, CUTOFF)
        assert (value[0] - value[1]).abs().max() < 1e-6  # slopes of some 100 per Å times 2e-9 Å
        slope = torch.autograd.grad(value[:, 1, 1].sum(), r)[0]
        assert abs(slope[0] - slope[1]) < 1e-5  # curvatures of some 1000 per Å² times 2e-9 Å
    outside = torch.tensor([CUTOFF, CUTOFF + 0.1, 3 * CUTOFF], dtype=torch.float64, requires_grad=True)
    value = interpolate(table, outside, CUTOFF)
    assert value.abs().max() == 0.0
    assert torch.autograd.grad(value.sum(), outside)[0].abs().max() == 0.0


def test_derivatives_of_tables_and_of_the_way_to_them():
    weights, basis = radial_weights(hidden=3, paths=2, channels=2)
    r = torch.tensor([0.7, 1.9, 3.95, 4.2], dtype=torch.float64, requires_grad=True)
    table = tabulate(weights, basis, CUTOFF, 9).detach().requires_grad_()
    assert torch.autograd.gradgradcheck(lambda r, t: interpolate(t, r, CUTOFF), (r, table))
    names = [name for name, _ in weights.named_parameters()]

    def through_the_table(r, *values):
        copies = dict(zip(names, values, strict=True))
        made = torch.func.functional_call(Tabulated(weights, basis), {f"weights.{k}": v for k, v in copies.items()}, ())
        return interpolate(made, r, CUTOFF)

    values = tuple(p.detach().clone().requires_grad_() for p in weights.parameters())
    assert torch.autograd.gradgradcheck(through_the_table, (r, *values))


class Tabulated(torch.nn.Module):
    def __init__(self, weights, basis):
        super().__init__()
        self.weights, self.basis = weights, basis

    def forward(self):
        return tabulate(self.weights, self.basis, CUTOFF, 9)
