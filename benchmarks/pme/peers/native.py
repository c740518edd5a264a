"""hotpp-lr itself: `hotpp_lr._pme.Plan`, with energy, forces, potential and field."""

from __future__ import annotations

import time

NAME = "hotpp-lr"
PRECISION = "float"
CONTENTS = ("q", "q+mu", "mu")
ORDERS = (5, 6, 7, 8)
SEPARATED = "hotpp-lr: one call of Plan.execute from Python, which computes nothing else."


def version() -> str:
    from common import version_of
    from hotpp_lr import _pme

    return f"{version_of('hotpp-lr')}, {_pme.fft_library()}"


def mesh_sizes(minimum: int):
    from peers import smooth_sizes

    return smooth_sizes(minimum)


def setup(configuration, content, order, mesh, threads, precision=PRECISION):
    from hotpp_lr import _pme

    _pme.set_num_threads(threads)
    plan = _pme.Plan(order, (mesh,) * 3, configuration.smearing, precision=precision)
    plan.set_cell(configuration.cell)
    charges, dipoles = configuration.sources(content)

    def run():
        begin = time.perf_counter()
        results = plan.execute(configuration.positions, charges, dipoles)
        return time.perf_counter() - begin, results["forces"]

    return run
