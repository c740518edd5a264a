"""Tensor messages: the sum over neighbours, which is the hot loop of the whole product.

Node features are one tensor ``[n_atoms, components, channels]`` with components
``s | v_x v_y v_z | T_xx T_yy T_zz T_yz T_xz T_xy``: a scalar, a vector and a symmetric rank-2 tensor per channel.
The eleven paths are all contractions of a feature of rank a with û⊗…⊗û to rank c, a, c ≤ 2
(HotPP, Nature Communications 15, 7607 (2024), eq. 5, symmetric rank-2 tensors only).
"""

from __future__ import annotations

import torch
from torch import Tensor

from hotpp_lr.model.tensors import symmetric_product, symmetric_times_vector

#: (input rank, output rank, what is built) of every path, in the order of the radial weights.
PATHS = (
    (0, 0, "s"),
    (1, 0, "v·û"),
    (2, 0, "ûTû"),
    (0, 1, "û s"),
    (1, 1, "û (v·û)"),
    (1, 1, "v"),
    (2, 1, "Tû"),
    (0, 2, "ûû s"),
    (1, 2, "sym(û⊗v)"),
    (2, 2, "sym(û⊗Tû)"),
    (2, 2, "T"),
)


def components(rank: int) -> int:
    """Number of components of a feature tensor of maximum rank 0, 1 or 2."""
    return (1, 4, 10)[rank]


def paths(rank_in: int, rank_out: int) -> list[int]:
    """Indices into `PATHS` of the paths that exist between these maximum ranks."""
    return [p for p, (a, c, _) in enumerate(PATHS) if a <= rank_in and c <= rank_out]


def tensor_message(
    features: Tensor,
    directions: Tensor,
    radial: Tensor,
    receivers: Tensor,
    senders: Tensor,
    n_receivers: int,
    rank_out: int,
) -> Tensor:
    """Sum over the edges of every receiving atom.

    features   [n_senders, 1 | 4 | 10, C]  features of the sending atoms
    directions [n_edges, 3]                unit vectors û from receiver to sender
    radial     [n_edges, n_paths, C]       radial weights, in the order of ``paths(rank_in, rank_out)``
    receivers, senders [n_edges] int64     indices into [0, n_receivers) and into features; receivers ascending
    returns    [n_receivers, 1 | 4 | 10, C]
    """
    rank_in = {1: 0, 4: 1, 10: 2}[features.shape[1]]
    u = directions.unsqueeze(-1)
    h = features.index_select(0, senders)
    weights = radial.unbind(1)
    used = 0  # the weights are taken in the order of PATHS

    s = h[:, 0]
    v, tensor, vu, tu, utu = s, s, s, s, s  # TorchScript wants them defined also where these ranks do not exist
    if rank_in >= 1:
        v = h[:, 1:4]
        vu = (v * u).sum(1)
    if rank_in >= 2:
        tensor = h[:, 4:10]
        tu = symmetric_times_vector(tensor, u)
        utu = (tu * u).sum(1)

    scalar = weights[0] * s
    if rank_in >= 1:
        scalar = scalar + weights[1] * vu
    if rank_in >= 2:
        scalar = scalar + weights[2] * utu
    message = [scalar.unsqueeze(1)]
    used += 1 + rank_in

    if rank_out >= 1:
        along = weights[used] * s
        if rank_in >= 1:
            along = along + weights[used + 1] * vu
        vector = u * along.unsqueeze(1)
        if rank_in >= 1:
            vector = vector + weights[used + 2].unsqueeze(1) * v
        if rank_in >= 2:
            vector = vector + weights[used + 3].unsqueeze(1) * tu
        message.append(vector)
        used += (1, 3, 4)[rank_in]

    if rank_out >= 2:
        partner = u * (weights[used] * s).unsqueeze(1)
        if rank_in >= 1:
            partner = partner + weights[used + 1].unsqueeze(1) * v
        if rank_in >= 2:
            partner = partner + weights[used + 2].unsqueeze(1) * tu
        product = symmetric_product(u, partner)
        if rank_in >= 2:
            product = product + weights[used + 3].unsqueeze(1) * tensor
        message.append(product)

    edges = torch.cat(message, dim=1)
    out = edges.new_zeros(n_receivers, edges.shape[1], edges.shape[2])
    return out.index_add(0, receivers, edges)
