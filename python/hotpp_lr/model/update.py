"""What happens on the atoms between two sums over neighbours: channel mixing, products, gates."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hotpp_lr.model.tensors import by_rank, squared_norm, symmetric_product, symmetric_times_vector


class RankLinear(nn.Module):
    """Channel mixing, one matrix per rank: [n, 1 | 4 | 10, C_in] -> [n, same, C_out]; without bias."""

    __constants__ = ("rank",)

    def __init__(self, channels_in: int, channels_out: int, rank: int):
        super().__init__()
        self.rank = rank
        self.scalar = nn.Linear(channels_in, channels_out, bias=False)
        self.vector = nn.Linear(channels_in, channels_out, bias=False) if rank >= 1 else nn.Identity()
        self.tensor = nn.Linear(channels_in, channels_out, bias=False) if rank >= 2 else nn.Identity()

    def forward(self, h: Tensor) -> Tensor:
        ranks = by_rank(h)
        parts = [self.scalar(ranks[0])]
        if self.rank >= 1:
            parts.append(self.vector(ranks[1]))
        if self.rank >= 2:
            parts.append(self.tensor(ranks[2]))
        return torch.cat(parts, dim=1)


class Update(nn.Module):
    """Residual update of the features from the aggregated messages.

    h ← h + gate(W [M, products of M]). Products of a message with itself, contracted to rank ≤ 2, raise the body
    order for the price of one atom instead of one edge; `many_body` switches them off.
    """

    __constants__ = ("channels", "many_body", "rank")

    def __init__(self, channels: int, rank: int, many_body: bool):
        super().__init__()
        self.rank = rank
        self.channels = channels
        self.many_body = many_body and rank >= 1
        self.mix = RankLinear(channels, channels, rank)
        n_scalars = 1 + int(rank >= 1) + int(rank >= 2)
        self.scalar = nn.Linear(n_scalars * channels, channels)
        self.gates = nn.Linear(channels, rank * channels) if rank >= 1 else nn.Identity()
        n_vectors = 1 + (2 if self.many_body and rank >= 2 else int(self.many_body))
        n_tensors = 3 if self.many_body else 1
        self.vector = nn.Linear(n_vectors * channels, channels, bias=False) if rank >= 1 else nn.Identity()
        self.tensor = nn.Linear(n_tensors * channels, channels, bias=False) if rank >= 2 else nn.Identity()

    def forward(self, message: Tensor, receiver_scale: Tensor) -> Tensor:
        """message [n, components, C], receiver_scale [n, C] (from the receiving element) -> [n, components, C]."""
        m = self.mix(message) * receiver_scale.unsqueeze(1)
        ranks = by_rank(m)
        s = ranks[0].squeeze(1)
        v, t = ranks[len(ranks) // 2], ranks[-1]  # those that exist are the vectors and the tensors
        scalars = [s]
        if self.rank >= 1:
            scalars.append(v.square().sum(1))
        if self.rank >= 2:
            scalars.append(squared_norm(t))
        new = self.scalar(torch.cat(scalars, dim=-1))
        parts = [nn.functional.silu(new).unsqueeze(1)]
        if self.rank >= 1:
            gates = torch.sigmoid(self.gates(new)).unsqueeze(1).split(self.channels, dim=2)
            vectors = [v]
            if self.many_body:
                vectors.append(s.unsqueeze(1) * v)
                if self.rank >= 2:
                    vectors.append(symmetric_times_vector(t, v))
            parts.append(self.vector(torch.cat(vectors, dim=-1)) * gates[0])
            if self.rank >= 2:
                tensors = [t]
                if self.many_body:
                    tensors.append(s.unsqueeze(1) * t)
                    tensors.append(symmetric_product(v, v))
                parts.append(self.tensor(torch.cat(tensors, dim=-1)) * gates[1])
        return torch.cat(parts, dim=1)
