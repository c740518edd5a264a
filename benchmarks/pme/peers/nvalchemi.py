"""nvalchemi-toolkit-ops: particle mesh Ewald of charges, its direct forces and potentials."""

from __future__ import annotations

import time

NAME = "nvalchemi PME"
PRECISION = "float"
CONTENTS = ("q",)
ORDERS = (5,)  # 6 does not reach 1e-4 on any mesh
SEPARATED = (
    "nvalchemi: pme_reciprocal_space with its direct forces and charge gradients; inverse cell, volume, spline "
    "moduli and k vectors are made beforehand."
)


def version() -> str:
    from peers import nvalchemi_multipole

    return nvalchemi_multipole.version()


def mesh_sizes(minimum: int):
    from peers import smooth_sizes

    return smooth_sizes(minimum)


def setup(configuration, content, order, mesh, threads, precision=PRECISION):
    import torch
    from configurations import COULOMB_CONSTANT
    from nvalchemiops.torch.interactions.electrostatics.k_vectors import generate_k_vectors_pme
    from nvalchemiops.torch.interactions.electrostatics.pme import pme_reciprocal_space

    torch.set_num_threads(threads)
    dtype = {"float": torch.float32, "double": torch.float64}[precision]
    cell = torch.tensor(configuration.cell, dtype=dtype)[None]
    positions = torch.tensor(configuration.positions, dtype=dtype)
    charges = torch.tensor(configuration.charges, dtype=dtype)
    meshes = (mesh,) * 3
    k_vectors, k_squared = generate_k_vectors_pme(cell, meshes)
    prepared = {
        "k_vectors": k_vectors,
        "k_squared": k_squared,
        "cell_inv_t": torch.linalg.inv(cell).transpose(1, 2).contiguous(),
        "volume": torch.linalg.det(cell).abs(),
    }
    alpha = 1.0 / (2**0.5 * configuration.smearing)

    def run():
        begin = time.perf_counter()
        _, forces, _ = pme_reciprocal_space(
            positions,
            charges,
            cell,
            alpha,
            mesh_dimensions=meshes,
            spline_order=order,
            compute_forces=True,
            compute_charge_gradients=True,
            **prepared,
        )
        return time.perf_counter() - begin, COULOMB_CONSTANT * forces.double().numpy()

    return run
