"""The mesh operators of a device equal those of the CPU, which test_mesh_operators.py holds to the reference."""

import pytest
import torch
from device_operators import BACKENDS, Device, assert_close, without_device
from electrostatics.electrostatic_systems import F64, TRICLINIC, batch_of, ionic_system, one, random_system
from hotpp_lr.electrostatics.mesh import pme_energy
from hotpp_lr.electrostatics.native_mesh import pme_energy_native

COMPONENTS = (1, 4, 10, 20)
# Sums of some thousand products in another order, and charges rounded to 2^-62 of a bound that is some ten times
# the largest: 1e-10 leaves two digits. Float32: 24 bits and more are left of 30, so about 1e-6 of each charge.
TOLERANCE = {F64: 1e-10, torch.float32: 1e-5}


@pytest.fixture(params=BACKENDS)
def device(request):
    return Device(request.param)


@pytest.fixture(scope="module")
def ops():
    Device("emulated")
    return torch.ops.hotpp_lr


def random_like(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def atoms_in_meshes():
    """u [N, 3] also outside of the meshes, structure [N] in no order, mesh [S, 3]: structure 1 has no atom."""
    structure = torch.tensor([2, 0, 0, 3, 2, 0, 2, 2])
    u = 40 * torch.rand(len(structure), 3, generator=torch.Generator().manual_seed(0), dtype=F64) - 15
    return u, structure, torch.tensor([[8, 9, 10], [8, 8, 8], [9, 8, 12], [9, 8, 12]])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("rank", range(4))
def test_spread_and_gather_equal_those_of_the_cpu(ops, device, rank, dtype):
    u, structure, mesh = atoms_in_meshes()
    c = random_like(len(u), COMPONENTS[rank]).to(dtype)
    values = random_like(int(mesh.prod(1).sum()), seed=2).to(dtype)
    for order in range(max(3, rank + 2), 9):
        spread = device.run(lambda u, c, s, p=order: ops.mesh_spread(u, c, s, mesh, p), u, c, structure)
        assert_close([spread], [ops.mesh_spread(u, c, structure, mesh, order)], TOLERANCE[dtype])
        found = device.run(lambda u, v, s, p=order: ops.mesh_gather(u, v, s, mesh, p, rank), u, values, structure)
        assert_close([found], [ops.mesh_gather(u, values, structure, mesh, order, rank)], TOLERANCE[dtype])


def metric_of(cells):
    inverse = torch.linalg.inv(cells)
    return (2 * torch.pi) ** 2 * inverse.transpose(1, 2) @ inverse


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kernel", ["gaussian", "prolate"])
@pytest.mark.parametrize("pieces", [False, True])
def test_sums_and_two_derivatives_equal_those_of_the_cpu(ops, device, pieces, kernel, dtype):
    u, structure, mesh = atoms_in_meshes()
    # far from the cutoff of the prolate kernel, which lies between two modes or not, by rounding
    metric = metric_of(0.6 * TRICLINIC + 0.3 * random_like(4, 3, 3, seed=7))
    c = random_like(len(u), 4).to(dtype)
    choices = (mesh, 6, "alias", kernel, 1.3 if kernel == "gaussian" else 0.4)

    def derivatives(u, c, metric, structure, seeds):
        x = [t.requires_grad_() for t in (u, c, metric)]
        if pieces:
            sums = ops.reciprocal_sum(ops.mesh_spread(u, c, structure, mesh, 6), metric, *choices)
        else:
            sums = ops.mesh_sum(u, c, metric, structure, *choices)
        first = torch.autograd.grad(sums @ seeds[0], x, create_graph=True)
        loss = sum((g * s).sum() for g, s in zip(first, seeds[1:], strict=True)) + (sums**2).sum() / 1e3
        return sums, *first, *torch.autograd.grad(loss, x)

    seeds = [random_like(4), *(random_like(*t.shape, seed=9).to(t) for t in (u, c, metric))]
    arguments = [u, c, metric, structure, seeds]
    expected = derivatives(*(a.clone() if torch.is_tensor(a) else a for a in arguments))
    # second derivatives by u lose another digit in float32
    assert_close(device.run(derivatives, *arguments), expected, 5 * TOLERANCE[dtype])


def test_without_gradients_the_sum_is_the_same(ops, device):
    u, structure, mesh = atoms_in_meshes()
    metric = metric_of((0.6 * TRICLINIC).expand(4, 3, 3).contiguous())
    arguments = (mesh, 5, "plain", "gaussian", 1.3)
    found = device.run(lambda u, c, g, s: ops.mesh_sum(u, c, g, s, *arguments), u, random_like(8, 1), metric, structure)
    assert_close([found], [ops.mesh_sum(u, random_like(8, 1), metric, structure, *arguments)], 1e-12)


@pytest.mark.parametrize("dipoles", [True, False])
def test_energy_and_two_derivatives_equal_the_reference(device, dipoles):
    system = batch_of(
        random_system(7, 0.5 * TRICLINIC, seed=1, net_charge=1.0),
        ionic_system(0.6 * TRICLINIC, seed=2, n_side=2),
        one([[0.3, -20.0, 4.0]], 0.5 * TRICLINIC, [0.7], [[0.1, 0.2, -0.3]]),
    )
    mesh = torch.tensor([[8, 9, 10], [12, 10, 9], [8, 9, 10]])

    def two_derivatives(function, positions, cell, charges, mu, structure):
        inputs = [t.requires_grad_() for t in (positions, cell, charges, mu) if t is not None]
        energy = function(positions, cell, charges, mu, structure, smearing=1.4, order=6, mesh=mesh)
        first = torch.autograd.grad(energy.sum(), inputs, create_graph=True)
        loss = (energy**2).sum() + sum((g**2).sum() for g in first)
        return energy, *first, *torch.autograd.grad(loss, inputs)

    arguments = [t if t is None else t.clone() for t in system.args()]
    if not dipoles:
        arguments[3] = None
    expected = two_derivatives(pme_energy, *(t if t is None else t.clone() for t in arguments))
    found = device.run(lambda *a: two_derivatives(pme_energy_native, *a), *arguments)
    assert_close(found, expected, 1e-9)  # 1e-10 of the first derivatives, squared in the loss


def everything(ops, u, structure, mesh, c):
    metric = metric_of((0.6 * TRICLINIC).expand(len(mesh), 3, 3).contiguous()).to(u.device)
    u, c = u.clone().requires_grad_(), c.clone().requires_grad_()
    sums = ops.mesh_sum(u, c, metric, structure, mesh, 6, "alias", "gaussian", 1.3)
    first = torch.autograd.grad(sums.sum(), (u, c), create_graph=True)
    return sums, *first, *torch.autograd.grad(sum((g**2).sum() for g in first), (u, c))


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_no_result_depends_on_the_order_of_threads_and_blocks(ops, dtype):
    """A race, a missing barrier or a sum in the order of arrival would change bits."""
    u, structure, mesh = atoms_in_meshes()
    u, structure = u.repeat(20, 1) + random_like(160, 3), structure.repeat(20)  # several blocks of atoms
    c = random_like(160, 4).to(dtype)
    results = [
        Device("emulated", order).run(lambda u, s, c: everything(ops, u, s, mesh, c), u, structure, c)
        for order in ("forward", "reverse", "shuffled")
    ]
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.gpu
@without_device
def test_the_same_bits_every_time(ops):
    device = Device("cuda")
    u, structure, mesh = atoms_in_meshes()
    u, structure, c = u.repeat(200, 1), structure.repeat(200), random_like(1600, 4)
    first, second = (device.run(lambda u, s, c: everything(ops, u, s, mesh, c), u, structure, c) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_atoms_in_groups_and_shuffled_give_the_same_bits(ops, device):
    u, structure, mesh = atoms_in_meshes()
    order = structure.argsort(stable=True)
    c = random_like(len(u), 4)
    shuffled = device.run(lambda u, s, c: everything(ops, u, s, mesh, c), u, structure, c)
    grouped = device.run(lambda u, s, c: everything(ops, u, s, mesh, c), u[order], structure[order], c[order])
    assert torch.equal(shuffled[0], grouped[0])
    assert all(torch.equal(a[order], b) for a, b in zip(shuffled[1:], grouped[1:], strict=True))


def test_structures_that_changed_in_place_are_looked_at_again(ops, device):
    """The atoms of a batch are remembered between forward and backward."""
    u, structure, mesh = atoms_in_meshes()
    c = random_like(len(u), 1)

    def before_and_after(u, c, structure):
        first = ops.mesh_spread(u, c, structure, mesh, 4)
        structure.fill_(1)
        return first, ops.mesh_spread(u, c, structure, mesh, 4)

    expected = before_and_after(u, c, structure.clone())
    assert_close(device.run(before_and_after, u, c, structure.clone()), expected, 1e-10)


def test_what_is_not_finite_makes_its_structure_nan(ops, device):
    u, structure, mesh = atoms_in_meshes()
    metric = metric_of((0.6 * TRICLINIC).expand(4, 3, 3).contiguous())
    for bad in ("coordinate", "coefficient", "far"):
        places, c = u.clone(), random_like(len(u), 4)
        if bad == "coefficient":
            c[3, 2] = float("nan")
        else:
            places[3, 1] = 1e12 if bad == "far" else float("inf")

        def sums(u, c, metric, structure):
            return ops.mesh_sum(u, c, metric, structure, mesh, 6, "alias", "gaussian", 1.3)

        found = device.run(sums, places, c, metric, structure)
        assert torch.isnan(found[3]) and torch.isfinite(found[:3]).all()


def test_no_atoms_and_no_structures(ops, device):
    mesh = torch.tensor([[8, 9, 10], [8, 8, 8]])
    nobody, empty = torch.zeros(0, 3, dtype=F64), torch.zeros(0, dtype=torch.int64)
    spread = device.run(lambda u, c, s: ops.mesh_spread(u, c, s, mesh, 5), nobody, random_like(0, 4), empty)
    assert spread.shape == (720 + 512,) and not spread.any()
    values = random_like(720 + 512)
    assert device.run(lambda u, v, s: ops.mesh_gather(u, v, s, mesh, 5, 1), nobody, values, empty).shape == (0, 4)
    none = torch.zeros(0, 3, dtype=torch.int64)
    assert device.run(lambda u, c, s: ops.mesh_spread(u, c, s, none, 5), nobody, random_like(0, 1), empty).shape == (0,)


@pytest.mark.parametrize(
    ("position", "change", "message"),
    [
        (0, lambda u: u.float(), r"expected float64 \[8, 3\]"),
        (1, lambda c: c[:, :3], r"expected \[n_atoms, 1 \| 4 \| 10 \| 20\]"),
        (1, lambda c: c[:5], "coefficients have 5 rows"),
        (2, lambda s: s + 2, "structure holds a number below 0 or above 3"),
        (2, lambda s: s - 1, "structure holds a number below 0 or above 3"),
        (2, lambda s: s.int(), r"expected int64 \[n_atoms\]"),
        (3, lambda m: m - 5, "at least as many points as the order"),
        (3, lambda m: m.int(), "on the CPU"),
        (4, lambda p: 2, "assignment order is 2"),
        (4, lambda p: 9, "assignment order is 9"),
    ],
)
def test_bad_input_is_refused_with_the_remedy(ops, device, position, change, message):
    u, structure, mesh = atoms_in_meshes()
    arguments = [u, random_like(8, 4), structure, mesh, 6]
    arguments[position] = change(arguments[position])
    with pytest.raises(ValueError, match=message):
        device.run(lambda u, c, s: ops.mesh_spread(u, c, s, *arguments[3:]), *arguments[:3])
