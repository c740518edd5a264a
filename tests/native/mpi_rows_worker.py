"""One rank of test_pme_mpi_rows.py: python mpi_rows_worker.py <task> <directory for the results>."""

from __future__ import annotations

import pickle
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hotpp_lr import _pme_mpi


@dataclass
class Wishes:
    """Rows that each rank owns, and the share of the others' rows that each rank asks for."""

    owned: list[int]
    share: list[float]
    columns: int = 5
    dtype: type = np.float64

    def rows(self, rank: int) -> np.ndarray:
        """[n, columns] of a rank; no two numbers are alike."""
        n = self.owned[rank % len(self.owned)]
        return (np.arange(n * self.columns).reshape(n, self.columns) + 1000.0 * (rank + 1)).astype(self.dtype)

    def wanted(self, rank: int, ranks: int) -> list[tuple[int, int]]:
        random = np.random.default_rng(rank)
        share = self.share[rank % len(self.share)]
        return [
            (other, row)
            for other in range(ranks)
            for row in range(len(self.rows(other)))
            if other != rank and random.random() < share
        ]

    def needed(self, rank: int, ranks: int) -> list[bool]:
        """Which of the wanted rows."""
        return [(rank + other + row) % 3 != 0 for other, row in self.wanted(rank, ranks)]

    def selected(self, rank: int, ranks: int) -> list[tuple[int, int]]:
        chosen = zip(self.wanted(rank, ranks), self.needed(rank, ranks), strict=True)
        return [wish for wish, needed in chosen if needed]


CASES = {
    "some of everybody": Wishes([7, 11, 3, 8], [0.4]),
    "all of everybody": Wishes([7, 11, 3, 8], [1.0]),
    "ranks without atoms": Wishes([9, 0, 4], [0.5]),
    "nobody needs others": Wishes([6], [0.0]),
    "asked, but asking nobody": Wishes([6, 5], [0.0, 0.7]),
    "float32, odd columns": Wishes([7, 11], [0.6], columns=7, dtype=np.float32),
    "rows longer than a page": Wishes([40, 30], [0.5], columns=1280),
    "no columns": Wishes([4, 5], [0.5], columns=0),
}


def everything(rank: int, ranks: int) -> dict:
    """One object for all cases, one after the other: nothing of the case before may be left."""
    rows, results = _pme_mpi.RemoteRows(), {}
    for name, case in CASES.items():
        rows.request(case.wanted(rank, ranks))
        before = rows.sent
        border = rows.border
        arrived = rows.fill(case.rows(rank)[border])
        gradients = rows.give_back(-arrived)
        after = rows.sent
        needed = case.needed(rank, ranks)
        rows.select(needed)
        fewer = rows.fill(case.rows(rank)[rows.border])
        results[name, "selected"] = {
            "border": rows.border,
            "arrived": fewer,
            "gradients": rows.give_back(-fewer),
        }
        rows.select([False] * len(needed))
        assert rows.border == [] and rows.fill(case.rows(rank)[:0]).shape == (0, case.columns)
        results[name] = {
            "border": border,
            "arrived": arrived,
            "gradients": gradients,
            "messages": after[0] - before[0],
            "bytes": after[1] - before[1],
        }
    return results


def two_instances(rank: int, ranks: int) -> dict:
    """Odd and even ranks have an instance each besides the one of all; used in turns."""
    together, apart = _pme_mpi.RemoteRows(), _pme_mpi.RemoteRows(colour=rank % 2)
    case = CASES["some of everybody"]
    together.request(case.wanted(rank, ranks))
    apart.request(case.wanted(rank // 2, ranks // 2))
    results = {}
    for step in range(3):
        if rank % 2 == 0 or step > 0:  # one group may do more than the other
            results["apart"] = apart.fill(case.rows(rank // 2)[apart.border])
        results["together"] = together.fill(case.rows(rank)[together.border])
    return results


def mistakes(rank: int, ranks: int) -> dict:
    """Each is seen before anything is sent: the next request works."""
    rows, results = _pme_mpi.RemoteRows(), {}
    other = (rank + 1) % ranks
    for name, wanted in {
        "own row": [(rank, 0)],
        "rank that is not there": [(ranks, 0)],
        "negative row": [(other, -1)],
        "twice": [(other, 1), (other, 1)],
        "out of order": [(other, 2), (other, 1)],
    }.items():
        try:
            rows.request(wanted)
        except ValueError as error:
            results[name] = str(error)
    rows.request([(other, 0)])
    results["after"] = rows.fill(np.full((1, 1), float(rank)))[0, 0]
    return results


if __name__ == "__main__":
    task, directory = sys.argv[1:]
    _pme_mpi.init()
    this = _pme_mpi.rank()
    found = {f.__name__: f for f in (everything, two_instances, mistakes)}[task](this, _pme_mpi.size())
    (Path(directory) / f"rank{this}.pickle").write_bytes(pickle.dumps(found))
    _pme_mpi.finalize()
