"""The network as engines run it: radial weights in frozen tables, nothing that can be trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hotpp_lr.model.atom_update import AtomUpdate
from hotpp_lr.model.network import GhostExchange, NativeMessage, Network
from hotpp_lr.model.radial import RadialBasis, RadialWeights, envelope, interpolate, tabulate

#: What the tables may differ from the perceptron, relative to the largest weight of a path.
TABLE_TOLERANCE = 1e-6
#: Knots up to which tables are refined; a network that needs more is not smooth.
MOST_KNOTS = 16385
#: Å; closer no two atoms come, and the weights there, which grow like 1/r, say nothing about those elsewhere.
CLOSEST = 0.5


def table_error(table: Tensor, radial_weights: RadialWeights, basis: RadialBasis, cutoff: float) -> float:
    """Largest difference from the perceptron, per path relative to its largest weight, from `CLOSEST` to the cutoff."""
    intervals = table.shape[0] - 1
    # The error of the interpolation has its maximum in the middle of an interval.
    r = (torch.arange(intervals, dtype=table.dtype) + 0.5) * (cutoff / intervals)
    r = r[r > CLOSEST]
    exact = radial_weights(basis(r), envelope(r, cutoff))
    difference = (interpolate(table, r, cutoff) - exact).abs().amax((0, 2))
    return float((difference / exact.abs().amax((0, 2)).clamp(min=1e-30)).max())


@torch.no_grad()
def frozen_tables(network: Network) -> tuple[list[Tensor], int, float]:
    """Tables of all layers, the number of their knots and their error, which is below `TABLE_TOLERANCE`.

    The spacing of the training's tables is halved until that is met. network: float64. Raises RuntimeError.
    """
    knots = network.knots
    while knots <= MOST_KNOTS:
        tables = [tabulate(layer.radial, network.basis, network.cutoff, knots) for layer in network.layers]
        error = max(
            table_error(table, layer.radial, network.basis, network.cutoff)
            for table, layer in zip(tables, network.layers, strict=True)
        )
        if error < TABLE_TOLERANCE:
            return tables, knots, error
        knots = 2 * knots - 1  # halves the spacing
    raise RuntimeError(
        f"The radial weights of this model vary too fast for a table: with {MOST_KNOTS} knots the error is {error:.1e} "
        f"of their scale, {TABLE_TOLERANCE:.0e} is asked for. The training has probably diverged; look at its log."
    )


class ExportedLayer(nn.Module):
    """Sum over neighbours with a frozen table, and everything that follows on the atoms."""

    def __init__(self, network: Network, index: int, table: Tensor):
        super().__init__()
        self.message = NativeMessage(network.layers[index].rank_out, network.cutoff)
        self.register_buffer("table", table)
        self.update = AtomUpdate(network, index)

    def forward(
        self,
        h: Tensor,
        sent: Tensor,
        edge_vectors: Tensor,
        receivers: Tensor,
        senders: Tensor,
        species: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """h: features [n_owned, ...] of the layer before; sent: what the rows `senders` [n_edges] send; species
        [n_owned]. Returns what `AtomUpdate` does."""
        messages = self.message(sent, edge_vectors, self.table, receivers, senders, h.shape[0])
        return self.update(messages, h, species)


class ExportedNetwork(nn.Module):
    """Same inputs and outputs as `Network`; `tables` [knots, 2, n_paths, C], one for every layer.

    Nothing but buffers and compiled operators: a step is two calls per layer.
    """

    __constants__ = ("has_charges", "has_dipoles")

    def __init__(self, network: Network, tables: list[Tensor]):
        super().__init__()
        self.has_charges, self.has_dipoles = network.has_charges, network.has_dipoles
        with torch.no_grad():
            embedding = network.embedding.weight.unsqueeze(1).clone()
            self.register_buffer("embedding", embedding)  # [n_elements, 1, C]
            # What an atom sends in the first layer depends on its element only: nothing to exchange, no derivative.
            self.register_buffer("sent_by_element", network.layers[0].mix(embedding))
        self.layers = nn.ModuleList([ExportedLayer(network, k, table) for k, table in enumerate(tables)])
        self.exchange = GhostExchange()
        self.repulsion = network.repulsion

    def forward(
        self, edge_vectors: Tensor, receivers: Tensor, senders: Tensor, species: Tensor, n_owned: int, exchange: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        owned = species[:n_owned]
        h = self.embedding.index_select(0, owned)
        sent, rows = self.sent_by_element, species.index_select(0, senders)
        energies = self.repulsion(edge_vectors, receivers, senders, species, n_owned)
        charges, dipoles = energies, energies
        for k, layer in enumerate(self.layers):
            if k > 0:
                sent, rows = self.exchange(sent, exchange), senders
            h, sent, of_layer, charges, dipoles = layer(h, sent, edge_vectors, receivers, rows, owned)
            energies = energies + of_layer
        if not self.has_charges:
            charges = torch.zeros_like(energies)
        if not self.has_dipoles:
            dipoles = torch.zeros(n_owned, 3, dtype=edge_vectors.dtype, device=edge_vectors.device)
        return energies, charges, dipoles
