"""The exported model: one self-describing TorchScript file that engines load without running Python or pickled code."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.data import chemical_symbols
from torch import Tensor

import hotpp_lr
from hotpp_lr.errors import InputError
from hotpp_lr.model.checkpoint import load_potential
from hotpp_lr.model.config import ModelConfig
from hotpp_lr.model.network import Network
from hotpp_lr.model.potential import Normalisation, Potential
from hotpp_lr.native import load_operators

#: Name of the metadata inside the file, and the version of their layout. lammps_plugin/model_metadata reads them.
METADATA = "hotpp.json"
FORMAT = "hotpp-lr"
FORMAT_VERSION = 1

#: Largest relative difference between the checkpoint and the file read back (float64).
TOLERANCE = 1e-6


def metadata(potential: Potential, summary: dict[str, Any]) -> dict[str, Any]:
    """Everything an engine or a person must know about the model; units eV, Å, e."""
    config, constants = potential.config, potential.normalisation
    symbols = [chemical_symbols[z] for z in constants.elements]
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "written_by": f"hotpp-lr {hotpp_lr.__version__}, torch {torch.__version__}",
        "elements": symbols,
        "cutoff": config.cutoff,
        "layers": config.layers,
        "channels": config.channels,
        "max_rank": config.max_rank,
        "electrostatics": config.electrostatics,
        "smearing": config.smearing,
        "kernel": config.kernel,
        "order": config.order,
        "accuracy": config.accuracy,
        "deconvolution": "alias",
        "boundary": "periodic",
        "total_charge": config.total_charge,
        "dtype": "float64",
        "units": {"energy": "eV", "length": "Å", "charge": "e"},
        "atomic_energies": dict(zip(symbols, constants.atomic_energies, strict=True)),
        "model": config.model_dump(),
        "normalisation": asdict(constants),
        "training": summary,
    }


def export_model(checkpoint: str | Path, output: str | Path, *, overwrite: bool = False) -> float:
    """Write the model of a checkpoint as TorchScript; returns the largest relative difference that was found.

    The file is read back and compared with the checkpoint (evaluated in PyTorch operations) before it gets its name.
    Raises InputError for an unusable checkpoint or an existing output, RuntimeError when the comparison fails.
    """
    output = Path(output)
    if output.exists() and not overwrite:
        raise InputError(f"'{output}' exists; choose another name with -o, or overwrite it with --force.")
    if not output.parent.is_dir():
        raise InputError(f"The folder '{output.parent}' of the output does not exist; create it first.")
    potential, summary = load_potential(checkpoint)
    about = metadata(potential, summary) | {"errors": _errors_beside(Path(checkpoint))}
    reference = potential.double().network

    network = Network(potential.config, len(about["elements"]), 1.0, 1.0, torch.zeros(len(about["elements"])))
    network.message_scale, network.scale = reference.message_scale, reference.scale
    network = network.double().use_native_message().use_ghost_exchange()
    network.load_state_dict(reference.state_dict())
    network.requires_grad_(False)
    scripted = torch.jit.script(network.eval())

    handle, name = tempfile.mkstemp(dir=output.parent, prefix=output.name, suffix=".part")
    os.close(handle)
    try:
        torch.jit.save(scripted, name, _extra_files={METADATA: json.dumps(about, ensure_ascii=False, indent=1)})
        restored, _ = load_exported(name)
        difference = largest_difference(reference, restored.network, potential.config.cutoff)
        if difference > TOLERANCE:
            raise RuntimeError(
                f"The exported model differs from the checkpoint by {difference:.1e} (relative), more than "
                f"{TOLERANCE:.0e}; nothing was written. Please report this with the checkpoint."
            )
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)  # mkstemp made it private
        os.replace(name, output)
    finally:
        Path(name).unlink(missing_ok=True)
    return difference


def _errors_beside(checkpoint: Path) -> dict[str, Any]:
    """The errors that hotpp-train measured on its sets (eV/atom, eV/Å, eV/Å³); empty when its file was not kept."""
    path = checkpoint.with_name("errors.json")
    return json.loads(path.read_text()) if path.is_file() else {}


def load_exported(path: str | Path, device: torch.device | str = "cpu") -> tuple[Potential, dict[str, Any]]:
    """Potential that evaluates an exported file, with the network on a device, and its metadata. Raises InputError."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"Model file '{path}' does not exist; write one with hotpp-export model.ckpt.")
    load_operators()
    extra = {METADATA: ""}
    try:
        scripted = torch.jit.load(path, map_location=device, _extra_files=extra)
    except Exception as reason:
        raise InputError(
            f"'{path}' cannot be read as an exported model ({type(reason).__name__}); it is damaged or of another "
            "kind; write it anew with hotpp-export model.ckpt."
        ) from reason
    about = json.loads(extra[METADATA]) if extra[METADATA] else {}
    if about.get("format") != FORMAT:
        raise InputError(f"'{path}' is not a model of hotpp-lr; write one with hotpp-export model.ckpt.")
    if about["format_version"] != FORMAT_VERSION:
        raise InputError(
            f"'{path}' has format {about['format_version']}, this version of hotpp-lr reads {FORMAT_VERSION}; "
            "export the checkpoint again."
        )
    constants = {k: tuple(v) if isinstance(v, list) else v for k, v in about["normalisation"].items()}
    return Potential(ModelConfig(**about["model"]), Normalisation(**constants), network=scripted), about


def _outputs_and_gradient(network: torch.nn.Module, inputs: tuple, seeds: list[Tensor]) -> list[Tensor]:
    edges = inputs[0].clone().requires_grad_()
    outputs = network(edges, *inputs[1:])
    total = sum((o * s).sum() for o, s in zip(outputs, seeds, strict=True))
    return [*(o.detach() for o in outputs), *torch.autograd.grad(total, edges)]


def largest_difference(reference: torch.nn.Module, network: torch.nn.Module, cutoff: float) -> float:
    """Largest difference of energies, charges, dipoles and their edge gradients over a random cluster of atoms,
    relative to the largest value of each."""
    random = np.random.default_rng(0)
    n_elements = len(reference.energy_of_element)
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), -1).reshape(-1, 3)
    positions = 0.55 * cutoff * (grid + random.uniform(-0.15, 0.15, grid.shape))
    vectors = positions[None] - positions[:, None]
    distance = np.linalg.norm(vectors, axis=-1)
    receivers, senders = np.nonzero((distance < cutoff) & (distance > 0))
    n = len(positions)
    inputs = (
        torch.from_numpy(vectors[receivers, senders]),
        torch.from_numpy(receivers),
        torch.from_numpy(senders),
        torch.from_numpy(random.integers(0, n_elements, n)),
        n,
        0,
    )
    seeds = [torch.from_numpy(random.normal(size=shape)) for shape in (n, n, (n, 3))]
    worst = 0.0
    for a, b in zip(*(_outputs_and_gradient(m, inputs, seeds) for m in (reference, network)), strict=True):
        worst = max(worst, float((a - b).abs().max() / a.abs().max().clamp(min=1e-12)))
    return worst
