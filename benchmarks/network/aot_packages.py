"""The network as one graph of tensor operations, and AOTInductor packages of it. Used by aot_inductor.py."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from ase.neighborlist import neighbor_list
from hotpp_lr.model.checkpoint import load_potential
from hotpp_lr.model.exported import ExportedNetwork, frozen_tables
from hotpp_lr.model.message import components
from hotpp_lr.native import load_operators
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx

sys.path.insert(0, str(Path(__file__).parents[1] / "md"))
from system import CUTOFF, melt

#: perceptron, tables: the whole step in PyTorch operations; fused: forward only, of the compiled operators.
PACKAGES = ("perceptron", "tables", "fused")


def inputs(ions: int) -> tuple[Tensor, ...]:
    """Edge vectors [n_edges, 3] Å, receivers, senders, species, and derivatives of the mesh energy by charges [n] and
    dipoles [n, 3], of the melt in float32."""
    atoms = melt(ions)
    receivers, senders, vectors = neighbor_list("ijD", atoms, CUTOFF)
    generator = torch.Generator().manual_seed(0)
    return (
        torch.from_numpy(vectors).float(),
        torch.from_numpy(receivers),
        torch.from_numpy(senders),
        torch.from_numpy((atoms.numbers == 17).astype("int64")),
        torch.randn(ions, generator=generator),
        torch.randn(ions, 3, generator=generator),
    )


def potential_of(folder: Path, kind: str) -> nn.Module:
    """The network of model.ckpt, frozen: 'perceptron' or 'tables' (those of the exported file, made in every call) in
    PyTorch operations, 'fused' as exported."""
    network = load_potential(folder / "model.ckpt")[0].double().network.eval().requires_grad_(False)
    tables, knots, _ = frozen_tables(network)
    if kind == "fused":
        return ExportedNetwork(network, tables).eval()
    if kind == "perceptron":
        return network.use_perceptron()
    network.knots = knots
    return network.use_native_message(False)


def runnable(network: nn.Module) -> Callable[..., tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Energies, charges, dipoles and the gradient by the edge vectors as a function of `inputs`."""

    def step(edge_vectors, receivers, senders, species, by_charge, by_dipole):
        edges = edge_vectors.detach().requires_grad_()
        energies, charges, dipoles = network(edges, receivers, senders, species, species.shape[0], 0)
        total = energies.sum() + (charges * by_charge).sum() + (dipoles * by_dipole).sum()
        (gradient,) = torch.autograd.grad(total, edges)
        return energies.detach(), charges.detach(), dipoles.detach(), gradient

    return step


def forward_only(network: nn.Module) -> Callable[..., tuple[Tensor, Tensor, Tensor]]:
    def step(edge_vectors, receivers, senders, species):
        with torch.no_grad():
            return network(edge_vectors, receivers, senders, species, species.shape[0], 0)

    return step


@torch.library.custom_op("hotpp_lr_benchmark::message", mutates_args=())
def message(
    features: Tensor, edges: Tensor, table: Tensor, receivers: Tensor, senders: Tensor, n: int, rank: int, cutoff: float
) -> Tensor:
    """tensor_message with the shape that torch.export asks for."""
    return torch.ops.hotpp_lr.tensor_message(features, edges, table, receivers, senders, n, rank, cutoff)


@message.register_fake
def _(features, edges, table, receivers, senders, n, rank, cutoff):
    return features.new_empty(n, components(rank), features.shape[2])


@torch.library.custom_op("hotpp_lr_benchmark::update", mutates_args=())
def update(
    messages: Tensor,
    features: Tensor,
    species: Tensor,
    elements: Tensor,
    weights: Tensor,
    many_body: bool,
    last: bool,
    charges: bool,
    dipoles: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """atom_update likewise."""
    return torch.ops.hotpp_lr.atom_update(
        messages, features, species, elements, weights, many_body, last, charges, dipoles
    )


@update.register_fake
def _(messages, features, species, elements, weights, many_body, last, charges, dipoles):
    n, none = messages.shape[0], (0,)
    new = none if last else tuple(messages.shape)
    shapes = (new, new, (n,), (n,) if charges else none, (n, 3) if dipoles else none)
    return tuple(messages.new_empty(shape) for shape in shapes)


class FusedForward(nn.Module):
    """`ExportedNetwork` of two layers or more with the operators above, which torch.export can look through: the
    product's own declare no shapes, and atom_update computes inside its autograd kernel, where no tracer sees it."""

    def __init__(self, exported: ExportedNetwork):
        super().__init__()
        self.exported = exported

    def forward(self, edge_vectors: Tensor, receivers: Tensor, senders: Tensor, species: Tensor):
        model = self.exported
        h = model.embedding.index_select(0, species)
        sent, rows = model.sent_by_element, species.index_select(0, senders)
        energies = torch.zeros_like(edge_vectors[:, 0]).narrow(0, 0, species.shape[0])
        for layer in model.layers:
            rank, cutoff = layer.message.rank_out, layer.message.cutoff
            messages = message(sent, edge_vectors, layer.table, receivers, rows, species.shape[0], rank, cutoff)
            kept = layer.update
            h, sent, of_layer, charges, dipoles = update(
                messages, h, species, kept.elements, kept.weights, *kept.kind()
            )
            energies, rows = energies + of_layer, senders
        return energies, charges, dipoles


def build(folder: Path, name: str, ions: int, path: Path) -> None:
    """Trace, export and compile one of `PACKAGES` for the shapes of `inputs(ions)`."""
    load_operators()
    # Else the number of threads at this moment becomes part of the package.
    torch._inductor.config.cpp.dynamic_threads = True
    given = inputs(ions)
    network = copy.deepcopy(potential_of(folder, name)).float()
    if name == "fused":
        given = given[:4]
        module = FusedForward(network)
    else:
        module = make_fx(runnable(network))(*given)
    with torch.no_grad():
        exported = torch.export.export(module, given)
        torch._inductor.aoti_compile_and_package(exported, package_path=str(path))
