"""The exported model: one self-describing TorchScript file that engines load without running Python or pickled code."""

from __future__ import annotations

import copy
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase.data import chemical_symbols
from torch import Tensor

import hotpp_lr
from hotpp_lr.errors import InputError
from hotpp_lr.model.checkpoint import load_potential, stored_config
from hotpp_lr.model.exported import ExportedNetwork, frozen_tables
from hotpp_lr.model.network import Network
from hotpp_lr.model.potential import Normalisation, Potential
from hotpp_lr.native import load_operators

#: Name of the metadata inside the file, and the version of their layout. lammps_plugin/model_metadata reads them.
METADATA = "hotpp.json"
FORMAT = "hotpp-lr"
FORMAT_VERSION = 2

#: Largest relative difference between the network with the same tables in PyTorch operations and the file read back
#: (float64): rounding, in another order of the sums.
TOLERANCE = 1e-10
#: The same between tables and perceptron. Forces contain slopes, which a table knows less well than values.
FORCE_TOLERANCE = 1e-3


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


@dataclass(frozen=True)
class Differences:
    """Largest relative differences of energies, charges, dipoles and their derivatives over a random cluster of atoms.

    from_tables: the file read back, from the same tables in PyTorch operations; from_perceptron: from the network of
    the checkpoint with its perceptron on every edge. knots, table_error: see `frozen_tables`; 0 without tables.
    """

    from_tables: float
    from_perceptron: float
    knots: int
    table_error: float


def export_model(
    checkpoint: str | Path, output: str | Path, *, overwrite: bool = False, eager: bool = False
) -> Differences:
    """Write the model of a checkpoint as TorchScript; returns how far it is from the checkpoint.

    The file is read back and compared with the checkpoint (evaluated in PyTorch operations) before it gets its name.
    eager: PyTorch operations and the perceptron on every edge instead of tables and fused operators; slower, for
    comparison. Raises InputError for an unusable checkpoint or an existing output, RuntimeError when it fails.
    """
    output = Path(output)
    if output.exists() and not overwrite:
        raise InputError(f"'{output}' exists; choose another name with -o, or overwrite it with --force.")
    if not output.parent.is_dir():
        raise InputError(f"The folder '{output.parent}' of the output does not exist; create it first.")
    potential, summary = load_potential(checkpoint)
    reference = potential.double().network.eval().requires_grad_(False)
    if eager:
        knots, table_error = 0, 0.0
        network = copy.deepcopy(reference).use_perceptron().use_ghost_exchange()
    else:
        tables, knots, table_error = frozen_tables(reference)
        network = ExportedNetwork(reference, tables)
    about = metadata(potential, summary) | {
        "errors": _errors_beside(Path(checkpoint)),
        "radial_tables": {"knots": knots, "error": table_error},
    }
    scripted = torch.jit.script(network.eval())

    handle, name = tempfile.mkstemp(dir=output.parent, prefix=output.name, suffix=".part")
    os.close(handle)
    try:
        torch.jit.save(scripted, name, _extra_files={METADATA: json.dumps(about, ensure_ascii=False, indent=1)})
        restored, _ = load_exported(name)
        differences = _verify(reference, restored.network, knots, table_error)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)  # mkstemp made it private
        os.replace(name, output)
    finally:
        Path(name).unlink(missing_ok=True)
    return differences


def _verify(reference: Network, restored: torch.nn.Module, knots: int, table_error: float) -> Differences:
    reference.use_perceptron()
    from_perceptron = from_tables = largest_difference(reference, restored)
    if knots:
        reference.knots = knots
        from_tables = largest_difference(reference.use_native_message(False), restored)
    for found, allowed, what in (
        (from_tables, TOLERANCE, "the checkpoint, evaluated in PyTorch operations"),
        (from_perceptron, FORCE_TOLERANCE, "the checkpoint without tables"),
    ):
        if not found <= allowed:
            raise RuntimeError(
                f"The exported model differs from {what} by {found:.1e} (relative), more than {allowed:.0e}; "
                "nothing was written. Please report this with the checkpoint."
            )
    return Differences(from_tables, from_perceptron, knots, table_error)


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
    return Potential(stored_config(about["model"]), Normalisation(**constants), network=scripted), about


def _outputs_and_gradient(network: torch.nn.Module, inputs: tuple, seeds: list[Tensor]) -> list[Tensor]:
    edges = inputs[0].clone().requires_grad_()
    outputs = network(edges, *inputs[1:])
    total = sum((o * s).sum() for o, s in zip(outputs, seeds, strict=True))
    return [*(o.detach() for o in outputs), *torch.autograd.grad(total, edges)]


def largest_difference(reference: Network, network: torch.nn.Module) -> float:
    """Largest difference of energies, charges, dipoles and their edge gradients over a random cluster of atoms,
    relative to the largest value of each."""
    cutoff = reference.cutoff
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
