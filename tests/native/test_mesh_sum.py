"""The operators reciprocal_sum and mesh_sum: the sum over modes and its two derivatives."""

import pytest
import torch
from electrostatics.electrostatic_systems import F64, TRICLINIC
from native.mesh_batches import assert_close, atoms_in_meshes, metric_of, random_like


@pytest.mark.parametrize("kernel", ["gaussian", "prolate"])
def test_derivatives_of_the_sum_over_modes(ops, kernel):
    mesh = torch.tensor([[4, 5, 4], [5, 4, 6]])
    cells = (0.25 * TRICLINIC + torch.tensor([[[0.0]], [[0.3]]], dtype=F64)).requires_grad_()
    rho = random_like(int(mesh.prod(1).sum())).requires_grad_()

    def sums(rho, cells):
        # the prolate kernel has a step at its cutoff; at this smearing all modes lie below it
        smearing = 1.4 if kernel == "gaussian" else 0.35
        return ops.reciprocal_sum(rho, metric_of(cells), mesh, 4, "alias", kernel, smearing) / 100

    assert torch.autograd.gradcheck(sums, (rho, cells))
    assert torch.autograd.gradgradcheck(sums, (rho, cells))


def test_one_operator_equals_spread_then_sum(ops):
    u, structure, mesh = atoms_in_meshes()
    cells = 0.6 * TRICLINIC + 0.3 * random_like(4, 3, 3, seed=7)
    c = random_like(len(u), 4)
    choices = (mesh, 6, "plain", "gaussian", 1.3)

    def derivatives(function):
        x = [t.clone().requires_grad_() for t in (u, c, cells)]
        sums = function(x[0], x[1], metric_of(x[2]))
        first = torch.autograd.grad(sums @ random_like(4), x, create_graph=True)
        loss = sum((t * random_like(*t.shape, seed=9)).sum() for t in first) + (sums**2).sum() / 1e3
        return sums, *first, *torch.autograd.grad(loss, x)

    one_piece = derivatives(lambda u, c, g: ops.mesh_sum(u, c, g, structure, *choices))
    pieces = derivatives(lambda u, c, g: ops.reciprocal_sum(ops.mesh_spread(u, c, structure, mesh, 6), g, *choices))
    assert_close(one_piece, pieces)


@pytest.mark.parametrize("name", ["mesh_sum", "reciprocal_sum"])
def test_third_derivatives_of_the_sum_are_refused(ops, name):
    u, structure, mesh = atoms_in_meshes()
    u.requires_grad_()
    metric = metric_of((0.6 * TRICLINIC).expand(4, 3, 3).contiguous())
    c = random_like(len(u), 1)
    choices = (mesh, 6, "alias", "gaussian", 1.3)
    if name == "mesh_sum":
        sums = ops.mesh_sum(u, c, metric, structure, *choices)
    else:
        sums = ops.reciprocal_sum(ops.mesh_spread(u, c, structure, mesh, 6), metric, *choices)
    (first,) = torch.autograd.grad(sums.sum(), u, create_graph=True)
    (second,) = torch.autograd.grad((first**2).sum(), u, create_graph=True)
    with pytest.raises(RuntimeError, match=f"{name}: third derivatives are not implemented; use .*pme_energy"):
        torch.autograd.grad((second**2).sum(), u)
