"""The compiled operator hotpp_lr::tensor_message against the eager reference, which is its specification."""

import pytest
import torch
from hotpp_lr.model.message import components, paths
from hotpp_lr.model.message import tensor_message as reference
from hotpp_lr.native import load_operators

RANKS = [(rank_in, rank_out) for rank_in in range(3) for rank_out in range(3)]
N_RECEIVERS, N_SENDERS = 6, 8


@pytest.fixture(scope="module")
def compiled():
    load_operators()
    return torch.ops.hotpp_lr.tensor_message


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def random_edges(rank_in, rank_out, channels, n_edges=29, dtype=torch.float64, n_receivers=N_RECEIVERS):
    """Arguments of tensor_message; receiver 2 and the last sender have no edges."""
    generator = torch.Generator().manual_seed(100 * rank_in + 10 * rank_out + channels)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype).requires_grad_()

    receivers = torch.randint(n_receivers, (n_edges,), generator=generator)
    receivers = torch.where(receivers == 2, 3, receivers).sort().values
    n_senders = max(n_receivers, N_SENDERS)
    return (
        normal(n_senders, components(rank_in), channels),
        normal(n_edges, 3),
        normal(n_edges, len(paths(rank_in, rank_out)), channels),
        receivers,
        torch.randint(n_senders - 1, (n_edges,), generator=generator),
        n_receivers,
        rank_out,
    )


def up_to_second_derivatives(function, arguments):
    """Messages, gradients of their squared norm, and gradients of the squared norm of these."""
    inputs = arguments[:3]
    options = {"allow_unused": True, "materialize_grads": True}  # rank 0 -> 0 does not depend on û
    messages = function(*arguments)
    first = torch.autograd.grad(messages.square().sum(), inputs, create_graph=True, **options)
    second = torch.autograd.grad(sum(g.square().sum() for g in first), inputs, **options)
    return messages, *first, *second


def assert_close(actual, expected, tolerance):
    """Largest deviation relative to the largest element."""
    for a, e in zip(actual, expected, strict=True):
        assert a.shape == e.shape and a.dtype == e.dtype
        assert (a - e).abs().max() <= tolerance * e.abs().max().clamp(min=1)


@pytest.mark.parametrize(("rank_in", "rank_out"), RANKS)
@pytest.mark.parametrize("channels", [1, 7, 16, 37])  # below, beside, at and above the width of the vectors
def test_messages_and_two_derivatives_equal_reference_in_float64(compiled, rank_in, rank_out, channels):
    arguments = random_edges(rank_in, rank_out, channels)
    # Sums of at most some thousand terms in another order: 1e-12 leaves three digits.
    assert_close(up_to_second_derivatives(compiled, arguments), up_to_second_derivatives(reference, arguments), 1e-12)


@pytest.mark.parametrize(("rank_in", "rank_out"), RANKS)
def test_messages_and_gradients_equal_reference_in_float32(compiled, rank_in, rank_out):
    arguments = random_edges(rank_in, rank_out, 24, dtype=torch.float32)
    # Float32 rounding is 6e-8 per operation; 1e-5 is some hundred of them.
    assert_close(up_to_second_derivatives(compiled, arguments), up_to_second_derivatives(reference, arguments), 1e-5)


@pytest.mark.parametrize(("rank_in", "rank_out"), [(0, 1), (0, 2), (1, 1), (2, 1), (2, 2)])
def test_gradients_equal_finite_differences(compiled, rank_in, rank_out):
    *inputs, receivers, senders, n_receivers, _ = random_edges(rank_in, rank_out, channels=2, n_edges=7)

    def messages(features, directions, radial):
        return compiled(features, directions, radial, receivers, senders, n_receivers, rank_out)

    assert torch.autograd.gradcheck(messages, inputs)
    assert torch.autograd.gradgradcheck(messages, inputs)


@pytest.mark.parametrize("wanted", ["positions", "positions+features"])
def test_force_loss_gradients_equal_reference(compiled, wanted):
    """Two layers as in training: forces from positions alone, then the loss differentiated by the weights."""
    first_features, positions, first_radial, receivers, senders, *_ = random_edges(0, 2, 8, 40, n_receivers=8)
    second_radial = random_edges(2, 1, 8, 40, n_receivers=8)[2]
    parameters = [first_features, first_radial, second_radial]

    def loss_gradients(function):
        distance = positions.norm(dim=1, keepdim=True)
        decay = (-distance).exp().unsqueeze(-1)
        edges = (receivers, senders, 8)
        h = function(first_features, positions / distance, first_radial * decay, *edges, 2)
        h = function(h.tanh(), positions / distance, second_radial * decay, *edges, 1)
        inputs = [positions] if wanted == "positions" else [positions, first_features]
        forces = torch.autograd.grad((h**2).sum(), inputs, create_graph=True)
        return torch.autograd.grad(sum((f**2).sum() for f in forces), parameters)

    assert_close(loss_gradients(compiled), loss_gradients(reference), 1e-10)


