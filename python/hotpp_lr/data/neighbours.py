"""Neighbour lists (vesin): directed edges i ← j with every periodic image, sorted by the receiver i."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import vesin

from hotpp_lr.data.structure import Structure


@dataclass
class Edges:
    """receivers, senders [n_edges] int64; shifts [n_edges, 3] lattice translations of the sender.

    Edge vector = positions[sender] + shift @ cell - positions[receiver].
    """

    receivers: np.ndarray
    senders: np.ndarray
    shifts: np.ndarray


def neighbour_list(structure: Structure, cutoff: float) -> Edges:
    """All pairs closer than `cutoff` Å. Cells smaller than the cutoff see several images of one atom."""
    search = vesin.NeighborList(cutoff=cutoff, full_list=True, n_threads=1)
    i, j, shifts = search.compute(
        points=structure.positions, box=structure.cell, periodic=[bool(p) for p in structure.pbc], quantities="ijS"
    )
    order = np.argsort(i, kind="stable")
    return Edges(i[order].astype(np.int64), j[order].astype(np.int64), shifts[order].astype(np.int64))
