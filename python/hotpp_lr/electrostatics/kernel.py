"""The smeared Coulomb kernel in real and reciprocal space. Other kernels offer the same methods."""

from dataclasses import dataclass
from math import isfinite, pi, sqrt

import torch
from torch import Tensor

from hotpp_lr.electrostatics.prolate import ProlateKernel

# Terms of the power series of the Boys function; x <= SERIES_BELOW converges to 1e-17 with them.
SERIES_TERMS = 20
SERIES_BELOW = 1.0


@dataclass(frozen=True)
class GaussianKernel:
    """Two unit charges interact by erf(r / (sqrt(2) smearing)) / r; smearing in Å."""

    smearing: float

    def __post_init__(self) -> None:
        if not (isfinite(self.smearing) and self.smearing > 0):
            raise ValueError(f"smearing is {self.smearing}: give a positive length in Å.")

    @property
    def alpha(self) -> float:
        """The Ewald splitting parameter 1/(sqrt(2) smearing) in 1/Å."""
        return 1.0 / (sqrt(2.0) * self.smearing)

    def screening(self, k_squared: Tensor) -> Tensor:
        """What multiplies the Coulomb kernel 1/k²: exp(-smearing² k²/2)."""
        return torch.exp(-0.5 * self.smearing**2 * k_squared)

    def transform(self, k_squared: Tensor) -> Tensor:
        """Fourier transform divided by 4 pi: exp(-smearing² k²/2) / k², in Å²."""
        return self.screening(k_squared) / k_squared

    def transform_derivative(self, k_squared: Tensor) -> Tensor:
        """Derivative of `transform` with respect to k², in Å⁴."""
        return -(0.5 * self.smearing**2 + 1.0 / k_squared) * self.transform(k_squared)

    def transform_second_derivative(self, k_squared: Tensor) -> Tensor:
        """Second derivative of `transform` with respect to k², in Å⁶."""
        slope = 0.5 * self.smearing**2 + 1.0 / k_squared
        return (slope**2 + 1.0 / k_squared**2) * self.transform(k_squared)

    def at_zero(self) -> tuple[float, float]:
        """Limits r -> 0 of the first two `radial` functions: twice the self energy of unit q² and μ²."""
        b0 = 2.0 * self.alpha / sqrt(pi)
        return b0, b0 * 2.0 * self.alpha**2 / 3.0

    def background(self) -> float:
        """Half the integral of 1/r minus the kernel, pi smearing² in Å²: a net charge Q costs -this Q²/V."""
        return pi * self.smearing**2

    def radial(self, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """B0 = kernel(r), B1 = -B0'/r, B2 = -B1'/r (float64 recommended: B2 cancels at small r)."""
        x = (self.alpha * r) ** 2
        near, far = x < SERIES_BELOW, torch.where(x < SERIES_BELOW, torch.ones_like(x), x)
        r_far = far.sqrt() / self.alpha
        gauss = 2.0 * self.alpha / sqrt(pi) * torch.exp(-far)
        b0 = torch.erf(far.sqrt()) / r_far
        b1 = (b0 - gauss) / r_far**2
        b2 = (3.0 * b1 - 2.0 * self.alpha**2 * gauss) / r_far**2
        series = self._radial_series(torch.where(near, x, torch.zeros_like(x)))
        return tuple(torch.where(near, s, b) for s, b in zip(series, (b0, b1, b2), strict=True))

    def _radial_series(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same from the Boys functions F_n(x) = exp(-x) sum_i (2x)^i / [(2n+1)(2n+3)...(2n+2i+1)]."""
        values = []
        for n in range(3):
            term = torch.full_like(x, 1.0 / (2 * n + 1))
            total = term
            for i in range(1, SERIES_TERMS):
                term = term * (2.0 * x / (2 * n + 2 * i + 1))
                total = total + term
            scale = 2.0 * self.alpha / sqrt(pi) * (2.0 * self.alpha**2) ** n
            values.append(scale * torch.exp(-x) * total)
        return tuple(values)

    def complement(self, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The `radial` functions of 1/r minus the kernel, erfc(r / (sqrt(2) smearing)) / r."""
        gauss = 2.0 * self.alpha / sqrt(pi) * torch.exp(-((self.alpha * r) ** 2))
        b0 = torch.erfc(self.alpha * r) / r
        b1 = (b0 + gauss) / r**2
        b2 = (3.0 * b1 + 2.0 * self.alpha**2 * gauss) / r**2
        return b0, b1, b2


@dataclass(frozen=True)
class TruncatedKernel:
    """A kernel whose 1/r ends at `radius` before it is smeared (Vico, Greengard & Ferrando 2016).

    screening (1 - cos(k radius)) / k², finite at k = 0: charges nearer than radius less a few smearings interact by the
    full kernel, farther than radius and a few smearings not at all. On a periodic mesh that makes open boundaries.
    """

    kernel: "GaussianKernel | ProlateKernel"
    radius: float  # Å

    @property
    def smearing(self) -> float:
        return self.kernel.smearing

    def transform(self, k_squared: Tensor) -> Tensor:
        """Fourier transform divided by 4 pi, in Å²; not for k = 0, which `background` takes care of."""
        return self.kernel.transform(k_squared) * (1.0 - torch.cos(self.radius * k_squared.sqrt()))

    def at_zero(self) -> tuple[float, float]:
        return self.kernel.at_zero()

    def background(self) -> float:
        """Minus pi radius²: the finite transform at k = 0, which sums over modes leave out."""
        return -pi * self.radius**2


KERNELS = {"gaussian": GaussianKernel, "prolate": ProlateKernel}
Kernel = GaussianKernel | ProlateKernel


def make_kernel(name: "str | TruncatedKernel", smearing: float) -> "Kernel | TruncatedKernel":
    """The kernel `name` (gaussian or prolate) of a smearing in Å; a truncated kernel is returned as it is."""
    if isinstance(name, TruncatedKernel):
        return name
    if name not in KERNELS:
        raise ValueError(f"kernel is {name!r}: choose one of {', '.join(KERNELS)}.")
    return KERNELS[name](float(smearing))


@dataclass(frozen=True)
class PointKernel:
    """The bare Coulomb kernel 1/r (open boundaries only)."""

    def at_zero(self) -> tuple[float, float]:
        raise ValueError("the self energy of a point charge is infinite: use subtract_self=True.")

    def radial(self, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return 1.0 / r, 1.0 / r**3, 3.0 / r**5
