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


def test_groups_of_an_edge_list_that_changed_in_place_stay_where_they_are(device):
    """A recording of a device (CUDA graph) knows the memory of the groups; the list in it is then another one."""
    receivers, senders, n_receivers = random_edges(1, 1, 4)[3:6]
    n_senders = int(senders.max()) + 2

    def twice(receivers, senders, changed):
        receivers, senders = receivers.clone(), senders.clone()
        group = torch.ops.hotpp_lr._tensor_message_groups
        before = group(receivers, senders, n_receivers, n_senders)
        places, first_of_them = [g.data_ptr() for g in before], [g.clone() for g in before]
        receivers.copy_(changed[0])
        senders.copy_(changed[1])
        after = group(receivers, senders, n_receivers, n_senders)
        assert [g.data_ptr() for g in after] == places
        return *first_of_them, *(g.clone() for g in after)

    def expected(receivers, senders):
        order = torch.sort(senders, stable=True).indices
        counts = [torch.bincount(i, minlength=n) for i, n in ((receivers, n_receivers), (senders, n_senders))]
        first = [torch.cat([torch.zeros(1, dtype=torch.long), c.cumsum(0)]) for c in counts]
        return first[0], first[1], order

    changed = ((n_receivers - 1 - receivers).flip(0), senders.flip(0))
    found = device.run(twice, receivers, senders, changed)
    for a, b in zip(found, (*expected(receivers, senders), *expected(*changed)), strict=True):
        assert torch.equal(a, b)


@pytest.mark.gpu
@without_device
@torch.no_grad()
def test_a_cuda_graph_goes_on_with_another_list_in_the_same_tensors():
    features, vectors, table, receivers, senders, n_receivers, rank_out = Device("cuda")(random_edges(2, 2, 8))
    group = torch.ops.hotpp_lr._tensor_message_groups
    list_of = (receivers, senders, n_receivers, len(features))
    kept = group(*list_of)
    arguments = (features, vectors, table, receivers, senders, n_receivers, rank_out)
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        first = compiled(*arguments)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        messages = compiled(*arguments)
    graph.replay()
    torch.cuda.synchronize()
    assert torch.equal(messages, first)
    for tensor in (vectors, senders):
        tensor.copy_(tensor.flip(0))
    receivers.copy_((n_receivers - 1 - receivers).flip(0))
    assert [a.data_ptr() for a in group(*list_of)] == [b.data_ptr() for b in kept]
    graph.replay()
    torch.cuda.synchronize()
    again = compiled(*(a.clone() if torch.is_tensor(a) else a for a in arguments))
    assert torch.equal(messages, again) and not torch.equal(messages, first)


def test_senders_that_nobody_looked_at_give_nan_and_read_no_foreign_memory(device):
    """A list is looked at once, but what atoms send may be indexed anew at every step."""
    arguments = list(random_edges(1, 1, 4))
    length = arguments[1].detach().norm(dim=1)
    edge = int((length < CUTOFF).nonzero()[0])

    def messages(*arguments):
        compiled(*arguments)
        senders = arguments[4].clone()
        senders[edge] = 2**40
        return compiled(*arguments[:4], senders, *arguments[5:])

    found = device.run(messages, *arguments)
    receiver = int(arguments[3][edge])
    assert found[receiver].isnan().any()
    assert not found[[i for i in range(len(found)) if i != receiver]].isnan().any()


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
