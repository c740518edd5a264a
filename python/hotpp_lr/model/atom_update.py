"""The work on the atoms between two sums over neighbours as one compiled operator.

`csrc/ops/atom_update.h` says what the operator computes; here the parameters of a layer, its heads and the next
layer's channel mixing are packed into the two tensors it reads. Factors that are constant (normalisation of the sums,
scale of the energy) are multiplied into them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from hotpp_lr.model.heads import ChargeHead, DipoleHead, EnergyHead
from hotpp_lr.model.update import RankLinear, Update
from hotpp_lr.native import load_operators

if TYPE_CHECKING:
    from hotpp_lr.model.network import Network

#: Rows of the packed matrices are padded with zeros to a multiple of this (kWeightPadding of the operator).
PADDING = 16


class _Packer:
    """Matrices and rows in the order of csrc/ops/atom_update_weights.h."""

    def __init__(self, channels: int):
        self.channels = channels
        self.matrices: list[Tensor] = []
        self.rows: list[Tensor] = []

    def matrix(self, weight: Tensor) -> None:
        """weight [C_out, several C_in]: one matrix per group of C inputs."""
        self.matrices.extend(weight.split(self.channels, dim=1))

    def linear(self, layer: nn.Linear) -> None:
        self.matrix(layer.weight)
        self.rows.append(layer.bias)

    def mix(self, mix: RankLinear) -> None:
        for linear in (mix.scalar, mix.vector, mix.tensor)[: mix.rank + 1]:
            self.matrix(linear.weight)

    def perceptron(self, layers: nn.Sequential, factor: float) -> None:
        self.linear(layers[0])
        self.rows.append(factor * layers[2].weight[0])

    def packed(self) -> Tensor:
        missing = -self.channels % PADDING

        def pad(x: Tensor) -> Tensor:
            return nn.functional.pad(x, (0, missing)).flatten()

        blocks = [m.T for m in self.matrices] + self.matrices + self.rows
        return torch.cat([pad(block) for block in blocks])


def pack_weights(
    update: Update,
    energy: EnergyHead,
    next_mix: RankLinear | None,
    charge: ChargeHead | None,
    dipole: DipoleHead | None,
    energy_scale: float,
) -> Tensor:
    """The operator's `weights` of one layer; `next_mix` None: the last one. Energies in units of 1/energy_scale."""
    channels, rank, last = update.channels, update.rank, next_mix is None
    unused = []
    pack = _Packer(channels)
    pack.mix(update.mix)
    pack.linear(update.scalar)
    if rank >= 1:
        gates = update.gates.weight.split(channels), update.gates.bias.split(channels)
        for k, (linear, present) in enumerate(
            ((update.vector, not last or dipole is not None), (update.tensor, not last))
        ):
            if k < rank and present:
                pack.matrix(gates[0][k])
                pack.rows.append(gates[1][k])
                pack.matrix(linear.weight)
            elif k < rank:
                unused.append(linear.weight)
        if len(unused) == rank:  # then nothing reads the gates either
            unused += [update.gates.weight, update.gates.bias]
    pack.perceptron(energy.perceptron, energy_scale)
    if next_mix is not None:
        pack.mix(next_mix)
    if charge is not None:
        pack.perceptron(charge.perceptron, ChargeHead.SCALE)
    if dipole is not None:
        pack.linear(dipole.gate[0])
        pack.linear(dipole.gate[2])
        pack.rows.append(DipoleHead.SCALE * dipole.out.weight[0])
    if unused:  # their gradients are zeros, not missing: training on several devices waits for every parameter
        pack.rows[0] = pack.rows[0] + 0.0 * sum(weight.sum() for weight in unused)
    return pack.packed()


def pack_elements(factor: Tensor, energy: Tensor | None, charge: Tensor | None) -> Tensor:
    """The operator's `elements` [n_elements, C + 2]: factor of the messages [n_elements, C], energy and charge that an
    element adds [n_elements] (None: nothing)."""
    nothing = torch.zeros_like(factor[:, 0])
    columns = [nothing if column is None else column for column in (energy, charge)]
    return torch.cat([factor, torch.stack(columns, dim=1)], dim=1)


def pack_layer(network: Network, index: int) -> tuple[Tensor, Tensor]:
    """The operator's `elements` and `weights` of one layer of a network, differentiable by its parameters."""
    layer, last = network.layers[index], index + 1 == len(network.layers)
    elements = pack_elements(
        network.message_scale * layer.receiver_scale.weight,
        network.scale * network.energy_of_element if index == 0 else None,
        network.charge.of_element if last and network.has_charges else None,
    )
    weights = pack_weights(
        layer.update,
        network.energy[index],
        None if last else network.layers[index + 1].mix,
        network.charge if last and network.has_charges else None,
        network.dipole if last and network.has_dipoles else None,
        network.scale,
    )
    return elements, weights


def kind_of(network: Network, index: int) -> tuple[bool, bool, bool, bool]:
    """The operator's many_body, last, charges and dipoles for one layer of a network."""
    last = index + 1 == len(network.layers)
    return network.layers[index].update.many_body, last, last and network.has_charges, last and network.has_dipoles


class AtomUpdate(nn.Module):
    """One layer of a frozen `Network` from its messages on, and the mixing with which the next layer begins."""

    __constants__ = ("charges", "dipoles", "last", "many_body")

    def __init__(self, network: Network, index: int):
        super().__init__()
        load_operators()
        self.many_body, self.last, self.charges, self.dipoles = kind_of(network, index)
        with torch.no_grad():
            elements, weights = pack_layer(network, index)
        self.register_buffer("weights", weights)
        self.register_buffer("elements", elements)

    def kind(self) -> tuple[bool, bool, bool, bool]:
        """The operator's many_body, last, charges and dipoles."""
        return self.many_body, self.last, self.charges, self.dipoles

    def forward(
        self, messages: Tensor, features: Tensor, species: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Outputs of the layer; those that do not exist have no elements.

        messages [n, 1 | 4 | 10, C]  plain sums over neighbours: their normalisation is in `elements`
        features [n, 1 | same, C]    of the layer before
        species  [n]

        features [n, as messages, C], sent [n, as messages, C] (mixed for the next layer): not in the last layer
        energies [n] eV              to be added to those of the other layers
        charges  [n] e, dipoles [n, 3] e·Å: in the last layer, where the network has them
        """
        return torch.ops.hotpp_lr.atom_update(messages, features, species, self.elements, self.weights, *self.kind())
