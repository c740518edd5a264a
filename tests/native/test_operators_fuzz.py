"""Whatever is given to the operators of the network: a refusal in words, or the right answer; never a crash."""

import torch
from hotpp_lr.model.atom_update import AtomUpdate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_atom_update import LAST, make_inputs, make_network
from test_atom_update import reference as update_by_modules
from test_tensor_message import CUTOFF, random_edges
from test_tensor_message import reference as message_by_reference

FUZZ = settings(
    max_examples=200, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
EXACT = 1e-11  # sums of some hundred terms in another order
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.int32, torch.int64, torch.bool, torch.complex128]
# Numbers that are one off, and numbers whose products leave 64 bits. None that a machine could half serve.
INTEGERS = st.one_of(st.integers(-3, 12), st.sampled_from([2**31, -(2**31), 2**53, 2**62, 2**63 - 1, -(2**63)]))
FLOATS = st.one_of(st.floats(-10, 10), st.floats(allow_nan=True, allow_infinity=True))


@st.composite
def spoilt(draw, tensor):
    """A tensor in another layout, of another type, of another shape, or with other numbers."""
    tensor = tensor.detach()
    kind = draw(st.sampled_from(["layout", "dtype", "cut", "shape", "dims", "expand", "number", "device"]))
    axis = draw(st.integers(0, tensor.dim() - 1))
    if kind == "layout":
        return tensor.transpose(0, axis).contiguous().transpose(0, axis)
    if kind == "dtype":
        return tensor.to(draw(st.sampled_from(DTYPES)))
    if kind == "cut":
        return tensor.narrow(axis, 0, draw(st.integers(0, tensor.size(axis))))
    if kind == "shape":
        return torch.zeros(draw(st.lists(st.integers(0, 11), max_size=4)), dtype=tensor.dtype)
    if kind == "dims":
        return tensor.unsqueeze(axis) if draw(st.booleans()) else tensor.select(axis, 0)
    if kind == "expand":
        return tensor.narrow(axis, 0, 1).expand_as(tensor)
    if kind == "device":
        return tensor.to("meta")
    tensor = tensor.clone()
    value = INTEGERS if tensor.dtype == torch.int64 else FLOATS
    tensor.view(-1)[draw(st.integers(0, tensor.numel() - 1))] = draw(value)
    return tensor


def outcome(function, arguments):
    """The outputs and the gradients of their sum of squares, or None for a refusal in words."""
    arguments = [a.requires_grad_(a.is_floating_point()) if torch.is_tensor(a) else a for a in arguments]
    try:
        outputs = function(*arguments)
        outputs = [outputs] if torch.is_tensor(outputs) else list(outputs)
        total = sum(o.square().sum() for o in outputs if o.numel())
        inputs = [a for a in arguments if torch.is_tensor(a) and a.requires_grad]
        if torch.is_tensor(total) and total.requires_grad:
            outputs += torch.autograd.grad(total, inputs, allow_unused=True, materialize_grads=True)
    except (RuntimeError, TypeError) as error:
        sentence = str(error).splitlines()[0]
        assert len(sentence) > 30, sentence
        assert "INTERNAL ASSERT" not in str(error) and "Unknown" not in sentence, sentence
        return None
    return [o.detach() for o in outputs]


def is_tame(arguments):
    """Whether rounding alone may tell two implementations apart."""
    numbers = [a.detach() for a in arguments if torch.is_tensor(a) and a.is_floating_point() and a.numel()]
    return all(
        not t.is_meta and t.dtype == torch.float64 and t.isfinite().all() and t.abs().max() < 1e3 for t in numbers
    )


def assert_same(results, expected):
    for a, e in zip(results, expected, strict=True):
        assert a.shape == e.shape
        if e.numel():
            assert (a - e).abs().max() <= EXACT * e.abs().max().clamp(min=1)


def spoil(data, arguments, scalars):
    """One or two of the arguments changed; scalars: what to draw by the place of an argument that is no tensor."""
    for place in data.draw(st.lists(st.integers(0, len(arguments) - 1), min_size=1, max_size=2, unique=True)):
        argument = arguments[place]
        arguments[place] = data.draw(spoilt(argument) if torch.is_tensor(argument) else scalars[place])
    return arguments


@FUZZ
@given(data=st.data())
def test_tensor_message(ops, data):
    rank_in, rank_out = data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))
    arguments = [*random_edges(rank_in, rank_out, data.draw(st.integers(1, 5)), n_edges=11), CUTOFF]
    spoil(data, arguments, {5: INTEGERS, 6: INTEGERS, 7: FLOATS})
    results = outcome(ops.tensor_message, arguments)
    if results is None or not is_tame(arguments) or not 0.2 < arguments[7] < 1e3:  # tiny cutoffs leave no edge
        return
    if (arguments[1].detach().norm(dim=-1) > 0.1).all():  # nearer, directions of the reference lose digits
        assert_same(results, outcome(message_by_reference, arguments))


@FUZZ
@given(data=st.data())
def test_atom_update(ops, data):
    rank = data.draw(st.integers(0, 2))
    electrostatics = data.draw(st.sampled_from(["none", "charge", "charge+dipole"] if rank else ["none", "charge"]))
    network = make_network(data.draw(st.integers(1, 5)), rank, rank > 0 and data.draw(st.booleans()), electrostatics)
    layer = data.draw(st.integers(0, LAST)) if electrostatics == "none" else LAST
    update = AtomUpdate(network, layer)
    inputs = make_inputs(network, layer, n=7)
    arguments = [*inputs, update.elements.clone(), update.weights.clone(), *update.kind()]
    before = list(arguments)
    spoil(data, arguments, dict.fromkeys(range(5, 9), st.booleans()))
    results = outcome(ops.atom_update, arguments)
    same_layer = all(a is b for a, b in zip(arguments[3:], before[3:], strict=True))
    if results is not None and same_layer and is_tame(arguments):
        expected = outcome(lambda *x: update_by_modules(network, layer, *x), arguments[:3])
        assert_same(results[:5] + results[5:7], expected)
