"""The operators mesh_spread and mesh_gather: adjoint, closed under differentiation, and equal to the reference."""

import pytest
import torch
from electrostatics.electrostatic_systems import F64
from hotpp_lr.electrostatics import assignment
from hotpp_lr.electrostatics.mesh import MeshLayout
from native.mesh_batches import assert_close, atoms_in_meshes, random_like

COMPONENTS = {0: 1, 1: 4, 2: 10, 3: 20}


@pytest.mark.parametrize("order", range(3, 9))
@pytest.mark.parametrize("rank", range(4))
def test_spread_and_gather_are_adjoint(ops, order, rank):
    if order < rank + 2:
        with pytest.raises(ValueError, match=f"order >= {rank + 2}"):
            ops.mesh_gather(*atoms_in_meshes()[:1], torch.zeros(3304, dtype=F64), *atoms_in_meshes()[1:], order, rank)
        return
    u, structure, mesh = atoms_in_meshes()
    c = random_like(len(u), COMPONENTS[rank])
    values = random_like(int(mesh.prod(1).sum()), seed=2)
    spread = ops.mesh_spread(u, c, structure, mesh, order)
    gathered = ops.mesh_gather(u, values, structure, mesh, order, rank)
    # rounding of some thousand products
    torch.testing.assert_close((spread * values).sum(), (c * gathered).sum(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("order", [4, 5, 8])
def test_spread_and_gather_equal_the_stages_of_the_reference(ops, order):
    u, structure, _ = atoms_in_meshes()
    mesh = torch.tensor([[8, 9, 10]] * 4)  # equal meshes: the reference keeps the order of the batch
    layout = MeshLayout(mesh, u.device)
    stencils = assignment.make_stencils(u, layout.mesh[structure], layout.offset[structure], order, F64)
    q, mu = random_like(len(u)), random_like(len(u), 3, seed=3)
    spread = ops.mesh_spread(u, torch.cat([q[:, None], mu], 1), structure, mesh, order)
    assert_close([spread], [assignment.spread(stencils, q, mu, layout.size)])
    potential, gradient, hessian = assignment.gather(stencils, spread, rank=2)
    pairs = torch.stack([hessian[:, a, b] for a, b in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))], 1)
    expected = torch.cat([potential[:, None], gradient, pairs], 1)
    assert_close([ops.mesh_gather(u, spread, structure, mesh, order, 2)], [expected])


@pytest.mark.parametrize(("rank", "order"), [(0, 4), (1, 5), (2, 6)])
def test_derivatives_of_spread_and_gather(ops, rank, order):
    _, structure, mesh = atoms_in_meshes()
    # away from the knots of the splines, where the highest derivative jumps and differences see both sides
    u = (20 * random_like(len(structure), 3)).round() + 0.2 + 0.05 * random_like(len(structure), 3, seed=5)
    u.requires_grad_()
    c = random_like(len(u), COMPONENTS[rank]).requires_grad_()
    values = random_like(int(mesh.prod(1).sum()), seed=2).requires_grad_()
    seed = random_like(len(values), seed=4)

    def spread(u, c):
        return ops.mesh_spread(u, c, structure, mesh, order) @ seed

    def gather(u, values):
        return ops.mesh_gather(u, values, structure, mesh, order, rank)

    assert torch.autograd.gradcheck(spread, (u, c))
    assert torch.autograd.gradcheck(gather, (u, values), fast_mode=True)
    if rank < 2:
        assert torch.autograd.gradgradcheck(spread, (u, c))
        assert torch.autograd.gradgradcheck(gather, (u, values), fast_mode=True)


def test_third_derivatives_of_spread_are_those_of_the_reference(ops):
    u, structure, _ = atoms_in_meshes()
    mesh = torch.tensor([[8, 9, 10]] * 4)
    layout = MeshLayout(mesh, u.device)
    q = random_like(len(u))
    seeds = random_like(layout.size, seed=2), random_like(len(u), 3, seed=3), random_like(len(u), 3, seed=4)

    def reference(u, q):
        stencils = assignment.make_stencils(u, layout.mesh[structure], layout.offset[structure], 6, F64)
        return assignment.spread(stencils, q, None, layout.size)

    results = []
    for function in (reference, lambda u, q: ops.mesh_spread(u, q[:, None], structure, mesh, 6)):
        x, y = u.clone().requires_grad_(), q.clone().requires_grad_()
        (first,) = torch.autograd.grad((function(x, y) * seeds[0]).sum(), x, create_graph=True)
        (second,) = torch.autograd.grad((first * seeds[1]).sum(), x, create_graph=True)
        results.append([first, second, *torch.autograd.grad((second * seeds[2]).sum(), (x, y))])
    assert_close(results[1], results[0])


def test_ranks_end_with_a_clear_error(ops):
    u, structure, mesh = atoms_in_meshes()
    u.requires_grad_()
    spread = ops.mesh_spread(u, random_like(len(u), 20), structure, mesh, 8)
    with pytest.raises(ValueError, match="rank 4 was asked for, the highest is 3"):
        torch.autograd.grad(spread.sum(), u)


@pytest.mark.parametrize("rank", range(3))
@pytest.mark.parametrize("dtype", [torch.float32, F64])
def test_products_of_other_devices_equal_the_loops_of_the_cpu(ops, rank, dtype):
    c, d = random_like(7, COMPONENTS[rank]).to(dtype), random_like(7, COMPONENTS[rank + 1], seed=2).to(dtype)
    tolerance = 1e-6 if dtype == torch.float32 else 1e-14  # some ten operations
    v = random_like(7, 3, seed=3)
    assert_close(ops._multipole_products(c, d, v, True), ops._multipole_products(c, d, v, False), tolerance)
    x, y, structure = (
        random_like(7, 3).to(dtype),
        random_like(7, 3, seed=2).to(dtype),
        torch.tensor([0, 2, 2, 0, 0, 2, 2]),
    )
    arguments = (x, y, random_like(3, 3, 3), random_like(3), structure)
    assert_close(ops._structure_products(*arguments, True), ops._structure_products(*arguments, False), tolerance)
