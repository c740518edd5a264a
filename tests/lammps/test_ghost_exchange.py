"""The operator that fills the features of ghost atoms, with the exchange of one process (an index copy)."""

import pytest
import torch
from hotpp_lr.native import load_operators
from ionic_crystals import rock_salt
from python_reference import evaluate

load_operators()
OWNERS = torch.tensor([0, 1, 2, 2, 0, 0])


@pytest.fixture
def exchange():
    handle = torch.ops.hotpp_lr.register_index_exchange(OWNERS, 3)
    yield handle
    torch.ops.hotpp_lr.release_exchange(handle)


def test_ghosts_get_the_rows_of_their_owners(exchange):
    owned = torch.randn(3, 2, 4)
    assert torch.equal(torch.ops.hotpp_lr.ghost_exchange(owned, exchange), owned[OWNERS])


def test_handle_zero_is_the_identity():
    owned = torch.randn(3, 2, requires_grad=True)
    assert torch.equal(torch.ops.hotpp_lr.ghost_exchange(owned, 0), owned)


def test_derivatives_of_first_and_second_order(exchange):
    owned = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)

    def cubic(x):
        return torch.ops.hotpp_lr.ghost_exchange(x, exchange) ** 3

    assert torch.autograd.gradcheck(cubic, owned)
    assert torch.autograd.gradgradcheck(cubic, owned)


def test_wrong_number_of_rows_and_unknown_handle_are_errors(exchange):
    with pytest.raises(RuntimeError, match="got 4 rows of owned atoms, expected 3"):
        torch.ops.hotpp_lr.ghost_exchange(torch.zeros(4, 1), exchange)
    with pytest.raises(RuntimeError, match="not the handle of a registered exchange"):
        torch.ops.hotpp_lr.ghost_exchange(torch.zeros(3, 1), exchange + 1)


def test_a_model_with_ghosts_equals_one_without(models):
    """The model with explicit image atoms and an exchange gives the energy of the periodic evaluation."""
    ions = rock_salt((2, 2, 2), noise=0.15)
    n = len(ions)
    cell = torch.tensor(ions.cell)
    shifts = torch.cartesian_prod(*[torch.arange(-1, 2)] * 3).double()
    shifts = torch.cat([shifts[13:14], shifts[:13], shifts[14:]])  # the cell itself first
    positions = (torch.tensor(ions.positions) + (shifts @ cell).unsqueeze(1)).reshape(-1, 3)
    owners = torch.arange(n).repeat(len(shifts))
    distances = (positions[:n].unsqueeze(1) - positions).square().sum(-1).sqrt()
    receivers, senders = ((distances < 4.0) & (distances > 0)).nonzero(as_tuple=True)

    handle = torch.ops.hotpp_lr.register_index_exchange(owners, n)
    species = (torch.as_tensor(ions.types) - 1)[owners]
    model = torch.jit.load(str(models["none"]))
    energies, _, _ = model(positions[senders] - positions[receivers], receivers, senders, species, n, handle)
    torch.ops.hotpp_lr.release_exchange(handle)
    isolated = 4 * -1.25 + 4 * -2.5
    assert energies.sum().item() + isolated == pytest.approx(evaluate(models["none"], ions).energy, abs=1e-10)
