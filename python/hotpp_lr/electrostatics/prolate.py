"""The zeroth prolate spheroidal wave function, and the band-limited Coulomb kernel made of it."""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, isfinite, pi, sqrt

import numpy as np
import torch
from numpy.polynomial import chebyshev, legendre
from torch import Tensor

#: Height of the step of the kernel at its cutoff unless the caller says otherwise; the same in csrc/pme/kernel.h.
DEFAULT_TAIL = 1e-4

# Even Legendre polynomials up to degree 94: rounding for bandlimits up to 40.
LEGENDRE_TERMS = 48
CHEBYSHEV_TERMS = 32
# Below this argument the spherical Bessel functions come from their power series: upward recursion loses digits.
SERIES_BELOW = 6.0
SERIES_TERMS = 30


@lru_cache(maxsize=1024)
def wave_function(bandlimit: float) -> tuple[np.ndarray, float]:
    """(Legendre coefficients of psi(x)/psi(0), its second derivative at 0) for |x| <= 1.

    Lowest eigenvector of -d/dx (1-x²) d/dx + c² x² between normalised even Legendre polynomials (Slepian & Pollak
    1961; Xiao, Rokhlin & Yarvin 2001, eq. 62); the equation at x = 0 gives the curvature, minus the eigenvalue.
    """
    j, c2 = 2.0 * np.arange(LEGENDRE_TERMS), bandlimit**2
    diagonal = j * (j + 1) + (2 * j * (j + 1) - 1) / ((2 * j + 3) * (2 * j - 1)) * c2
    off = ((j + 2) * (j + 1) / ((2 * j + 3) * np.sqrt((2 * j + 1) * (2 * j + 5))) * c2)[:-1]
    values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(off, 1) + np.diag(off, -1))
    coefficients = np.zeros(2 * LEGENDRE_TERMS)
    coefficients[::2] = vectors[:, 0] * np.sqrt(j + 0.5)
    return coefficients / legendre.legval(0.0, coefficients), -float(values[0])


@lru_cache(maxsize=64)
def bandlimit_of_tail(tail: float) -> float:
    """The bandlimit c with psi(1)/psi(0) = tail."""
    low, high = 0.1, 40.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = wave_function(middle)[0].sum() > tail  # P_n(1) = 1
        low, high = (middle, high) if above else (low, middle)
    return 0.5 * (low + high)


@lru_cache(maxsize=64)
def screening_series(tail: float, derivative: int = 0) -> tuple[tuple[float, ...], float]:
    """(Chebyshev coefficients in 2t-1 of the derivative of screening in t = k²/k_c², (k_c smearing)²)."""
    if derivative > 0:
        series, squared_cutoff = screening_series(tail, derivative - 1)
        return tuple(2.0 * chebyshev.chebder(series)), squared_cutoff
    coefficients, curvature = wave_function(bandlimit_of_tail(tail))
    nodes = np.cos(pi * (np.arange(CHEBYSHEV_TERMS) + 0.5) / CHEBYSHEV_TERMS)
    values = legendre.legval(np.sqrt(0.5 * (1.0 + nodes)), coefficients)
    return tuple(chebyshev.chebfit(nodes, values, CHEBYSHEV_TERMS - 1)), -curvature


class _Screening(torch.autograd.Function):
    """d^n screening / dt^n, whose derivative is the next one: any number of differentiations, no long graph."""

    @staticmethod
    def forward(ctx, t: Tensor, tail: float, derivative: int) -> Tensor:
        ctx.save_for_backward(t)
        ctx.tail, ctx.derivative = tail, derivative
        series, x = screening_series(tail, derivative)[0], 2.0 * t - 1.0
        b1, b2 = torch.zeros_like(x), torch.zeros_like(x)
        for c in reversed(series[1:]):  # Clenshaw
            b1, b2 = 2.0 * x * b1 - b2 + c, b1
        return torch.where(t <= 1.0, x * b1 - b2 + series[0], torch.zeros_like(x))

    @staticmethod
    def backward(ctx, grad: Tensor):
        (t,) = ctx.saved_tensors
        return grad * _Screening.apply(t, ctx.tail, ctx.derivative + 1), None, None


class _Radial(torch.autograd.Function):
    """B_n(r) = (2/pi) sum over nodes of weight · k^2n j_n(kr)/(kr)^n; dB_n/dr = -r B_(n+1)."""

    @staticmethod
    def forward(ctx, r: Tensor, n: int, k: Tensor, weights: Tensor) -> Tensor:
        ctx.save_for_backward(r, k, weights)
        ctx.n = n
        scaled = weights * k ** (2 * n) * (2.0 / pi)
        return torch.cat([reduced_bessel(part[:, None] * k, n) @ scaled for part in r.split(4096)])

    @staticmethod
    def backward(ctx, grad: Tensor):
        r, k, weights = ctx.saved_tensors
        return -grad * r * _Radial.apply(r, ctx.n + 1, k, weights), None, None, None


