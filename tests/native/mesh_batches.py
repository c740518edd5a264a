"""Batches of multipoles and structures for the tests of the compiled mesh operators."""

import torch
from electrostatics.electrostatic_systems import F64, TRICLINIC, batch_of, ionic_system, one, random_system

SMEARING = 1.4
# Sums of some thousand products in another order: 1e-10 of the largest element leaves four digits.
EXACT = 1e-10


def assert_close(actual, expected, tolerance=EXACT):
    """Largest deviation relative to the largest element of each tensor."""
    for a, e in zip(actual, expected, strict=True):
        assert a.shape == e.shape and a.dtype == e.dtype
        assert (a - e).abs().max() <= tolerance * e.abs().max().clamp(min=1e-6)


def atoms_in_meshes(seed=0):
    """u [N, 3] also outside of the meshes, structure [N] in no order, mesh [S, 3]: structure 1 has no atom."""
    generator = torch.Generator().manual_seed(seed)
    structure = torch.tensor([2, 0, 0, 3, 2, 0, 2, 2])
    u = 40 * torch.rand(len(structure), 3, generator=generator, dtype=F64) - 15
    return u, structure, torch.tensor([[8, 9, 10], [8, 8, 8], [9, 8, 12], [8, 10, 9]])


def random_like(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def metric_of(cells):
    inverse = torch.linalg.inv(cells)
    return (2 * torch.pi) ** 2 * inverse.transpose(1, 2) @ inverse


def charged_batch(dipoles=True):
    """Random, ionic, one-atom and charged structures in triclinic cells with unequal meshes."""
    systems = [
        random_system(7, 0.5 * TRICLINIC, seed=1, net_charge=1.0),
        ionic_system(0.6 * TRICLINIC, seed=2, n_side=2),
        one([[0.3, -20.0, 4.0]], 0.5 * TRICLINIC, [0.7], [[0.1, 0.2, -0.3]]),
        random_system(5, torch.diag(torch.tensor([6.0, 7.0, 8.0], dtype=F64)), seed=3),
    ]
    system = batch_of(*systems)
    return system if dipoles else system.with_(dipoles=None), torch.tensor(
        [[8, 9, 10], [12, 10, 9], [9, 9, 9], [8, 9, 10]]
    )


def two_derivatives(function, system, **options):
    """Energies, their derivatives by every input, and the derivatives of a loss on energies and derivatives."""
    inputs = [t for t in system.args()[:4] if t is not None]
    inputs = [t.clone().requires_grad_() for t in inputs]
    mu = inputs[3] if len(inputs) == 4 else None
    energy = function(*inputs[:3], mu, system.structure, smearing=SMEARING, **options)
    first = torch.autograd.grad((energy * random_like(len(energy), seed=8)).sum(), inputs, create_graph=True)
    loss = (energy**2).sum() + sum((g * random_like(*g.shape, seed=9).to(g)).sum() for g in first)
    return energy, *first, *torch.autograd.grad(loss, inputs)
