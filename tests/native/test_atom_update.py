"""The compiled operator hotpp_lr::atom_update against the modules of hotpp_lr.model, which are its specification."""

import itertools
import os
import subprocess
import sys

import pytest
import torch
from hotpp_lr.model.atom_update import AtomUpdate, kind_of, pack_layer
from hotpp_lr.model.config import ModelConfig
from hotpp_lr.model.network import Network

ATOMS, ELEMENTS, LAYERS, LAST = 53, 3, 3, 2  # atoms: more than two blocks, and not a multiple of six
OUTPUTS = ("features", "sent", "energies", "charges", "dipoles")


def make_network(channels=5, rank=2, many_body=True, electrostatics="charge+dipole", dtype=torch.float64) -> Network:
    """Three layers: the first, one between and the last differ."""
    torch.manual_seed(10 * rank + channels)
    config = ModelConfig(
        channels=channels, max_rank=rank, many_body=many_body, electrostatics=electrostatics, layers=LAYERS
    )
    network = Network(config, ELEMENTS, 12.0, 1.7, torch.tensor([0.5, -0.4, 0.1]))
    for parameter in network.parameters():  # zeros of a fresh network (biases) would hide their being forgotten
        torch.nn.init.normal_(parameter, 0.0, parameter.shape[-1] ** -0.5)
    return network.to(dtype).requires_grad_(False)


def make_inputs(network, layer, n=ATOMS):
    """Messages [n, components, C], features [n, 1 | components, C], species [n]."""
    generator = torch.Generator().manual_seed(7)
    dtype, channels = network.embedding.weight.dtype, network.embedding.embedding_dim
    components = (1, 4, 10)[network.layers[0].rank_out]
    species = torch.randint(ELEMENTS, (n,), generator=generator)
    messages = 3.0 * torch.randn(n, components, channels, generator=generator, dtype=dtype)
    features = torch.randn(n, components if layer else 1, channels, generator=generator, dtype=dtype)
    return messages, features, species


def reference(network, layer, messages, features, species):
    """What `Network.forward` does after the sum over neighbours, up to the mixing of the next layer."""
    this = network.layers[layer]
    new = this.update(messages * network.message_scale, this.receiver_scale(species))
    new = new + torch.nn.functional.pad(features, (0, 0, 0, new.shape[1] - features.shape[1]))
    energies = network.scale * network.energy[layer](new[:, 0])
    if layer == 0:
        energies = energies + network.scale * network.energy_of_element[species]
    none = messages.new_empty(0)
    if layer < LAST:
        return new, network.layers[layer + 1].mix(new), energies, none, none
    charges = network.charge(new[:, 0], species) if network.has_charges else none
    dipoles = network.dipole(new[:, 1:4], new[:, 0]) if network.has_dipoles else none
    return none, none, energies, charges, dipoles


def linear_function(outputs):
    generator = torch.Generator().manual_seed(3)
    return sum((o * torch.randn(o.shape, generator=generator, dtype=torch.float64)).sum() for o in outputs)


def with_gradients(function, messages, features, species):
    """Outputs, and the gradients of a random linear function of them by messages and features."""
    inputs = [messages.clone().requires_grad_(), features.clone().requires_grad_()]
    outputs = function(*inputs, species)
    return *outputs, *torch.autograd.grad(linear_function(outputs), inputs)


def assert_close(actual, expected, tolerance):
    """Largest deviation relative to the largest element."""
    for name, a, e in zip((*OUTPUTS, "d messages", "d features"), actual, expected, strict=False):
        assert a.shape == e.shape and a.dtype == e.dtype, name
        if e.numel():
            assert (a - e).abs().max() <= tolerance * e.abs().max().clamp(min=1), name


def assert_equals_modules(network, layer, n, tolerance):
    arguments = make_inputs(network, layer, n)
    expected = with_gradients(lambda *x: reference(network, layer, *x), *arguments)
    assert_close(with_gradients(AtomUpdate(network, layer), *arguments), expected, tolerance)


KINDS = [
    (rank, many_body, electrostatics, layer)
    for rank, many_body, electrostatics, layer in itertools.product(
        (0, 1, 2), (True, False), ("none", "charge", "charge+dipole"), range(LAYERS)
    )
    if not (rank == 0 and (many_body or electrostatics == "charge+dipole"))
    and not (layer < LAST and electrostatics != "none")  # charges and dipoles are read in the last layer only
]