def reduced_bessel(x: Tensor, n: int) -> Tensor:
    """j_n(x) / x^n, the spherical Bessel function without its zero at x = 0."""
    near = x < SERIES_BELOW
    half = torch.where(near, -0.5 * x * x, torch.zeros_like(x))
    term = torch.full_like(x, 1.0 / float(np.prod(np.arange(1, 2 * n + 2, 2))))
    series = term
    for m in range(1, SERIES_TERMS):
        term = term * half / (m * (2 * n + 2 * m + 1))
        series = series + term
    far = torch.where(near, torch.ones_like(x), x)
    previous, current = far.cos(), far.sin() / far  # j_m / x^m for m = -1 and 0
    for m in range(n):  # j_(m+1)/x^(m+1) = [(2m+1) j_m/x^m - j_(m-1)/x^(m-1)] / x²
        previous, current = current, ((2 * m + 1) * current - previous) / far**2
    return torch.where(near, series, current)


@dataclass(frozen=True)
class ProlateKernel:
    """Screening psi(k/k_c)/psi(0) for k <= k_c and exactly 0 beyond; smearing in Å.

    Of all functions that vanish beyond k_c the prolate function has the transform most concentrated in
    r <= c/k_c. `tail` is psi(1)/psi(0), the height of the step at k_c, from which c follows. k_c is such that the
    curvature at k = 0 is that of the Gaussian of the same smearing: background and long-range behaviour agree.
    """

    smearing: float
    tail: float = DEFAULT_TAIL

    def __post_init__(self) -> None:
        if not (isfinite(self.smearing) and self.smearing > 0):
            raise ValueError(f"smearing is {self.smearing}: give a positive length in Å.")
        if not 1e-10 <= self.tail <= 0.05:
            raise ValueError(f"tail is {self.tail}: give the height of the step at the cutoff, 1e-10 to 0.05.")

    @property
    def cutoff(self) -> float:
        """k_c in 1/Å."""
        return sqrt(screening_series(self.tail)[1]) / self.smearing

    def screening(self, k_squared: Tensor, derivative: int = 0) -> Tensor:
        """The `derivative`-th derivative of the screening in k²."""
        scale = 1.0 / self.cutoff**2
        return scale**derivative * _Screening.apply(scale * k_squared, self.tail, derivative)

    def transform(self, k_squared: Tensor) -> Tensor:
        """Fourier transform divided by 4 pi: screening/k², in Å²."""
        return self.screening(k_squared) / k_squared

    def transform_derivative(self, k_squared: Tensor) -> Tensor:
        """Derivative of `transform` with respect to k², in Å⁴."""
        return (self.screening(k_squared, 1) - self.transform(k_squared)) / k_squared

    def transform_second_derivative(self, k_squared: Tensor) -> Tensor:
        """Second derivative of `transform` with respect to k², in Å⁶."""
        return (self.screening(k_squared, 2) - 2.0 * self.transform_derivative(k_squared)) / k_squared

    def at_zero(self) -> tuple[float, float]:
        """Limits r -> 0 of the first two `radial` functions: twice the self energy of unit q² and μ²."""
        b0, b1, _ = self.radial(torch.zeros(1, dtype=torch.float64))
        return float(b0), float(b1)

    def background(self) -> float:
        """Half the integral of 1/r minus the kernel, pi smearing² in Å²: a net charge Q costs -this Q²/V."""
        return pi * self.smearing**2

    def radial(self, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """B0 = kernel(r), B1 = -B0'/r, B2 = -B1'/r by Gauss-Legendre quadrature over 0 < k < k_c."""
        farthest = float(r.detach().max()) if r.numel() else 0.0
        x, w = legendre.leggauss(32 + ceil(0.5 * self.cutoff * farthest))  # 0.5: resolves cos(k_c r)
        k = torch.as_tensor(0.5 * self.cutoff * (x + 1.0), device=r.device)
        weights = torch.as_tensor(0.5 * self.cutoff * w, device=r.device) * self.screening(k * k)
        shape, r = r.shape, r.flatten().to(k.dtype)
        b0, b1, b2 = (_Radial.apply(r, n, k, weights).reshape(shape) for n in range(3))
        return b0, b1, b2

    def complement(self, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The `radial` functions of 1/r minus the kernel; beyond c/k_c they oscillate with the height of the tail."""
        b0, b1, b2 = self.radial(r)
        return 1.0 / r - b0, 1.0 / r**3 - b1, 3.0 / r**5 - b2
