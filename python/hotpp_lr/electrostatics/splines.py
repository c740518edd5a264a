"""Centred cardinal B-splines: the weights that assign charges to mesh points (Hockney & Eastwood, ch. 5).

An atom at mesh coordinate u touches the `order` nearest mesh points of an axis. With p = order,

    first = floor(u + (p odd)/2) - (p-1)//2          first of the p points
    t     = u - first - (p-1)/2                      in [-1/2, 1/2), distance from the centre of the stencil
    w_j   = beta_p(t + (p-1)/2 - j),  j = 0..p-1     weight of the point first + j

Every w_j is a polynomial of degree p-1 in t, its coefficients exact fractions rounded once. With |t| <= 1/2
the evaluation is stable in float32; polynomials in a global coordinate lose 3 to 4 digits.
"""

from fractions import Fraction
from functools import cache, lru_cache
from math import comb, factorial

import torch
from torch import Tensor

MIN_ORDER, MAX_ORDER = 3, 8


def check_order(order: int) -> None:
    if order not in range(MIN_ORDER, MAX_ORDER + 1):
        raise ValueError(f"assignment order is {order}: choose an integer from {MIN_ORDER} to {MAX_ORDER}.")


@cache
def weight_polynomials(order: int, derivative: int = 0) -> tuple[tuple[float, ...], ...]:
    """Row k, column j: coefficient of t^k in the `derivative`-th derivative of w_j(t)."""
    check_order(order)
    if derivative > order - 2:
        raise ValueError(
            f"derivative {derivative} of the weights of order {order} is not continuous: use order "
            f">= {derivative + 2} (with dipoles, forces need order >= 4 and training on forces order >= 5)."
        )
    p = order
    table = [[Fraction(0)] * p for _ in range(p)]
    for j in range(p):
        for i in range(p - j):  # truncated powers that are non-zero on this piece
            shift = Fraction(2 * (p - j - i) - 1, 2)
            for k in range(p):
                term = (-1) ** i * comb(p, i) * comb(p - 1, k) * shift ** (p - 1 - k)
                table[k][j] += term / factorial(p - 1)
    for _ in range(derivative):
        table = [[(k + 1) * c for c in table[k + 1]] for k in range(len(table) - 1)]
    return tuple(tuple(float(c) for c in row) for row in table)


@lru_cache(maxsize=64)
def _weight_table(order: int, derivative: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(weight_polynomials(order, derivative), dtype=dtype, device=device)


class _Weights(torch.autograd.Function):
    """w_j^(d)(t), whose derivative is w_j^(d+1)(t): any number of differentiations, one table each."""

    @staticmethod
    def forward(ctx, t: Tensor, order: int, derivative: int) -> Tensor:
        ctx.save_for_backward(t)
        ctx.order, ctx.derivative = order, derivative
        table = _weight_table(order, derivative, t.dtype, t.device)
        # Horner rather than a matrix product with the table, which a GPU may round to TF32
        weights, x = table[-1], t[..., None]
        for row in reversed(table[:-1].unbind(0)):
            weights = torch.addcmul(row, weights, x)
        return weights

    @staticmethod
    def backward(ctx, grad: Tensor):
        (t,) = ctx.saved_tensors
        return (grad * spline_weights(t, ctx.order, ctx.derivative + 1)).sum(-1), None, None


def spline_weights(t: Tensor, order: int, derivative: int = 0) -> Tensor:
    """Weights of the `order` points around an atom: t [...] in [-1/2, 1/2] -> [..., order].

    `derivative` counts derivatives with respect to the mesh coordinate u (equal to those in t).
    """
    return _Weights.apply(t, order, derivative)


def stencil(u: Tensor, order: int) -> tuple[Tensor, Tensor]:
    """Mesh coordinates u [...] -> (first mesh point int64 [...], centred fraction t [...])."""
    check_order(order)
    first = torch.floor(u.detach() + 0.5 * (order % 2)) - (order - 1) // 2
    return first.to(torch.int64), u - (first + 0.5 * (order - 1))


def autocorrelation(order: int) -> list[float]:
    """beta_2p(j), j = 0..p-1: the autocorrelation sum_m w(m) w(m+j) averaged over positions, p = order."""
    p, values = order, []
    for j in range(p):
        total = sum((-1) ** i * comb(2 * p, i) * Fraction(p + j - i) ** (2 * p - 1) for i in range(p + j + 1))
        values.append(float(total / factorial(2 * p - 1)))
    return values
