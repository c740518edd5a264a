"""The network as engines run it: radial weights in frozen tables, nothing that can be trained."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

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


class ExportedNetwork(nn.Module):
    """Same inputs and outputs as `Network`; `tables` [knots, 2, n_paths, C], one for every layer."""

    __constants__ = ("cutoff", "has_charges", "has_dipoles")

    def __init__(self, network: Network, tables: list[Tensor]):
        super().__init__()
        self.cutoff = network.cutoff
        self.message_scale, self.scale = network.message_scale, network.scale
        self.has_charges, self.has_dipoles = network.has_charges, network.has_dipoles
        network = copy.deepcopy(network)
        self.embedding = network.embedding
        self.energy = network.energy
        self.energy_of_element = network.energy_of_element
        self.charge, self.dipole = network.charge, network.dipole
        self.layers = network.layers
        for layer, table in zip(self.layers, tables, strict=True):
            layer.exchange = GhostExchange()
            layer.message = NativeMessage(layer.rank_out, self.cutoff)
            layer.radial = nn.Identity()
            layer.register_buffer("table", table)
        self.requires_grad_(False)

    def forward(
        self, edge_vectors: Tensor, receivers: Tensor, senders: Tensor, species: Tensor, n_owned: int, exchange: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        h = self.embedding(species).unsqueeze(1)
        energies = self.energy_of_element[species[:n_owned]]
        for layer, head in zip(self.layers, self.energy):  # noqa: B905  (TorchScript knows no strict=)
            h = layer(h, edge_vectors, layer.table, receivers, senders, species, n_owned, self.message_scale, exchange)
            energies = energies + head(h[:, 0])
        energies = energies * self.scale
        charges = torch.zeros_like(energies)
        if self.has_charges:
            charges = self.charge(h[:, 0], species[:n_owned])
        dipoles = torch.zeros(n_owned, 3, dtype=edge_vectors.dtype, device=edge_vectors.device)
        if self.has_dipoles:
            dipoles = self.dipole(h[:, 1:4], h[:, 0])
        return energies, charges, dipoles