@pytest.mark.parametrize("wanted", range(3))
def test_each_input_alone_can_require_gradients(compiled, wanted):
    arguments = random_edges(2, 2, 5)
    inputs = [x.detach().requires_grad_(k == wanted) for k, x in enumerate(arguments[:3])]
    results = []
    for function in (compiled, reference):
        messages = function(*inputs, *arguments[3:])
        results.append(torch.autograd.grad(messages.square().sum(), inputs[wanted]))
    assert_close(*results, 1e-12)


def test_transposed_inputs_equal_contiguous_ones(compiled):
    features, directions, radial, *rest = random_edges(2, 2, 5)
    inputs = [x.detach().transpose(0, 1).contiguous().transpose(0, 1) for x in (features, directions, radial)]
    inputs = [x.requires_grad_() for x in inputs]
    assert not inputs[0].is_contiguous()
    expected = up_to_second_derivatives(reference, (features, directions, radial, *rest))
    assert_close(up_to_second_derivatives(compiled, (*inputs, *rest)), expected, 1e-12)


def test_no_edges_give_zero_messages_and_gradients(compiled):
    arguments = random_edges(2, 2, 4, n_edges=0)
    messages, *gradients = up_to_second_derivatives(compiled, arguments)
    assert messages.shape == (N_RECEIVERS, 10, 4)
    for result in (messages, *gradients):
        assert not result.any()


def test_receiver_without_neighbours_gets_zero(compiled):
    messages = compiled(*random_edges(2, 2, 4))
    assert not messages[2].any() and messages[3].any()


def test_same_bits_with_one_and_two_threads(compiled, two_threads):
    arguments = random_edges(2, 2, 19, n_edges=3000, dtype=torch.float32, n_receivers=100)
    parallel = up_to_second_derivatives(compiled, arguments)
    torch.set_num_threads(1)
    serial = up_to_second_derivatives(compiled, arguments)
    for a, b in zip(parallel, serial, strict=True):
        assert torch.equal(a, b)


def test_usable_from_torchscript(compiled, tmp_path):
    class Layer(torch.nn.Module):
        def forward(self, features, directions, radial, receivers, senders, n_receivers: int, rank_out: int):
            return torch.ops.hotpp_lr.tensor_message(
                features, directions, radial, receivers, senders, n_receivers, rank_out
            )

    torch.jit.script(Layer()).save(str(tmp_path / "layer.pt"))
    layer = torch.jit.load(str(tmp_path / "layer.pt"))
    arguments = random_edges(2, 1, 4)
    for _ in range(3):  # the profiling executor rewrites the graph after its first calls
        result = up_to_second_derivatives(layer, arguments)
    assert_close(result, up_to_second_derivatives(reference, arguments), 1e-12)


def test_third_derivative_is_refused(compiled):
    features, directions, radial, *rest = random_edges(1, 1, 2)
    messages = compiled(features, directions, radial, *rest)
    (first,) = torch.autograd.grad(messages.square().sum(), directions, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), directions, create_graph=True)
    with pytest.raises(RuntimeError, match="third derivatives are not implemented"):
        torch.autograd.grad(second.square().sum(), directions)


@pytest.mark.parametrize(
    ("position", "change", "message"),
    [
        (0, lambda h: h[:, :5], r"features have shape .*, expected \[n_senders, 1 \| 4 \| 10, channels\]"),
        (0, lambda h: h.half(), "expected float32 or float64"),
        (0, lambda h: h[:2], r"senders\[\d+\] = \d+, expected 0 <= sender < 2"),
        (1, lambda u: u[:, :2], r"directions have shape .*, expected \[29, 3\]"),
        (1, lambda u: u.float(), "convert them to one type"),
        (2, lambda r: r[:, :4], r"radial weights have shape .*, expected \[29, 11, 4\]"),
        (2, lambda r: r[:, :, :3], r"radial weights have shape .*, expected \[29, 11, 4\]"),
        (3, lambda r: r.flip(0), "sort the edges by receiver"),
        (3, lambda r: r - 1, r"receivers\[0\] = -1 is negative"),
        (3, lambda r: r.int(), r"expected int64 \[n_edges\]"),
        (4, lambda s: s[1:], r"expected int64 \[29\]"),
        (4, lambda s: s - 100, r"expected 0 <= sender < 8"),
        (5, lambda n: n - 1, "expected less than n_receivers = 5"),
        (6, lambda c: 3, "rank_out is 3, expected 0, 1 or 2"),
    ],
)
def test_bad_input_is_refused_with_the_remedy(compiled, position, change, message):
    arguments = list(random_edges(2, 2, 4))
    arguments[position] = change(arguments[position])
    with pytest.raises(RuntimeError, match=message):
        compiled(*arguments)
