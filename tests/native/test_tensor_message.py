"""The compiled operator hotpp_lr::tensor_message against the eager reference, which is its specification."""

import os
import subprocess
import sys

import pytest
import torch
from hotpp_lr.model import message
from hotpp_lr.model.message import components, paths
from hotpp_lr.model.radial import interpolate
from hotpp_lr.native import load_operators

RANKS = [(rank_in, rank_out) for rank_in in range(3) for rank_out in range(3)]
N_RECEIVERS, N_SENDERS = 6, 8
CUTOFF = 3.0
KNOTS = 9


def reference(features, edge_vectors, table, receivers, senders, n_receivers, rank_out, cutoff=CUTOFF):
    r = edge_vectors.norm(dim=1)
    return message.tensor_message(
        features,
        edge_vectors / r[:, None],
        interpolate(table, r, cutoff),
        receivers,
        senders,
        n_receivers,
        rank_out,
    )


@pytest.fixture(scope="module")
def compiled():
    load_operators()

    def tensor_message(*arguments, cutoff=CUTOFF):
        return torch.ops.hotpp_lr.tensor_message(*arguments, cutoff)

    return tensor_message


def random_edges(rank_in, rank_out, channels, n_edges=29, dtype=torch.float64, n_receivers=N_RECEIVERS):
    """Arguments of tensor_message; receiver 2 and the last sender have no edges. Lengths are 0.3 Å to 3.3 Å, so
    that some edges (as in a list with a skin) are longer than the cutoff."""
    generator = torch.Generator().manual_seed(100 * rank_in + 10 * rank_out + channels)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype).requires_grad_()

    receivers = torch.randint(n_receivers, (n_edges,), generator=generator)
    receivers = torch.where(receivers == 2, 3, receivers).sort().values
    n_senders = max(n_receivers, N_SENDERS)
    directions = torch.nn.functional.normalize(normal(n_edges, 3).detach(), dim=1)
    lengths = 0.3 + 3.0 * torch.rand(n_edges, 1, generator=generator, dtype=dtype)
    return (
        normal(n_senders, components(rank_in), channels),
        (lengths * directions).requires_grad_(),
        normal(KNOTS, 2, len(paths(rank_in, rank_out)), channels),
        receivers,
        torch.randint(n_senders - 1, (n_edges,), generator=generator),
        n_receivers,
        rank_out,
    )


def up_to_second_derivatives(function, arguments):
    """Messages, gradients of their squared norm, and gradients of the squared norm of these."""
    inputs = arguments[:3]
    options = {"allow_unused": True, "materialize_grads": True}  # none of them if there are no edges
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
@pytest.mark.parametrize("channels", [1, 16, 37, 64])  # below, at and beside the width of vectors; loops of their own
def test_messages_and_two_derivatives_equal_reference_in_float64(compiled, rank_in, rank_out, channels):
    arguments = random_edges(rank_in, rank_out, channels)
    # Sums of at most some thousand terms in another order: 1e-12 leaves three digits.
    assert_close(up_to_second_derivatives(compiled, arguments), up_to_second_derivatives(reference, arguments), 1e-12)


@pytest.mark.parametrize("channels", [31, 128])  # the other numbers of channels with loops of their own: 32 and 128
def test_loops_for_known_channels_equal_reference(compiled, channels):
    arguments = random_edges(2, 2, channels)
    assert_close(up_to_second_derivatives(compiled, arguments), up_to_second_derivatives(reference, arguments), 1e-12)


