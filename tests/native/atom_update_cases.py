"""Layers and inputs for the tests of hotpp_lr::atom_update, and the modules of hotpp_lr.model, its specification."""

import itertools

import torch
from hotpp_lr.model.config import ModelConfig
from hotpp_lr.model.network import Network

ATOMS, ELEMENTS, LAYERS, LAST = 53, 3, 3, 2  # atoms: more than two blocks, and not a multiple of six
OUTPUTS = ("features", "sent", "energies", "charges", "dipoles")

KINDS = [
    (rank, many_body, electrostatics, layer)
    for rank, many_body, electrostatics, layer in itertools.product(
        (0, 1, 2), (True, False), ("none", "charge", "charge+dipole"), range(LAYERS)
    )
    if not (rank == 0 and (many_body or electrostatics == "charge+dipole"))
    and not (layer < LAST and electrostatics != "none")  # charges and dipoles are read in the last layer only
]


def make_network(channels=5, rank=2, many_body=True, electrostatics="charge+dipole", dtype=torch.float64) -> Network:
    """Three layers: the first, one between and the last differ."""
    torch.manual_seed(10 * rank + channels)
    config = ModelConfig(
        channels=channels, max_rank=rank, many_body=many_body, electrostatics=electrostatics, layers=LAYERS
    )
    network = Network(config, ELEMENTS, 12.0, 1.7, torch.tensor([0.5, -0.4, 0.1]))
    for parameter in network.parameters():  # zeros of a fresh network (biases) would hide their being forgotten
        torch.nn.init.normal_(parameter, 0.0, parameter.shape[-1] ** -0.5)
    return network.to(dtype).requires_grad_(False)


def make_inputs(network, layer, n=ATOMS):
    """Messages [n, components, C], features [n, 1 | components, C], species [n]."""
    generator = torch.Generator().manual_seed(7)
    dtype, channels = network.embedding.weight.dtype, network.embedding.embedding_dim
    components = (1, 4, 10)[network.layers[0].rank_out]
    species = torch.randint(ELEMENTS, (n,), generator=generator)
    messages = 3.0 * torch.randn(n, components, channels, generator=generator, dtype=dtype)
    features = torch.randn(n, components if layer else 1, channels, generator=generator, dtype=dtype)
    return messages, features, species


def reference(network, layer, messages, features, species):
    """What `Network.forward` does after the sum over neighbours, up to the mixing of the next layer."""
    this = network.layers[layer]
    new = this.update(messages * network.message_scale, this.receiver_scale(species))
    new = new + torch.nn.functional.pad(features, (0, 0, 0, new.shape[1] - features.shape[1]))
    energies = network.scale * network.energy[layer](new[:, 0])
    if layer == 0:
        energies = energies + network.scale * network.energy_of_element[species]
    none = messages.new_empty(0)
    if layer < LAST:
        return new, network.layers[layer + 1].mix(new), energies, none, none
    charges = network.charge(new[:, 0], species) if network.has_charges else none
    dipoles = network.dipole(new[:, 1:4], new[:, 0]) if network.has_dipoles else none
    return none, none, energies, charges, dipoles


def linear_function(outputs):
    generator = torch.Generator().manual_seed(3)
    return sum((o * torch.randn(o.shape, generator=generator, dtype=torch.float64).to(o.device)).sum() for o in outputs)


def with_gradients(function, messages, features, species):
    """Outputs, and the gradients of a random linear function of them by messages and features."""
    inputs = [messages.clone().requires_grad_(), features.clone().requires_grad_()]
    outputs = function(*inputs, species)
    return *outputs, *torch.autograd.grad(linear_function(outputs), inputs)


def assert_close(actual, expected, tolerance):
    """Largest deviation relative to the largest element."""
    for name, a, e in zip((*OUTPUTS, "d messages", "d features"), actual, expected, strict=False):
        assert a.shape == e.shape and a.dtype == e.dtype, name
        if e.numel():
            assert (a - e).abs().max() <= tolerance * e.abs().max().clamp(min=1), name
