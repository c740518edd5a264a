"""The compiled operator hotpp_lr::atom_update equals the modules of hotpp_lr.model, which are its specification."""

import itertools
import os
import subprocess
import sys

import pytest
import torch
from atom_update_cases import (
    ATOMS,
    KINDS,
    LAST,
    LAYERS,
    OUTPUTS,
    assert_close,
    linear_function,
    make_inputs,
    make_network,
    reference,
    with_gradients,
)
from hotpp_lr.model.atom_update import AtomUpdate


def assert_equals_modules(network, layer, n, tolerance):
    arguments = make_inputs(network, layer, n)
    expected = with_gradients(lambda *x: reference(network, layer, *x), *arguments)
    assert_close(with_gradients(AtomUpdate(network, layer), *arguments), expected, tolerance)


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
from atom_update_cases import *
from hotpp_lr.model.atom_update import AtomUpdate
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