@pytest.mark.parametrize("isa", ["portable", "avx2"])
def test_older_processors_get_the_same_messages(compiled, isa, tmp_path):
    """In a child process: the choice is made once."""
    script = (
        "import sys, torch; from hotpp_lr.native import load_operators; load_operators()\n"
        "cases = torch.load(sys.argv[1]); op = torch.ops.hotpp_lr.tensor_message; results = []\n"
        "for x, topology in cases:\n"
        "    [t.requires_grad_() for t in x]; m = op(*x, *topology)\n"
        "    g = torch.autograd.grad(m.square().sum(), x, create_graph=True)\n"
        "    results.append([m, *g, *torch.autograd.grad(sum(t.square().sum() for t in g), x)])\n"
        "torch.save([[t.detach() for t in r] for r in results], sys.argv[1])\n"
    )
    cases, expected = [], []
    for dtype in (torch.float32, torch.float64):
        for ranks in ((0, 2), (2, 2)):
            for channels in (5, 64):
                arguments = random_edges(*ranks, channels, dtype=dtype)
                cases.append(([x.detach() for x in arguments[:3]], (*arguments[3:], CUTOFF)))
                expected.append(up_to_second_derivatives(compiled, arguments))
    path = tmp_path / "cases.pt"
    torch.save(cases, path)
    environment = {**os.environ, "HOTPP_ISA": isa, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.run(
        [sys.executable, "-c", script, str(path)], env=environment, capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
    for results, wanted in zip(torch.load(path), expected, strict=True):
        # As above; fused multiply-adds round differently.
        assert_close(results, wanted, 1e-5 if wanted[0].dtype == torch.float32 else 1e-12)


@pytest.mark.parametrize(("rank_in", "rank_out"), RANKS)
def test_messages_and_gradients_equal_reference_in_float32(compiled, rank_in, rank_out):
    arguments = random_edges(rank_in, rank_out, 24, dtype=torch.float32)
    # Float32 rounding is 6e-8 per operation; 1e-5 is some hundred of them.
    assert_close(up_to_second_derivatives(compiled, arguments), up_to_second_derivatives(reference, arguments), 1e-5)


@pytest.mark.parametrize(("rank_in", "rank_out"), [(0, 1), (0, 2), (1, 1), (2, 1), (2, 2)])
def test_gradients_equal_finite_differences(compiled, rank_in, rank_out):
    *inputs, receivers, senders, n_receivers, _ = random_edges(rank_in, rank_out, channels=2, n_edges=7)

    def messages(features, edge_vectors, table):
        return compiled(features, edge_vectors, table, receivers, senders, n_receivers, rank_out)

    assert torch.autograd.gradcheck(messages, inputs)
    assert torch.autograd.gradgradcheck(messages, inputs)


@pytest.mark.parametrize("wanted", ["positions", "positions+features"])
def test_force_loss_gradients_equal_reference(compiled, wanted):
    """Two layers as in training: forces from positions alone, then the loss differentiated by the weights."""
    first_features, edge_vectors, first_table, receivers, senders, *_ = random_edges(0, 2, 8, 40, n_receivers=8)
    second_table = random_edges(2, 1, 8, 40, n_receivers=8)[2]
    parameters = [first_features, first_table, second_table]

    def loss_gradients(function):
        h = function(first_features, edge_vectors, first_table, receivers, senders, 8, 2)
        h = function(h.tanh(), edge_vectors, second_table, receivers, senders, 8, 1)
        inputs = [edge_vectors] if wanted == "positions" else [edge_vectors, first_features]
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
    features, edge_vectors, table, *rest = random_edges(2, 2, 5)
    inputs = [x.detach().transpose(0, 1).contiguous().transpose(0, 1) for x in (features, edge_vectors, table)]
    inputs = [x.requires_grad_() for x in inputs]
    assert not inputs[0].is_contiguous()
    expected = up_to_second_derivatives(reference, (features, edge_vectors, table, *rest))
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


def test_edges_at_and_beyond_the_cutoff_contribute_nothing(compiled):
    features, edge_vectors, table, receivers, senders, *rest = random_edges(2, 2, 4)
    lengths = edge_vectors.detach().norm(dim=1, keepdim=True)
    far = torch.arange(len(receivers)) % 3 == 0
    vectors = edge_vectors.detach() / lengths * torch.where(far[:, None], 1.0001 * CUTOFF, 0.9 * lengths)
    vectors[0] *= 50.0
    results = []
    for kept in (torch.ones_like(far), ~far):
        inputs = (features, vectors[kept].requires_grad_(), table)
        results.append(up_to_second_derivatives(compiled, (*inputs, receivers[kept], senders[kept], *rest)))
    for k, (every, without) in enumerate(zip(*results, strict=True)):
        of_edges = k in (2, 5)
        assert torch.equal(every[~far] if of_edges else every, without)
        assert not of_edges or not every[far].any()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_edge_that_is_not_finite_is_not_hidden(compiled, bad):
    """A position that has become NaN must end the run, not drop its edges; an infinite distance is far away."""
    features, edge_vectors, table, *rest = random_edges(2, 2, 4)
    vectors = edge_vectors.detach() / edge_vectors.detach().norm(dim=1, keepdim=True)
    vectors[3, 1] = bad
    message = compiled(features.detach(), vectors, table.detach(), *rest)
    assert message.isnan().any().item() == (bad != bad)


def test_same_bits_with_one_and_two_threads(compiled, two_threads):
    arguments = random_edges(2, 2, 19, n_edges=3000, dtype=torch.float32, n_receivers=100)
    parallel = up_to_second_derivatives(compiled, arguments)
    torch.set_num_threads(1)
    serial = up_to_second_derivatives(compiled, arguments)
    for a, b in zip(parallel, serial, strict=True):
        assert torch.equal(a, b)


def test_usable_from_torchscript(compiled, tmp_path):
    class Layer(torch.nn.Module):
        def forward(self, features, edge_vectors, table, receivers, senders, n_receivers: int, rank_out: int):
            return torch.ops.hotpp_lr.tensor_message(
                features, edge_vectors, table, receivers, senders, n_receivers, rank_out, 3.0
            )

    torch.jit.script(Layer()).save(str(tmp_path / "layer.pt"))
    layer = torch.jit.load(str(tmp_path / "layer.pt"))
    arguments = random_edges(2, 1, 4)
    for _ in range(3):  # the profiling executor rewrites the graph after its first calls
        result = up_to_second_derivatives(layer, arguments)
    assert_close(result, up_to_second_derivatives(reference, arguments), 1e-12)


def test_inference_mode_gives_the_same_messages(compiled):
    arguments = random_edges(2, 2, 4)
    with torch.inference_mode():
        messages = compiled(*arguments)
    assert torch.equal(messages, compiled(*arguments))


def test_third_derivative_is_refused(compiled):
    features, edge_vectors, table, *rest = random_edges(1, 1, 2)
    messages = compiled(features, edge_vectors, table, *rest)
    (first,) = torch.autograd.grad(messages.square().sum(), edge_vectors, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), edge_vectors, create_graph=True)
    with pytest.raises(RuntimeError, match="third derivatives are not implemented"):
        torch.autograd.grad(second.square().sum(), edge_vectors)


@pytest.mark.parametrize(
    ("position", "change", "message"),
    [
        (0, lambda h: h[:, :5], r"features have shape .*, expected \[n_senders, 1 \| 4 \| 10, channels\]"),
        (0, lambda h: h.half(), "expected float32 or float64"),
        (0, lambda h: h[:2], r"senders\[\d+\] = \d+, expected 0 <= sender < 2"),
        (1, lambda v: v[:, :2], r"edge vectors have shape .*, expected \[29, 3\]"),
        (1, lambda v: v.float(), "convert them to one type"),
        (1, lambda v: v.to("meta"), "move them to one device"),
        (2, lambda t: t[:1], r"radial table has shape .*, expected \[2 or more, 2, 11, 4\]"),
        (2, lambda t: t[:, :, :4], r"radial table has shape .*, expected \[2 or more, 2, 11, 4\]"),
        (2, lambda t: t[..., :3], r"radial table has shape .*, expected \[2 or more, 2, 11, 4\]"),
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
