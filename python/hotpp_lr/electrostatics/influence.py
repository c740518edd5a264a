"""Influence function of the mesh: kernel times deconvolution, on the half-complex grid of a real FFT."""

from functools import lru_cache
from math import cos, pi, sin

import torch
from torch import Tensor

from hotpp_lr.electrostatics.splines import autocorrelation

DECONVOLUTIONS = ("alias", "plain", "none")


def check_deconvolution(deconvolution: str) -> None:
    if deconvolution not in DECONVOLUTIONS:
        raise ValueError(f"deconvolution is {deconvolution!r}: choose one of {', '.join(DECONVOLUTIONS)}.")


def axis_deconvolution(n: int, order: int, deconvolution: str) -> list[float]:
    """Factors of one axis of n points, in FFT order.

    plain: 1/W(k)² with W = sinc(k h/2)^order, the transform of the assignment weights;
    alias: 1/sum_m W(k + 2 pi m/h)², the sum over the aliases of k in closed form; it is never zero.
    (The Euler-spline moduli of smooth PME vanish at the Nyquist frequency for odd orders.)
    """
    check_deconvolution(deconvolution)
    if deconvolution == "none":
        return [1.0] * n
    if deconvolution == "plain":
        x = [pi * (m if 2 * m < n else m - n) / n for m in range(n)]
        return [1.0 if v == 0.0 else (v / sin(v)) ** (2 * order) for v in x]
    beta = autocorrelation(order)
    return [
        1.0 / (beta[0] + 2.0 * sum(b * cos(2.0 * pi * m * j / n) for j, b in enumerate(beta) if j)) for m in range(n)
    ]


def mode_numbers(n: int) -> Tensor:
    """Integer mode of every FFT index; that of the Nyquist frequency of an even mesh is -n/2."""
    return torch.fft.fftfreq(n, d=1.0 / n, dtype=torch.float64).round()


@lru_cache(maxsize=256)
def deconvolution_mesh(
    mesh: tuple[int, int, int], order: int, deconvolution: str, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Product of the three axis factors, [K1, K2, K3//2+1]; zero at k = 0 (the neutralising background)."""
    x, y, z = (torch.tensor(axis_deconvolution(n, order, deconvolution), dtype=torch.float64) for n in mesh)
    factors = x[:, None, None] * y[:, None] * z[: mesh[2] // 2 + 1]
    factors[0, 0, 0] = 0.0
    return factors.to(dtype=dtype, device=device)


@lru_cache(maxsize=256)
def _mode_products(mesh: tuple[int, int, int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """n_a n_b of every mode, [6, K1*K2*(K3//2+1)] in the order 11, 22, 33, 12, 13, 23."""
    half = torch.arange(mesh[2] // 2 + 1, dtype=torch.float64)
    n = torch.meshgrid(mode_numbers(mesh[0]), mode_numbers(mesh[1]), half, indexing="ij")
    # A Nyquist mode stands for +K/2 and -K/2. The mean of k² over both signs has no cross terms; taking one
    # sign would give k and -k different influences in triclinic cells, and the potential would not be real.
    m = [torch.where(2 * a.abs() == size, torch.zeros_like(a), a) for a, size in zip(n, mesh, strict=True)]
    squares = [a * a for a in n]
    products = torch.stack([*squares, m[0] * m[1], m[0] * m[2], m[1] * m[2]]).flatten(1)
    return products.to(dtype=dtype, device=device)


@lru_cache(maxsize=256)
def half_mesh_weights(n: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """How often each of the n//2+1 stored modes of the last axis occurs in the full sum: 1, 2, ..., (1)."""
    weights = torch.full((n // 2 + 1,), 2.0, dtype=dtype)
    weights[0] = 1.0
    if n % 2 == 0:
        weights[-1] = 1.0
    return weights.to(device)


def squared_wave_numbers(inverse_cell: Tensor, mesh: tuple[int, int, int], dtype: torch.dtype) -> Tensor:
    """k² of every stored mode, [S, K1, K2, K3//2+1] in 1/Å²; inverse_cell [S, 3, 3], columns are b_i/2pi.

    k = 0 is given the value 1 so that nothing divides by zero there; its influence is zero anyway.
    """
    metric = (2.0 * pi) ** 2 * inverse_cell.transpose(1, 2) @ inverse_cell
    diagonal = torch.diagonal(metric, dim1=1, dim2=2)
    mixed = 2.0 * torch.stack([metric[:, 0, 1], metric[:, 0, 2], metric[:, 1, 2]], dim=1)
    products = _mode_products(mesh, dtype, inverse_cell.device)
    k_squared = torch.cat([diagonal, mixed], dim=1).to(dtype) @ products
    one_at_zero = torch.zeros_like(products[0])
    one_at_zero[0] = 1.0
    return (k_squared + one_at_zero).reshape(-1, mesh[0], mesh[1], mesh[2] // 2 + 1)


def influence_function(
    inverse_cell: Tensor,
    mesh: tuple[int, int, int],
    *,
    kernel,
    order: int,
    deconvolution: str = "alias",
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """kernel.transform(k²) times deconvolution, [S, K1, K2, K3//2+1] in Å²; differentiable in the cell."""
    k_squared = squared_wave_numbers(inverse_cell, mesh, dtype)
    factors = deconvolution_mesh(mesh, order, deconvolution, dtype, inverse_cell.device)
    return kernel.transform(k_squared) * factors
