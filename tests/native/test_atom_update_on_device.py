"""atom_update on a device equals that of the CPU, which test_atom_update.py holds to the modules."""

import pytest
import torch
from atom_update_cases import (
    KINDS,
    LAST,
    LAYERS,
    OUTPUTS,
    assert_close,
    linear_function,
    make_inputs,
    make_network,
    with_gradients,
)
from device_operators import BACKENDS, Device, without_device
from hotpp_lr.model.atom_update import AtomUpdate

# Sums of at most 15 C terms in another order, and another exponential function: some digits are left.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 5e-6}


@pytest.fixture(params=BACKENDS)
def device(request):
    return Device(request.param)


def compiled(network, layer):
    """A function of messages, features, species and the packed parameters: they move to the device as well."""
    update = AtomUpdate(network, layer)
    parameters = update.elements, update.weights

    def function(messages, features, species, elements, weights):
        return torch.ops.hotpp_lr.atom_update(messages, features, species, elements, weights, *update.kind())

    return function, parameters


def derivatives(network, layer):
    """Results and gradients by messages and features, as molecular dynamics takes them."""
    function, parameters = compiled(network, layer)

    def run(messages, features, species, *parameters):
        return with_gradients(lambda *inputs: function(*inputs, *parameters), messages, features, species)

    return run, parameters


@pytest.mark.parametrize(
    ("channels", "training", "expected"),
    [(64, False, True), (64, True, False), (128, False, True), (350, False, False)],
)
def test_kernels_run_for_frozen_weights_and_what_fits_into_shared_memory(device, channels, training, expected):
    """Otherwise the composed operator would pass these tests in their place."""
    answer = device.run(
        lambda m: torch.tensor(torch.ops.hotpp_lr._atom_update_is_fused(m, training)),
        torch.zeros(2, 10, channels, dtype=torch.float64),
    )
    assert bool(answer) is expected


def assert_equals_cpu(device, network, layer, n, dtype=torch.float64):
    run, parameters = derivatives(network, layer)
    arguments = *make_inputs(network, layer, n), *parameters
    assert_close(device.run(run, *arguments), run(*arguments), TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("rank", "many_body", "electrostatics", "layer"), KINDS)
def test_results_and_gradients_equal_those_of_the_cpu(device, rank, many_body, electrostatics, layer, dtype):
    assert_equals_cpu(device, make_network(5, rank, many_body, electrostatics, dtype), layer, 13, dtype)


@pytest.mark.parametrize("layer", range(LAYERS))
@pytest.mark.parametrize("channels", [1, 4, 18, 64, 131])  # of groups of four: a part, one, a rest, sixteen, a rest
def test_any_number_of_channels(device, channels, layer):
    assert_equals_cpu(device, make_network(channels), layer, 5)


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 33, 2050])  # blocks are of 8 atoms or (many) 16, tiles of 1, 2 or 4
def test_any_number_of_atoms(device, n):
    network = make_network(3)
    for layer in range(LAYERS):
        assert_equals_cpu(device, network, layer, n)


