"""The message passing network: edges and elements in, atomic energies, raw charges and dipoles out.

This module is what is exported. It knows no positions, no cell and no mesh: engines give it edge vectors and do
the electrostatics of the charges and dipoles it returns.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from hotpp_lr.model.atom_update import kind_of, pack_layer
from hotpp_lr.model.config import ModelConfig
from hotpp_lr.model.heads import ChargeHead, DipoleHead, EnergyHead
from hotpp_lr.model.message import paths, tensor_message
from hotpp_lr.model.radial import RadialBasis, RadialWeights, envelope, interpolate, tabulate
from hotpp_lr.model.repulsion import NoRepulsion
from hotpp_lr.model.tensors import by_rank
from hotpp_lr.model.update import RankLinear, Update
from hotpp_lr.native import load_operators


def distances(edge_vectors: Tensor) -> Tensor:
    """[n_edges, 3] -> [n_edges], Å."""
    return edge_vectors.square().sum(-1).sqrt()


class PerceptronMessage(nn.Module):
    """Messages with the radial weights of every edge [n_edges, n_paths, C]: the definition of the model, and slow."""

    def __init__(self, rank_out: int):
        super().__init__()
        self.rank_out = rank_out

    def forward(
        self, h: Tensor, edge_vectors: Tensor, radial: Tensor, receivers: Tensor, senders: Tensor, n_receivers: int
    ) -> Tensor:
        directions = edge_vectors / distances(edge_vectors).unsqueeze(-1)
        return tensor_message(h, directions, radial, receivers, senders, n_receivers, self.rank_out)


class TableMessage(nn.Module):
    """Messages with radial weights from a table [knots, 2, n_paths, C], in PyTorch operations."""

    def __init__(self, rank_out: int, cutoff: float):
        super().__init__()
        self.rank_out = rank_out
        self.cutoff = cutoff

    def forward(
        self, h: Tensor, edge_vectors: Tensor, table: Tensor, receivers: Tensor, senders: Tensor, n_receivers: int
    ) -> Tensor:
        r = distances(edge_vectors)
        radial = interpolate(table, r, self.cutoff)
        return tensor_message(h, edge_vectors / r.unsqueeze(-1), radial, receivers, senders, n_receivers, self.rank_out)


class NativeMessage(nn.Module):
    """`TableMessage` as the fused operator of `csrc/ops`."""

    def __init__(self, rank_out: int, cutoff: float):
        super().__init__()
        load_operators()
        self.rank_out = rank_out
        self.cutoff = cutoff

    def forward(
        self, h: Tensor, edge_vectors: Tensor, table: Tensor, receivers: Tensor, senders: Tensor, n_receivers: int
    ) -> Tensor:
        return torch.ops.hotpp_lr.tensor_message(
            h, edge_vectors, table, receivers, senders, n_receivers, self.rank_out, self.cutoff
        )


class NoExchange(nn.Module):
    """All atoms are owned: nothing to fetch."""

    def forward(self, h: Tensor, exchange: int) -> Tensor:
        return h


class GhostExchange(nn.Module):
    """Features of owned atoms -> features of owned and ghost atoms, by the engine that registered `exchange`."""

    def __init__(self):
        super().__init__()
        load_operators()

    def forward(self, h: Tensor, exchange: int) -> Tensor:
        return torch.ops.hotpp_lr.ghost_exchange(h, exchange)


class Layer(nn.Module):
    """One round: mix, fetch ghosts, sum messages over neighbours, update."""

    __constants__ = ("first",)

    def __init__(self, config: ModelConfig, rank_in: int, n_elements: int):
        super().__init__()
        rank_out = config.max_rank
        self.rank_in = rank_in
        self.rank_out = rank_out
        self.first = rank_in == 0
        self.mix = RankLinear(config.channels, config.channels, rank_in)
        self.radial = RadialWeights(
            config.radial_functions, config.radial_hidden, len(paths(rank_in, rank_out)), config.channels
        )
        self.message = TableMessage(rank_out, config.cutoff)
        self.exchange = NoExchange()
        self.receiver_scale = nn.Embedding(n_elements, config.channels)
        nn.init.normal_(self.receiver_scale.weight, 1.0, 0.3)
        self.update = Update(config.channels, rank_out, config.many_body)

    def forward(
        self,
        h: Tensor,
        edge_vectors: Tensor,
        radial: Tensor,
        receivers: Tensor,
        senders: Tensor,
        species: Tensor,
        n_owned: int,
        scale: float,
        exchange: int,
    ) -> Tensor:
        """h [n_total, 1, C] in the first layer (elements of ghosts are known), else [n_owned, components, C].

        radial: what `self.message` takes, weights of the edges or a table.
        """
        sent = self.mix(h)
        if not self.first:
            sent = self.exchange(sent, exchange)
        message = self.message(sent, edge_vectors, radial, receivers, senders, n_owned) * scale
        new = self.update(message, self.receiver_scale(species[:n_owned]))
        old = h if h.shape[0] == n_owned else h[:n_owned]
        if old.shape[1] < new.shape[1]:
            old = nn.functional.pad(old, (0, 0, 0, new.shape[1] - old.shape[1]))
        return old + new


#: 1/√⟨SiLU(x)²⟩ for a standard normal x: what the linear map behind the activation must make up for.
_SILU_GAIN = 1.68


def _initialise(module: nn.Module) -> None:
    """Unit variance through every linear map; torch's default shrinks a signal to a third at each of them, and
    forces of a fresh network would be 10⁻⁴ of their scale. To be used with `Module.apply` (children first)."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0.0, module.in_features**-0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, RadialWeights):
        nn.init.normal_(module.out.weight, 0.0, _SILU_GAIN * module.out.in_features**-0.5)
    elif isinstance(module, nn.Sequential):
        for before, after in itertools.pairwise(module):
            if isinstance(before, nn.SiLU) and isinstance(after, nn.Linear):
                nn.init.normal_(after.weight, 0.0, _SILU_GAIN * after.in_features**-0.5)


