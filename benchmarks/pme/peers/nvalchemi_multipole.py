"""nvalchemi-toolkit-ops: multipole particle mesh Ewald of charges and dipoles, derivatives by autograd."""

from __future__ import annotations

import time

NAME = "nvalchemi multipole PME"
PRECISION = "double"  # its float32 does not reach a force error of 1e-4
CONTENTS = ("q+mu",)
ORDERS = (5, 6)  # it refuses more
SEPARATED = (
    "nvalchemi multipole: multipole_pme_reciprocal_space and its gradients in positions and moments; inverse cell, "
    "volume, spline moduli and k² are made beforehand."
)


def version() -> str:
    import importlib.metadata

    import nvalchemiops  # noqa: F401

    return importlib.metadata.version("nvalchemi-toolkit-ops")


def mesh_sizes(minimum: int):
    from peers import smooth_sizes

    return smooth_sizes(minimum)


def setup(configuration, content, order, mesh, threads):
    import torch
    from nvalchemiops.torch.interactions.electrostatics import pack_multipole_moments
    from nvalchemiops.torch.interactions.electrostatics.k_vectors import generate_k_vectors_pme
    from nvalchemiops.torch.interactions.electrostatics.pme_multipole import (
        _compute_bspline_moduli,
        multipole_pme_reciprocal_space,
    )

    torch.set_num_threads(threads)
    dtype = torch.float64
    cell = torch.tensor(configuration.cell, dtype=dtype)
    positions = torch.tensor(configuration.positions, dtype=dtype, requires_grad=True)
    charges, dipoles = (torch.tensor(values, dtype=dtype) for values in configuration.sources("q+mu"))
    moments = pack_multipole_moments(charges, dipoles).requires_grad_()
    meshes = (mesh,) * 3
    # half of the variance from the width of the sources, half from the Ewald splitting
    sigma, alpha = configuration.smearing / 2, 1.0 / configuration.smearing
    prepared = {
        "cell_inv_t": torch.linalg.inv(cell).T.contiguous(),
        "volume": torch.linalg.det(cell).abs(),
        "moduli": _compute_bspline_moduli(meshes, order, dtype, cell.device),
        "k_squared": generate_k_vectors_pme(cell, meshes)[1].squeeze(0),
    }

    def run():
        begin = time.perf_counter()
        energy = multipole_pme_reciprocal_space(
            positions, moments, cell, sigma=sigma, alpha=alpha, mesh_dimensions=meshes, spline_order=order, **prepared
        ).sum()
        gradient, _ = torch.autograd.grad(energy, [positions, moments])
        return time.perf_counter() - begin, -gradient.numpy()

    return run
