"""tensor_message on a device equals that of the CPU, which test_tensor_message.py holds to the eager reference."""

import pytest
import torch
from device_operators import BACKENDS, Device, assert_close, without_device
from test_tensor_message import CUTOFF, RANKS, random_edges, up_to_second_derivatives

# Sums of at most some thousand terms in another order, 2e-16 and 6e-8 each: some digits are left.
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-5}


@pytest.fixture(params=BACKENDS)
def device(request):
    return Device(request.param)


def compiled(*arguments):
    return torch.ops.hotpp_lr.tensor_message(*arguments, CUTOFF)


def derivatives(*arguments):
    return up_to_second_derivatives(compiled, arguments)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("rank_in", "rank_out"), RANKS)
def test_messages_and_two_derivatives_equal_those_of_the_cpu(device, rank_in, rank_out, dtype):
    # below, beside and above the number of lanes that share an edge, and the threads of a block
    for channels in (1, 7, 33, 130) if rank_in == rank_out == 2 else (5,):
        arguments = random_edges(rank_in, rank_out, channels, dtype=dtype)
        assert_close(device.run(derivatives, *arguments), derivatives(*arguments), TOLERANCE[dtype])


@pytest.mark.parametrize("wanted", range(3))
def test_each_input_alone_can_require_gradients(device, wanted):
    arguments = random_edges(2, 1, 5)
    inputs = [x.detach().requires_grad_(k == wanted) for k, x in enumerate(arguments[:3])]

    def gradient(*arguments):
        x = arguments[wanted]
        (first,) = torch.autograd.grad(compiled(*arguments).square().sum(), x, create_graph=True)
        return first, *torch.autograd.grad(first.square().sum(), x)

    assert_close(device.run(gradient, *inputs, *arguments[3:]), gradient(*inputs, *arguments[3:]), 1e-12)


def test_intervals_with_many_edges_are_cut_into_pieces(device):
    """8 intervals and 2000 edges: more than one piece each, whose sums are added."""
    arguments = random_edges(1, 1, 3, n_edges=2000, n_receivers=50)
    assert_close(device.run(derivatives, *arguments), derivatives(*arguments), 1e-12)


def test_no_edges_give_zero_messages_and_gradients(device):
    for result in device.run(derivatives, *random_edges(2, 2, 4, n_edges=0)):
        assert not result.any()


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_no_result_depends_on_the_order_of_threads_and_blocks(dtype):
    """A race, a missing barrier or a sum in the order of arrival would change bits."""
    arguments = random_edges(2, 2, 19, n_edges=300, dtype=dtype, n_receivers=30)
    results = [Device("emulated", order).run(derivatives, *arguments) for order in ("forward", "reverse", "shuffled")]
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.gpu
@without_device
def test_the_same_bits_every_time():
    arguments = random_edges(2, 2, 64, n_edges=20000, dtype=torch.float32, n_receivers=700)
    first, second = (Device("cuda").run(derivatives, *arguments) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_an_edge_list_that_changed_in_place_is_looked_at_again(device):
    """Groups of edges are remembered: layers share a list, and so do forward and backward."""
    arguments = list(random_edges(1, 1, 4))

    def before_and_after(*arguments):
        senders = arguments[4].clone()
        arguments = [*arguments[:4], senders, *arguments[5:]]
        first = derivatives(*arguments)
        senders.copy_(senders.flip(0))
        return *first, *derivatives(*arguments)

    assert_close(device.run(before_and_after, *arguments), before_and_after(*arguments), 1e-12)


@pytest.mark.parametrize(
    ("position", "change", "message"),
    [
        (0, lambda h: h[:2], "the senders go from 0 to 6, expected 0 <= sender < 2"),
        (3, lambda r: r.flip(0), "sort the edges by receiver"),
        (3, lambda r: r - 1, "the first receiver is negative"),
        (4, lambda s: s - 100, "expected 0 <= sender < 8"),
        (5, lambda n: n - 1, "expected less than n_receivers = 5"),
    ],
)
def test_bad_indices_are_refused_with_the_remedy(device, position, change, message):
    arguments = list(random_edges(2, 2, 4))
    arguments[position] = change(arguments[position])
    with pytest.raises(RuntimeError, match=message):
        device.run(compiled, *arguments)


def test_in_inference_mode_the_messages_are_the_same(device):
    """Tensors made in inference mode cannot be known again, so nothing is remembered of them."""

    def messages(*arguments):
        with torch.inference_mode():
            return compiled(*(a.clone() if torch.is_tensor(a) else a for a in arguments))

    arguments = random_edges(2, 2, 4)
    assert_close([device.run(messages, *arguments)], [compiled(*arguments).detach()], 1e-12)
