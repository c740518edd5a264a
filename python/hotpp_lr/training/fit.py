"""One training from config to checkpoint."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import lightning
import numpy as np
import torch
import yaml
from lightning.pytorch.accelerators import AcceleratorRegistry
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger
from rich.console import Console
from torch.utils.data import DataLoader

from hotpp_lr.data.batch import Sample, collate
from hotpp_lr.device import find_device
from hotpp_lr.errors import InputError
from hotpp_lr.model.checkpoint import load_potential
from hotpp_lr.model.potential import Potential
from hotpp_lr.training.callbacks import EpochLines
from hotpp_lr.training.config import Config, TrainingConfig
from hotpp_lr.training.dataset import Datasets, label_counts, load_datasets
from hotpp_lr.training.evaluate import Errors, errors, predict
from hotpp_lr.training.module import TrainingModule
from hotpp_lr.training.statistics import normalisation


@dataclass
class Report:
    """Checkpoint of the best model and its errors on every set that exists ('train', 'valid', 'test')."""

    checkpoint: Path
    errors: dict[str, Errors]


def train(config: Config, *, resume: bool = False, console: Console | None = None) -> Report:
    """Train, keep the best model as `<output>/model.ckpt`, write `<output>/errors.json`.

    Raises InputError for unusable data or an output folder that already holds a training (unless `resume`).
    """
    console = console or Console()
    output = config.output
    last = output / "last.ckpt"
    if resume and not last.is_file():
        raise InputError(f"Nothing to resume: '{last}' does not exist; start without --resume.")
    if not resume and (output / "model.ckpt").exists():
        raise InputError(
            f"Output folder '{output}' already holds a training; continue it with --resume, or choose another 'output'."
        )
    lightning.seed_everything(config.seed, verbose=False)
    if config.training.threads is not None:
        torch.set_num_threads(config.training.threads)
    data = load_datasets(config)
    _say_data(console, data)

    potential = Potential(config.model, normalisation(data.train, data.elements))
    potential.use_native_message(config.training.message == "native")
    potential.to(getattr(torch, config.training.precision))
    absorb_mean_energy(potential, data.train)
    console.print(
        f"Model: {sum(p.numel() for p in potential.parameters()):,} parameters, electrostatics "
        f"'{config.model.electrostatics}', cutoff {config.model.cutoff} Å, "
        f"{potential.normalisation.mean_neighbours:.1f} neighbours on average",
        highlight=False,
        soft_wrap=True,
    )
    summary = {
        "labels": {name: label_counts(samples) for name, samples in _sets(data)},
        "structures": {name: len(samples) for name, samples in _sets(data)},
        "seed": config.seed,
    }
    module = TrainingModule(potential, config, summary)
    output.mkdir(parents=True, exist_ok=True)
    (output / "config.yaml").write_text(yaml.safe_dump(json.loads(config.model_dump_json()), sort_keys=False))
    device = _fit(module, data, config, last if resume else None, console)

    checkpoint = output / "model.ckpt"
    best, _ = load_potential(checkpoint)
    best.use_native_message(config.training.message == "native").to(device)
    report = Report(checkpoint, evaluate_sets(best, data, config))
    path = output / "errors.json"
    path.write_text(json.dumps({k: asdict(v) for k, v in report.errors.items()}, indent=2) + "\n")
    return report


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


def evaluate_sets(potential: Potential, data: Datasets, config: Config) -> dict[str, Errors]:
    """Errors on every non-empty set."""
    stress = config.loss.stress > 0
    return {
        name: errors(predict(potential, samples, stress=stress), samples) for name, samples in _sets(data) if samples
    }


def _sets(data: Datasets):
    return (("train", data.train), ("valid", data.valid), ("test", data.test))


def _say_data(console: Console, data: Datasets) -> None:
    for name, samples in _sets(data):
        if samples:
            counts = ", ".join(f"{k} {n}" for k, n in label_counts(samples).items())
            console.print(f"{name:>5}: {len(samples)} structures; with labels: {counts}", highlight=False)


def _accelerator(settings: TrainingConfig) -> str:
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


def _fit(
    module: TrainingModule, data: Datasets, config: Config, resume_from: Path | None, console: Console
) -> torch.device:
    """Trains the module; returns the device on which that was done."""
    settings = config.training
    # Lightning's hints about workers and sanity checks do not concern a data set that lies in memory.
    warnings.filterwarnings("ignore", module="lightning")
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    terminal = sys.stderr.isatty() and sys.stdout.isatty() and "CI" not in os.environ
    callbacks = [
        ModelCheckpoint(
            dirpath=config.output,
            filename="model",
            monitor="valid/loss",
            save_last=True,
            enable_version_counter=False,
            every_n_epochs=settings.validate_every,
        ),
        RichProgressBar() if terminal else EpochLines(console),
    ]
    if settings.ema_decay > 0:
        # Buffers are constants here; averaging them would only round them.
        callbacks.append(EMAWeightAveraging(decay=settings.ema_decay, use_buffers=False))
    if settings.patience is not None:
        callbacks.append(EarlyStopping("valid/loss", patience=settings.patience))
    trainer = lightning.Trainer(
        accelerator=_accelerator(settings),
        devices=settings.devices,
        max_epochs=settings.max_epochs,
        gradient_clip_val=settings.gradient_clip,
        callbacks=callbacks,
        enable_progress_bar=terminal,
        enable_model_summary=False,
        logger=CSVLogger(config.output, name="log", version=0 if resume_from is None else None),
        inference_mode=False,  # forces are a gradient
        num_sanity_val_steps=0,
        check_val_every_n_epoch=settings.validate_every,
        log_every_n_steps=20,
    )
    generator = torch.Generator().manual_seed(config.seed)
    try:
        trainer.fit(
            module,
            DataLoader(data.train, settings.batch_size, shuffle=True, collate_fn=collate, generator=generator),
            DataLoader(data.valid, 8, collate_fn=collate),
            ckpt_path=resume_from,
            weights_only=True,
        )
    except SystemExit:
        # Lightning's answer to Ctrl-C
        if not trainer.interrupted:
            raise
    if trainer.interrupted:
        kept = (config.output / "last.ckpt").exists()
        console.print(
            f"Stopped; the epochs so far are kept in {config.output}: continue with --resume."
            if kept
            else "Stopped before the first epoch was complete; nothing to resume.",
            soft_wrap=True,
        )
        raise KeyboardInterrupt
    return trainer.strategy.root_device
