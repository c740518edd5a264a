"""What training asks of hotpp_lr::atom_update: second derivatives and gradients by the weights."""

import pytest
import torch
from atom_update_cases import (
    ELEMENTS,
    LAST,
    LAYERS,
    linear_function,
    make_inputs,
    make_network,
    reference,
)
from hotpp_lr.model.atom_update import AtomUpdate, kind_of, pack_layer


@pytest.mark.parametrize("layer", range(LAYERS))
def test_second_derivatives_equal_the_modules(layer):
    network = make_network()
    arguments = make_inputs(network, layer, 7)

    def second(function):
        messages, features = (x.clone().requires_grad_() for x in arguments[:2])
        outputs = function(messages, features, arguments[2])
        first = torch.autograd.grad(linear_function(outputs), (messages, features), create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), (messages, features), allow_unused=True)

    expected = second(lambda *x: reference(network, layer, *x))
    for a, e in zip(second(AtomUpdate(network, layer)), expected, strict=True):
        if e is None:  # the features of the layer before are added, no more
            assert a is None or not a.any()
        else:
            assert (a - e).abs().max() <= 1e-12 * e.abs().max()  # rounding of sums, as above


def test_gradients_reach_weights_that_ask_for_them():
    network = make_network()
    update = AtomUpdate(network, LAST)
    weights, elements = update.weights.clone().requires_grad_(), update.elements.clone().requires_grad_()
    messages, features, species = make_inputs(network, LAST, 3)

    def outputs(elements, weights):
        results = torch.ops.hotpp_lr.atom_update(messages, features, species, elements, weights, *update.kind())
        return torch.cat([r.flatten() for r in results])

    torch.manual_seed(0)
    assert torch.autograd.gradcheck(outputs, (elements, weights), fast_mode=True)


def random_graph(n=11, n_edges=60):
    """Edge vectors (Å), receivers, senders and species."""
    generator = torch.Generator().manual_seed(5)
    directions = torch.nn.functional.normalize(torch.randn(n_edges, 3, generator=generator, dtype=torch.float64))
    r = 2.0 + 2.5 * torch.rand(n_edges, 1, generator=generator, dtype=torch.float64)
    receivers = torch.randint(n, (n_edges,), generator=generator).sort().values
    senders = torch.randint(n, (n_edges,), generator=generator)
    return r * directions, receivers, senders, torch.randint(ELEMENTS, (n,), generator=generator)


def force_loss_gradients(network, native):
    """Gradients by all parameters of a loss on energies, charges, dipoles and forces, as training takes them."""
    edge_vectors, receivers, senders, species = random_graph()
    network.use_native_message().requires_grad_(True)
    network.native = native  # False: the same sums over neighbours, and the modules between them
    network.zero_grad()
    edges = edge_vectors.clone().requires_grad_()
    energies, charges, dipoles = network(edges, receivers, senders, species, len(species), 0)
    total = energies.sum() + (charges**3).sum() + (dipoles**3).sum()
    (forces,) = torch.autograd.grad(total, edges, create_graph=True)
    loss = forces.square().sum() + energies.square().sum() + charges.square().sum() + dipoles.square().sum()
    loss.backward()
    return {name: p.grad for name, p in network.named_parameters()}


@pytest.mark.parametrize(
    ("rank", "many_body", "electrostatics", "channels"),
    [
        (2, True, "charge+dipole", 5),
        (2, True, "charge+dipole", 20),
        (2, True, "none", 5),
        (2, False, "charge+dipole", 5),
        (1, True, "charge+dipole", 5),
        (1, False, "charge", 5),
        (0, False, "charge", 5),
    ],
)
def test_training_gradients_equal_the_modules(rank, many_body, electrostatics, channels):
    network = make_network(channels, rank, many_body, electrostatics)
    expected, actual = (force_loss_gradients(network, native) for native in (False, True))
    for name, e in expected.items():
        # Two derivatives through three layers: some hundred roundings in another order.
        scale = e.abs().max().clamp(min=1e-3)
        assert (actual[name] - e).abs().max() <= 1e-11 * scale, name


def test_training_gradients_have_the_same_bits_with_one_and_two_threads():
    network = make_network(20)
    layer = 1
    messages, features, species = make_inputs(network, layer, 300)
    update, results, before = AtomUpdate(network, layer), [], torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            inputs = [x.clone().requires_grad_() for x in (messages, features, update.elements, update.weights)]
            outputs = torch.ops.hotpp_lr.atom_update(*inputs[:2], species, *inputs[2:], *update.kind())
            first = torch.autograd.grad(linear_function(outputs), inputs[:2], create_graph=True)
            results.append(torch.autograd.grad(sum(g.square().sum() for g in first), inputs))
    finally:
        torch.set_num_threads(before)
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("layer", range(LAYERS))
def test_third_derivatives_and_those_of_weight_gradients_equal_the_modules(layer):
    """The composed path: what no training asks for, but must not be silently wrong."""
    network = make_network().requires_grad_(True)
    messages, features, species = make_inputs(network, layer, 4)

    def derivatives(function):
        inputs = [x.clone().requires_grad_() for x in (messages, features)]
        parameters = [network.layers[layer].update.mix.scalar.weight, network.layers[layer].receiver_scale.weight]
        total = linear_function(function(*inputs, species))
        first = torch.autograd.grad(total, [*inputs, *parameters], create_graph=True)
        second = torch.autograd.grad(sum((g**3).sum() for g in first), [inputs[0], *parameters], create_graph=True)
        third = torch.autograd.grad(sum(g.square().sum() for g in second), [inputs[0], *parameters])
        return *second, *third

    def operator(*inputs):
        return torch.ops.hotpp_lr.atom_update(*inputs, *pack_layer(network, layer), *kind_of(network, layer))

    for a, e in zip(derivatives(operator), derivatives(lambda *x: reference(network, layer, *x)), strict=True):
        assert (a - e).abs().max() <= 1e-10 * e.abs().max()  # rounding of three derivatives one after the other
