"""Products of vectors and symmetric rank-2 tensors, channel by channel.

Vectors are [n, 3, C], tensors [n, 6, C] with components xx yy zz yz xz xy; a direction
[n, 3, 1] broadcasts over channels.

Components are taken apart with `unbind` and `split`, not with slices: the derivative of each slice is a whole tensor of
zeros, and training takes the derivative twice.
"""

from __future__ import annotations

import torch
from torch import Tensor


def by_rank(h: Tensor) -> list[Tensor]:
    """Scalars, vectors and tensors [n, 1, C], [n, 3, C], [n, 6, C] of features [n, 1 | 4 | 10, C]; those that exist."""
    return list(h.split([1, 3, 6][: {1: 1, 4: 2, 10: 3}[h.shape[1]]], dim=1))


def symmetric_times_vector(t: Tensor, v: Tensor) -> Tensor:
    """T·v: [n, 6, C], [n, 3, C | 1] -> [n, 3, C]."""
    x, y, z = v.unbind(1)
    xx, yy, zz, yz, xz, xy = t.unbind(1)
    return torch.stack((xx * x + xy * y + xz * z, xy * x + yy * y + yz * z, xz * x + yz * y + zz * z), dim=1)


def symmetric_product(u: Tensor, v: Tensor) -> Tensor:
    """(u⊗v + v⊗u)/2: [n, 3, C | 1], [n, 3, C] -> [n, 6, C]."""
    ux, uy, uz = u.unbind(1)
    vx, vy, vz = v.unbind(1)
    return torch.stack(
        (
            ux * vx,
            uy * vy,
            uz * vz,
            (uy * vz + uz * vy) / 2,
            (ux * vz + uz * vx) / 2,
            (ux * vy + uy * vx) / 2,
        ),
        dim=1,
    )


def squared_norm(t: Tensor) -> Tensor:
    """‖T‖², off-diagonal components counted twice: [n, 6, C] -> [n, C]."""
    diagonal, rest = t.split((3, 3), dim=1)
    return diagonal.square().sum(1) + 2.0 * rest.square().sum(1)
