"""Peers of the CUDA benchmark: reciprocal part, energy and derivatives, on the current device, if installed.

Each is called with (configuration, smearing, order, mesh, median_seconds) and gives the columns after the mesh: code,
time | host | roofline, error, same bits. An error of the peer is its line in the table.
"""

from __future__ import annotations


def guarded(name):
    def decorate(run):
        def peer(configuration, smearing, order, mesh, median_seconds):
            try:
                seconds = run(configuration, smearing, order, mesh, median_seconds)
                return [name, f"{1e6 * seconds:.1f} | – | –", "–", "–"]
            except ImportError:
                return [name, "not installed | – | –", "–", "–"]
            except Exception as problem:  # a peer must not end the benchmark
                return [name, f"failed: {str(problem).splitlines()[0][:60]} | – | –", "–", "–"]

        return peer

    return decorate


@guarded("nvalchemi multipole PME (q+μ, float64)")
def nvalchemi(configuration, smearing, order, mesh, median_seconds):
    import torch
    from nvalchemiops.torch.interactions.electrostatics import pack_multipole_moments
    from nvalchemiops.torch.interactions.electrostatics.k_vectors import generate_k_vectors_pme
    from nvalchemiops.torch.interactions.electrostatics.pme_multipole import (
        _compute_bspline_moduli,
        multipole_pme_reciprocal_space,
    )

    def on_device(values):
        return torch.tensor(values, dtype=torch.float64).cuda()

    cell, positions = on_device(configuration.cell), on_device(configuration.positions).requires_grad_()
    moments = pack_multipole_moments(on_device(configuration.charges), on_device(configuration.dipoles))
    moments = moments.requires_grad_()
    meshes = (mesh,) * 3
    prepared = {
        "cell_inv_t": torch.linalg.inv(cell).T.contiguous(),
        "volume": torch.linalg.det(cell).abs(),
        "moduli": _compute_bspline_moduli(meshes, order, torch.float64, cell.device),
        "k_squared": generate_k_vectors_pme(cell, meshes)[1].squeeze(0),
    }

    def run():
        energy = multipole_pme_reciprocal_space(
            positions,
            moments,
            cell,
            sigma=smearing / 2,
            alpha=1.0 / smearing,
            mesh_dimensions=meshes,
            spline_order=order,
            **prepared,
        )
        torch.autograd.grad(energy.sum(), [positions, moments])

    return median_seconds(run, 5, 3)


@guarded("torch-pme P3M (q, order 5, float32)")
def torch_pme(configuration, smearing, order, mesh, median_seconds):
    import torch
    import torchpme

    length = float(configuration.cell[0, 0])
    calculator = torchpme.P3MCalculator(
        torchpme.CoulombPotential(smearing=smearing),
        mesh_spacing=2 * length / (mesh - 1) * 1.0001,  # it rounds up to a power of two
        interpolation_nodes=5,
        full_neighbor_list=True,
    ).to(device="cuda", dtype=torch.float32)
    positions = torch.tensor(configuration.positions, dtype=torch.float32).cuda().requires_grad_()
    charges = torch.tensor(configuration.charges, dtype=torch.float32)[:, None].cuda().requires_grad_()
    cell = torch.tensor(configuration.cell, dtype=torch.float32).cuda()

    def run():
        potential = calculator._compute_kspace(charges=charges, cell=cell, positions=positions)
        torch.autograd.grad((charges * potential).sum(), [positions, charges])

    return median_seconds(run, 5, 3)


PEERS = (nvalchemi, torch_pme)
