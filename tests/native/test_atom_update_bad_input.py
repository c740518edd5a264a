"""What hotpp_lr::atom_update refuses, and what it says then."""

import pytest
import torch
from atom_update_cases import LAST, make_inputs, make_network
from hotpp_lr.model.atom_update import AtomUpdate


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