class Network(nn.Module):
    """E(3)-equivariant Cartesian tensor message passing with energy, charge and dipole heads.

    `mean_neighbours` normalises the sums, `scale` (eV) the energies, `charge_guess` [n_elements] starts the charges;
    `repulsion` is what atoms do at close contact (see model/repulsion.py).
    """

    __constants__ = ("cutoff", "has_charges", "has_dipoles", "native", "tables")

    def __init__(
        self,
        config: ModelConfig,
        n_elements: int,
        mean_neighbours: float,
        scale: float,
        charge_guess: Tensor,
        repulsion: nn.Module | None = None,
    ):
        super().__init__()
        self.cutoff = config.cutoff
        self.knots = config.radial_knots
        self.tables = True
        self.native = False
        self.message_scale = max(mean_neighbours, 1.0) ** -0.5
        self.scale = scale
        self.has_charges = config.has_charges
        self.has_dipoles = config.has_dipoles
        self.embedding = nn.Embedding(n_elements, config.channels)
        self.basis = RadialBasis(config.radial_functions, config.cutoff)
        ranks = [0] + [config.max_rank] * (config.layers - 1)
        self.layers = nn.ModuleList([Layer(config, rank, n_elements) for rank in ranks])
        self.energy = nn.ModuleList([EnergyHead(config.channels) for _ in ranks])
        self.energy_of_element = nn.Parameter(torch.zeros(n_elements))
        self.charge = ChargeHead(config.channels, charge_guess) if self.has_charges else nn.Identity()
        self.dipole = DipoleHead(config.channels) if self.has_dipoles else nn.Identity()
        self.repulsion = NoRepulsion() if repulsion is None else repulsion
        self.apply(_initialise)

    def use_native_message(self, native: bool = True) -> Network:
        """Compiled operators (for the sums over neighbours, with tables of the radial weights, and for the work on the
        atoms between them), or the same in PyTorch operations, which is the reference."""
        self.tables, self.native = True, native
        kind = NativeMessage if native else TableMessage
        for layer in self.layers:
            layer.message = kind(layer.rank_out, self.cutoff)
        return self

    def use_perceptron(self) -> Network:
        """Compute the radial weights on every edge: what the tables approximate."""
        self.tables = self.native = False
        for layer in self.layers:
            layer.message = PerceptronMessage(layer.rank_out)
        return self

    def use_ghost_exchange(self) -> Network:
        """Let an engine fill the features of ghost atoms between layers (exported models)."""
        for layer in self.layers:
            layer.exchange = GhostExchange()
        return self

    def forward(
        self, edge_vectors: Tensor, receivers: Tensor, senders: Tensor, species: Tensor, n_owned: int, exchange: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Atomic energies [n_owned] eV (without E0), raw charges [n_owned] e, dipoles [n_owned, 3] e·Å.

        edge_vectors [n_edges, 3]  r_sender - r_receiver, Å
        receivers    [n_edges]     owned atoms, ascending
        senders      [n_edges]     owned or ghost atoms
        species      [n_total]     index into the elements, owned atoms first
        exchange                   handle of the engine's ghost exchange; 0: every sender is owned
        """
        if self.native:  # a constant for TorchScript as well
            return self._forward_native(edge_vectors, receivers, senders, species, n_owned, exchange)
        h = self.embedding(species).unsqueeze(1)
        energies = self.energy_of_element[species[:n_owned]]
        for layer, head in zip(self.layers, self.energy):  # noqa: B905  (TorchScript knows no strict=)
            if self.tables:  # a constant for TorchScript, which compiles only the other branch
                radial = tabulate(layer.radial, self.basis, self.cutoff, self.knots)
            else:
                r = distances(edge_vectors)
                radial = layer.radial(self.basis(r), envelope(r, self.cutoff))
            h = layer(h, edge_vectors, radial, receivers, senders, species, n_owned, self.message_scale, exchange)
            energies = energies + head(by_rank(h)[0].squeeze(1))
        energies = energies * self.scale + self.repulsion(edge_vectors, receivers, senders, species, n_owned)
        charges = torch.zeros_like(energies)
        if self.has_charges:
            charges = self.charge(by_rank(h)[0].squeeze(1), species[:n_owned])
        dipoles = torch.zeros(n_owned, 3, dtype=edge_vectors.dtype, device=edge_vectors.device)
        if self.has_dipoles:
            ranks = by_rank(h)
            dipoles = self.dipole(ranks[1], ranks[0].squeeze(1))
        return energies, charges, dipoles

    def _forward_native(
        self, edge_vectors: Tensor, receivers: Tensor, senders: Tensor, species: Tensor, n_owned: int, exchange: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`forward` by two operators per layer; parameters and tables are packed anew, since training changes them."""
        owned = species[:n_owned]
        energies = self.repulsion(edge_vectors, receivers, senders, species, n_owned)
        charges, dipoles = torch.zeros_like(energies), torch.zeros_like(edge_vectors[:1]).expand(n_owned, 3)
        h = self.embedding(owned).unsqueeze(1)
        sent = self.layers[0].mix(self.embedding(species).unsqueeze(1))
        for k, layer in enumerate(self.layers):
            if k > 0:
                sent = layer.exchange(sent, exchange)
            table = tabulate(layer.radial, self.basis, self.cutoff, self.knots)
            messages = layer.message(sent, edge_vectors, table, receivers, senders, n_owned)
            h, sent, of_layer, *of_last = torch.ops.hotpp_lr.atom_update(
                messages, h, owned, *pack_layer(self, k), *kind_of(self, k)
            )
            energies = energies + of_layer
        if self.has_charges:
            charges = of_last[0]
        if self.has_dipoles:
            dipoles = of_last[1]
        return energies, charges, dipoles