@pytest.mark.parametrize(("rank", "many_body", "electrostatics", "layer"), KINDS)
def test_outputs_and_gradients_equal_the_modules(rank, many_body, electrostatics, layer):
    # Sums of at most 15 C terms in another order: 1e-12 leaves three digits.
    assert_equals_modules(make_network(5, rank, many_body, electrostatics), layer, ATOMS, 1e-12)


@pytest.mark.parametrize("layer", range(LAYERS))
@pytest.mark.parametrize("channels", [1, 16, 37, 48, 64, 100])  # of vectors and of tiles: parts, one, several, a rest
def test_any_number_of_channels(channels, layer):
    assert_equals_modules(make_network(channels), layer, 10, 1e-12)


@pytest.mark.parametrize("n", [0, 1, 6, 23, 24, 25, 48])  # blocks are of 24 atoms
def test_any_number_of_atoms(n):
    network = make_network()
    for layer in range(LAYERS):
        assert_equals_modules(network, layer, n, 1e-12)


@pytest.mark.parametrize("layer", range(LAYERS))
def test_float32_equals_float64_to_rounding(layer):
    network = make_network(64)
    arguments = make_inputs(network, layer)
    expected = with_gradients(AtomUpdate(network, layer), *arguments)
    narrow = [x.float() if x.is_floating_point() else x for x in arguments]
    results = with_gradients(AtomUpdate(network, layer).float(), *narrow)
    # Float32 rounding is 6e-8 per operation, some ten of them one after the other on numbers of the largest size.
    assert_close([r.double() for r in results], expected, 5e-6)


def test_saturated_gates_and_nan():
    """Scalars of ±10³ and more, where e^x has no value: gates are 0 or 1 as in PyTorch; a NaN stays with its atom."""
    network = make_network()
    messages, features, species = make_inputs(network, 0)
    messages[:, 0] *= 1e3
    expected = with_gradients(lambda *x: reference(network, 0, *x), messages, features, species)
    assert_close(with_gradients(AtomUpdate(network, 0), messages, features, species), expected, 1e-12)
    messages[3, 2, 1] = float("nan")
    energies = AtomUpdate(network, 0)(messages, features, species)[2]
    assert energies.isnan().nonzero().flatten().tolist() == [3]


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


@pytest.mark.parametrize("wanted", [0, 1])
def test_each_input_alone_can_require_gradients(wanted):
    network = make_network()
    arguments = make_inputs(network, 1)
    inputs = [x.clone().requires_grad_(k == wanted) for k, x in enumerate(arguments[:2])]
    gradients = []
    for function in (AtomUpdate(network, 1), lambda *x: reference(network, 1, *x)):
        total = linear_function(function(*inputs, arguments[2]))
        gradients.append(torch.autograd.grad(total, inputs[wanted])[0])
    assert (gradients[0] - gradients[1]).abs().max() <= 1e-12 * gradients[1].abs().max()  # rounding, as above


@pytest.mark.parametrize("output", ["features", "sent", "energies", "charges", "dipoles"])
def test_each_output_alone_can_be_differentiated(output):
    network, k = make_network(), OUTPUTS.index(output)
    layer = 1 if k < 2 else LAST
    arguments = make_inputs(network, layer)
    gradients = []
    for function in (AtomUpdate(network, layer), lambda *x: reference(network, layer, *x)):
        inputs = [x.clone().requires_grad_() for x in arguments[:2]]
        total = function(*inputs, arguments[2])[k].square().sum()
        gradients.append(torch.autograd.grad(total, inputs))
    for a, e in zip(*gradients, strict=True):
        assert (a - e).abs().max() <= 1e-12 * e.abs().max()  # rounding, as above


def test_transposed_inputs_equal_contiguous_ones():
    network = make_network()
    messages, features, species = make_inputs(network, 1)
    turned = [x.transpose(0, 2).contiguous().transpose(0, 2) for x in (messages, features)]
    assert not turned[0].is_contiguous()
    update = AtomUpdate(network, 1)
    for a, e in zip(update(*turned, species), update(messages, features, species), strict=True):
        assert torch.equal(a, e)


@pytest.fixture
def number_of_threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("n", [1, 5, 49, 128])  # shares that are empty, end within a block, fill blocks
def test_the_number_of_threads_may_change_before_the_backward_pass(number_of_threads, n):
    """The atoms of a thread in the forward pass decide where it keeps what the backward pass reads."""
    network = make_network(16)
    *arguments, species = make_inputs(network, 1, n)

    def gradients(forward, backward):
        inputs = [x.clone().requires_grad_() for x in arguments]
        number_of_threads(forward)
        total = linear_function(AtomUpdate(network, 1)(*inputs, species))
        number_of_threads(backward)
        return torch.autograd.grad(total, inputs)

    expected = gradients(1, 1)
    for threads in ((1, 3), (3, 1), (7, 2)):
        for a, e in zip(gradients(*threads), expected, strict=True):
            assert torch.equal(a, e), threads


