"""torch-pme: P3MCalculator of charges, forces by autograd."""

from __future__ import annotations

import time

NAME = "torch-pme P3M"
PRECISION = "float"
CONTENTS = ("q",)
ORDERS = (5,)  # 4 needs twice the mesh per axis
SEPARATED = "torch-pme: P3MCalculator without its real-space sum (_compute_kspace), energy and its gradients."


def version() -> str:
    import importlib.metadata

    import torchpme  # noqa: F401

    return importlib.metadata.version("torch-pme")


def mesh_sizes(minimum: int):
    size = 1
    while True:  # the package rounds every mesh up to a power of two
        if size >= minimum:
            yield size
        size *= 2


def setup(configuration, content, order, mesh, threads):
    import torch
    import torchpme
    from configurations import COULOMB_CONSTANT

    torch.set_num_threads(threads)
    dtype = torch.float32
    length = float(configuration.cell[0, 0])
    # spacing h gives the smallest power of two >= 2 L / h + 1; get_ns_mesh of the package
    calculator = torchpme.P3MCalculator(
        torchpme.CoulombPotential(smearing=configuration.smearing).to(dtype),
        mesh_spacing=2 * length / (mesh - 1) * 1.0001,
        interpolation_nodes=order,
        full_neighbor_list=True,
    ).to(dtype)
    positions = torch.tensor(configuration.positions, dtype=dtype, requires_grad=True)
    charges = torch.tensor(configuration.charges, dtype=dtype)[:, None].requires_grad_()
    cell = torch.tensor(configuration.cell, dtype=dtype)
    if mesh != int(calculator_mesh(cell, calculator.mesh_spacing)):
        raise ValueError(f"torch-pme would take another mesh than {mesh}.")

    def run():
        begin = time.perf_counter()
        potential = calculator._compute_kspace(charges=charges, cell=cell, positions=positions)
        energy = (charges * potential).sum()
        gradient, _ = torch.autograd.grad(energy, [positions, charges])
        return time.perf_counter() - begin, -COULOMB_CONSTANT * gradient.double().numpy()

    return run


def calculator_mesh(cell, spacing):
    from torchpme.lib.kvectors import get_ns_mesh

    return get_ns_mesh(cell, spacing)[0]
