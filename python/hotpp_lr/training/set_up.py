"""What happens before the first step of a training: the data are read and described, the potential is made."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import lightning
import numpy as np
import torch
from ase.data import chemical_symbols
from lightning.pytorch.accelerators import AcceleratorRegistry
from rich.console import Console
from torch import Tensor

from hotpp_lr.data.batch import Sample, collate
from hotpp_lr.device import find_device
from hotpp_lr.errors import InputError
from hotpp_lr.model.checkpoint import load_potential
from hotpp_lr.model.potential import Potential
from hotpp_lr.training.config import Config, TrainingConfig
from hotpp_lr.training.dataset import Datasets, load_datasets
from hotpp_lr.training.evaluate import predict
from hotpp_lr.training.findings import describe, warnings
from hotpp_lr.training.loss import loss_terms
from hotpp_lr.training.statistics import normalisation


def set_up(config: Config, console: Console, resume_from: Path | None = None) -> tuple[Datasets, Potential]:
    """Everything before the first step: reads the data, says what they are, makes the potential, estimates the time.

    resume_from: checkpoint that gives the potential. Raises InputError.
    """
    lightning.seed_everything(config.seed, verbose=False)
    if config.training.threads is not None:
        torch.set_num_threads(config.training.threads)
    where = accelerator(config.training)
    with console.status("reading the data ..."):
        data = load_datasets(config)
    _say_data(console, data, config)
    if resume_from is None:
        potential = Potential(config.model, normalisation(data.train, data.elements))
    else:
        potential = potential_to_resume(resume_from, config, data.elements)
    potential.use_native_message(config.training.message == "native")
    potential.to(getattr(torch, config.training.precision))
    if resume_from is None:
        calm_messages(potential, data.train)
        potential.use_native_message(config.training.message == "native")
        absorb_mean_energy(potential, data.train)
    _say_model(console, potential, config)
    if where == "cpu":
        console.print(_time_estimate(potential, data.train, config), highlight=False, soft_wrap=True)
    return data, potential


def potential_to_resume(checkpoint: Path, config: Config, elements: Sequence[int]) -> Potential:
    """Potential of a checkpoint, if the config still describes it. Raises InputError."""
    potential, _ = load_potential(checkpoint)
    before, now = potential.config.model_dump(), config.model.model_dump()
    changed = [f"{k} (was {before[k]!r}, is {now[k]!r})" for k in now if before[k] != now[k]]
    if changed:
        raise InputError(
            f"'{checkpoint}' cannot be resumed with another model: {', '.join(changed)}; put the old values into "
            "the section 'model' of the config, or start anew with another 'output'."
        )
    if set(potential.normalisation.elements) != set(elements):
        before, now = (
            " ".join(chemical_symbols[z] for z in numbers) for numbers in (potential.normalisation.elements, elements)
        )
        raise InputError(
            f"'{checkpoint}' was trained on {before}, the training set has {now}: start anew with another 'output'."
        )
    return potential.train()


#: Largest rms of the scalar messages of a fresh layer. Ionic melts, whose neighbours are far apart, stay below.
LARGEST_MESSAGE = 1.0


@torch.no_grad()
def calm_messages(potential: Potential, samples: Sequence[Sample], most_atoms: int = 2000) -> None:
    """Scale the messages of a fresh potential down where neighbours are close, element by element and layer by layer.

    The sums over neighbours are normalised for neighbours of unit weight, but the radial functions grow like cutoff/r,
    and the atoms take products of their messages: with covalent bonds the forces of a fresh network would be 10⁴
    (water) to 10⁶ (carbon chains) times too large, and the training would take most of its time to undo that.
    Leaves the potential in PyTorch operations.
    """
    chosen = list(samples[:: max(1, len(samples) // 16)])
    while len(chosen) > 1 and sum(len(s.structure) for s in chosen) > most_atoms:
        chosen.pop()
    batch = collate(chosen)
    network = potential.network.use_native_message(False)
    for layer in network.layers:
        mixed: list[Tensor] = []
        handle = layer.update.mix.register_forward_hook(
            lambda module, inputs, output, mixed=mixed: mixed.append(output)
        )
        with torch.enable_grad():  # forces are a gradient
            potential(batch)
        handle.remove()
        scalars = mixed[0][:, 0] * layer.receiver_scale(batch.species)
        for element in range(len(layer.receiver_scale.weight)):
            rms = scalars[batch.species == element].square().mean().sqrt()
            if rms > LARGEST_MESSAGE:  # False for an element that is not in these structures
                layer.receiver_scale.weight[element] *= LARGEST_MESSAGE / rms


def absorb_mean_energy(potential: Potential, samples: Sequence[Sample], n_samples: int = 32) -> None:
    """Make the mean energy per atom of a fresh potential right, by the same shift for all elements.

    E0 was fitted to energies that contain the electrostatic energy, of some eV per atom with the first guess of the
    charges. Left to training, that offset is first removed by shrinking the charges: they then end near half their
    true size, with dipoles that mean little.
    """
    step = max(1, len(samples) // n_samples)
    chosen = [s for s in samples if s.structure.energy is not None][::step]
    if not chosen:
        return
    predicted = predict(potential, chosen).energy
    offset = np.mean([(s.structure.energy - e) / len(s.structure) for s, e in zip(chosen, predicted, strict=True)])
    with torch.no_grad():
        potential.network.energy_of_element += offset / potential.normalisation.energy_scale


def _say_data(console: Console, data: Datasets, config: Config) -> None:
    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True, markup=False)

    for name, samples in data.sets():
        if samples:
            for line in describe(name, samples):
                say(line)
    if data.isolated:
        names = sorted({chemical_symbols[s.numbers[0]] for s in data.isolated})
        say(
            f"note: structures of one isolated atom left out: {len(data.isolated)} ({', '.join(names)}); E0 comes from "
            "the others"
        )
    for sentence in warnings(data.sets(), config):
        say(f"warning: {sentence}")


def _say_model(console: Console, potential: Potential, config: Config) -> None:
    constants = potential.normalisation
    e0 = ", ".join(
        f"{chemical_symbols[z]} {e:.3f}" for z, e in zip(constants.elements, constants.atomic_energies, strict=True)
    )
    for line in (
        f"Model: {sum(p.numel() for p in potential.parameters()):,} parameters, electrostatics "
        f"'{config.model.electrostatics}', cutoff {config.model.cutoff} Å, "
        f"{constants.mean_neighbours:.1f} neighbours on average",
        f"       E0, least squares over the compositions: {e0} eV",
    ):
        console.print(line, highlight=False, soft_wrap=True)


def _time_estimate(potential: Potential, samples: Sequence[Sample], config: Config) -> str:
    """How long the training will take, from two steps on a batch of it."""
    settings = config.training
    step = max(1, len(samples) // settings.batch_size)
    batch = collate(samples[::step][: settings.batch_size])
    for _ in range(2):  # the first one warms up
        start = time.perf_counter()
        prediction = potential(batch, stress=config.loss.stress > 0, create_graph=True)
        sum(loss_terms(prediction, batch, config.loss).values()).backward()
        seconds = time.perf_counter() - start
    potential.zero_grad(set_to_none=True)
    steps = -(-len(samples) // settings.batch_size)
    epochs = seconds * steps
    total = settings.max_epochs * epochs / 60
    if settings.max_minutes is not None and settings.max_minutes < total:
        length = f"about {60 * settings.max_minutes / epochs:.0f} epochs in max_minutes = {settings.max_minutes:g}"
    else:
        length = f"{settings.max_epochs} epochs take about {_duration(total)}"
    return (
        f"       {1e3 * seconds:.0f} ms per step of {min(settings.batch_size, len(samples))} structures on "
        f"{torch.get_num_threads()} CPU thread{'s' if torch.get_num_threads() > 1 else ''}, {steps} steps per epoch: "
        f"{length}, validation besides"
    )


def _duration(minutes: float) -> str:
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"


def check_writable(output: Path) -> None:
    """Raises InputError when nothing can be written into the folder, which need not exist yet."""
    there = next(p for p in (output, *output.absolute().parents) if p.exists())
    if not there.is_dir():
        raise InputError(f"The output folder '{output}' cannot be made: '{there}' is a file; choose another 'output'.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"The output folder '{output}' cannot be written: no permission for '{there}'.")


def accelerator(settings: TrainingConfig) -> str:
    """Lightning's name of where to train. Raises InputError when it is not there."""
    if settings.accelerator == "auto":
        return "gpu" if find_device("auto").type == "cuda" else "cpu"
    if settings.accelerator in ("gpu", "cuda") and (settings.message == "native" or not torch.cuda.is_available()):
        try:
            find_device("cuda")
        except InputError as reason:
            raise InputError(f"training.accelerator is {settings.accelerator!r}: {reason}") from None
    if settings.accelerator not in AcceleratorRegistry.available_accelerators() and settings.accelerator != "gpu":
        raise InputError(f"training.accelerator is {settings.accelerator!r}; expected 'auto', 'cpu' or 'gpu'.")
    return settings.accelerator