def test_same_bits_with_one_and_two_threads_and_in_any_block(number_of_threads):
    network = make_network(19, dtype=torch.float32)
    arguments = make_inputs(network, 1, 500)
    results = []
    for threads in (1, 2):
        number_of_threads(threads)
        results.append(with_gradients(AtomUpdate(network, 1), *arguments))
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)
    shifted = AtomUpdate(network, 1)(*(x[7:] for x in arguments))
    for whole, part in zip(results[0], shifted, strict=False):
        assert torch.equal(whole[7:], part)


CHILD = """
import sys, torch
sys.path.insert(0, sys.argv[2])
from test_atom_update import *
results = {}
for dtype, layer in itertools.product((torch.float32, torch.float64), range(LAYERS)):
    network = make_network(20, dtype=dtype)
    results[f"{dtype} {layer}"] = with_gradients(AtomUpdate(network, layer), *make_inputs(network, layer))
torch.save(results, sys.argv[1])
"""


def test_same_results_with_every_instruction_set(tmp_path):
    expected = {}
    for dtype, layer in itertools.product((torch.float32, torch.float64), range(LAYERS)):
        network = make_network(20, dtype=dtype)
        expected[f"{dtype} {layer}"] = with_gradients(AtomUpdate(network, layer), *make_inputs(network, layer))
    for isa in ("portable", "avx2"):  # in child processes: the choice is made once
        path = tmp_path / f"{isa}.pt"
        environment = {**os.environ, "HOTPP_ISA": isa, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", CHILD, str(path), os.path.dirname(__file__)]
        child = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert child.returncode == 0, child.stderr
        for name, results in torch.load(path).items():
            # Fused multiply-adds round differently.
            assert_close(results, expected[name], 1e-12 if "64" in name else 5e-6)


def test_usable_from_torchscript(tmp_path):
    network = make_network()
    update = AtomUpdate(network, 1)
    torch.jit.script(update).save(str(tmp_path / "update.pt"))
    scripted = torch.jit.load(str(tmp_path / "update.pt"))
    arguments = make_inputs(network, 1)
    expected = with_gradients(update, *arguments)
    for _ in range(3):  # the profiling executor rewrites the graph after its first calls
        for a, e in zip(with_gradients(scripted, *arguments), expected, strict=True):
            assert torch.equal(a, e)


@pytest.mark.parametrize(
    ("position", "change", "message"),
    [
        (0, lambda m: m[:, :5], r"messages have shape .*, expected \[n_atoms, 1 \| 4 \| 10, channels\]"),
        (0, lambda m: m.half(), "expected float32 or float64"),
        (0, lambda m: m[:, :, :0], "expected at least one channel"),
        (1, lambda h: h[1:], r"features have shape .*, expected \[53, 1 \| 10, 5\]"),
        (1, lambda h: h[:, :4], r"features have shape .*, expected \[53, 1 \| 10, 5\]"),
        (1, lambda h: h.float(), "convert them to one type"),
        (2, lambda s: s.int(), r"expected int64 \[53\]: those of the owned atoms"),
        (2, lambda s: s - 3, r"species\[0\] = -\d, expected 0 <= species < 3"),
        (2, lambda s: s + 3, r"species\[0\] = \d, expected 0 <= species < 3"),
        (3, lambda e: e[:, 1:], r"elements have shape .*, expected \[n_elements, 7\]"),
        (4, lambda w: w[1:], "expected .* for rank 2 and 5 channels; pack them with hotpp_lr.model.atom_update"),
        (6, lambda last: False, "charges and dipoles are read out of the last layer"),
    ],
)
def test_bad_input_is_refused_with_the_remedy(position, change, message):
    network = make_network()
    update = AtomUpdate(network, LAST)
    arguments = [*make_inputs(network, LAST), update.elements, update.weights, *update.kind()]
    arguments[position] = change(arguments[position])
    with pytest.raises(RuntimeError, match=message):
        torch.ops.hotpp_lr.atom_update(*arguments)


def test_dipoles_need_vectors():
    network = make_network(rank=0, many_body=False, electrostatics="charge")
    update = AtomUpdate(network, LAST)
    with pytest.raises(RuntimeError, match="dipoles are read out of vectors, but the messages are scalars"):
        torch.ops.hotpp_lr.atom_update(
            *make_inputs(network, LAST), update.elements, update.weights, False, True, True, True
        )