@pytest.mark.parametrize("layer", range(LAYERS))
def test_results_without_gradients_are_the_same(device, layer):
    network = make_network(16)
    function, parameters = compiled(network, layer)
    arguments = *make_inputs(network, layer, 11), *parameters

    def without_gradients(*arguments):
        with torch.inference_mode():
            return function(*arguments)

    with_them = [*arguments]
    with_them[0] = arguments[0].clone().requires_grad_()
    for a, b in zip(device.run(without_gradients, *arguments), device.run(function, *with_them), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("wanted", [0, 1])
def test_one_output_can_be_differentiated_by_one_input(device, output, wanted):
    network, k = make_network(), OUTPUTS.index(output)
    layer = 1 if k < 2 else LAST
    function, parameters = compiled(network, layer)
    arguments = [*make_inputs(network, layer, 6), *parameters]
    arguments[wanted] = arguments[wanted].clone().requires_grad_()

    def gradient(*arguments):
        return torch.autograd.grad(function(*arguments)[k].square().sum(), arguments[wanted])

    (actual,), (expected,) = device.run(gradient, *arguments), gradient(*arguments)
    assert (actual - expected).abs().max() <= 1e-12 * expected.abs().max()  # rounding, as above


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_no_result_depends_on_the_order_of_threads_and_blocks(dtype):
    """A race, a missing barrier or a sum in the order of arrival would change bits."""
    network = make_network(12, dtype=dtype)
    for layer in range(LAYERS):
        run, parameters = derivatives(network, layer)
        arguments = *make_inputs(network, layer, 19), *parameters
        results = [Device("emulated", order).run(run, *arguments) for order in ("forward", "reverse", "shuffled")]
        for other in results[1:]:
            assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_results_of_an_atom_do_not_depend_on_its_place(device):
    network = make_network(19, dtype=torch.float32)
    function, parameters = compiled(network, 1)
    inputs = make_inputs(network, 1, 30)
    whole = device.run(function, *inputs, *parameters)
    shifted = device.run(function, *(x[7:] for x in inputs), *parameters)
    for a, b in zip(whole, shifted, strict=True):
        assert torch.equal(a[7:], b)


@pytest.mark.gpu
@without_device
def test_the_same_bits_every_time():
    network = make_network(64, dtype=torch.float32)
    run, parameters = derivatives(network, 1)
    arguments = *make_inputs(network, 1, 5000), *parameters
    first, second = (Device("cuda").run(run, *arguments) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_inputs_at_odd_addresses_are_the_same(device):
    """Kernels move 16 bytes at a time; a view may begin anywhere."""
    network = make_network(8, dtype=torch.float32)
    function, parameters = compiled(network, 1)
    arguments = *make_inputs(network, 1, 5), *parameters

    def moved(x):
        return torch.cat([x.new_zeros(1), x.flatten()])[1:].view(x.shape)

    shifted = device.run(lambda *a: function(*(moved(x) for x in a)), *arguments)
    for a, b in zip(device.run(function, *arguments), shifted, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("layer", range(LAYERS))
def test_second_derivatives_and_training_equal_those_of_the_cpu(device, layer):
    """Composed of torch operations on a device, whether the weights are frozen or not."""
    network = make_network(4)
    function, parameters = compiled(network, layer)

    def second(*arguments):
        inputs = [a for a in arguments if a.requires_grad]
        first = torch.autograd.grad(linear_function(function(*arguments)), inputs[:2], create_graph=True)
        total = sum((g**3).sum() for g in first)
        found = torch.autograd.grad(total, inputs, allow_unused=True)
        return [torch.zeros_like(x) if g is None else g for g, x in zip(found, inputs, strict=True)]

    for trained in (False, True):
        messages, features, species = make_inputs(network, layer, 5)
        inputs = [x.clone().requires_grad_() for x in (messages, features)]
        arguments = *inputs, species, *(p.clone().requires_grad_(trained) for p in parameters)
        for a, e in zip(device.run(second, *arguments), second(*arguments), strict=True):
            # Two derivatives: some hundred roundings in another order.
            assert (a - e).abs().max() <= 1e-11 * e.abs().max().clamp(min=1e-3)


def test_too_many_channels_for_shared_memory_are_composed(device):
    network = make_network(350)
    function, parameters = compiled(network, 1)
    arguments = *make_inputs(network, 1, 2), *parameters
    assert_close(device.run(function, *arguments), function(*arguments), 1e-12)  # rounding, as above


@pytest.mark.gpu
@without_device
def test_a_species_that_does_not_exist_gives_nan_on_a_device():
    """The CPU refuses it; a device would have to be waited for."""
    network = make_network()
    function, parameters = compiled(network, 1)
    messages, features, species = make_inputs(network, 1, 6)
    species[2] = 3
    energies = Device("cuda").run(function, messages, features, species, *parameters)[2]
    assert energies.isnan().nonzero().flatten().tolist() == [2]
