"""Products of vectors and symmetric rank-2 tensors, channel by channel.

Vectors are [n, 3, C], tensors [n, 6, C] with components xx yy zz yz xz xy; a direction
[n, 3, 1] broadcasts over channels.
"""

from __future__ import annotations

import torch
from torch import Tensor


def symmetric_times_vector(t: Tensor, v: Tensor) -> Tensor:
    """T·v: [n, 6, C], [n, 3, C | 1] -> [n, 3, C]."""
    x, y, z = v[:, 0], v[:, 1], v[:, 2]
    return torch.stack(
        (
            t[:, 0] * x + t[:, 5] * y + t[:, 4] * z,
            t[:, 5] * x + t[:, 1] * y + t[:, 3] * z,
            t[:, 4] * x + t[:, 3] * y + t[:, 2] * z,
        ),
        dim=1,
    )


def symmetric_product(u: Tensor, v: Tensor) -> Tensor:
    """(u⊗v + v⊗u)/2: [n, 3, C | 1], [n, 3, C] -> [n, 6, C]."""
    ux, uy, uz = u[:, 0], u[:, 1], u[:, 2]
    vx, vy, vz = v[:, 0], v[:, 1], v[:, 2]
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
    return t[:, :3].square().sum(1) + 2.0 * t[:, 3:].square().sum(1)
