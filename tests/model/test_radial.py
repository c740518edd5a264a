"""The envelope and the radial weights vanish smoothly at the cutoff."""

from __future__ import annotations

import torch
from hotpp_lr.model.radial import RadialBasis, RadialWeights, envelope


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
