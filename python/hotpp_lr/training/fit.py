"""One training from config to checkpoint."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import lightning
import torch
import yaml
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger
from rich.console import Console
from torch.utils.data import DataLoader

from hotpp_lr.data.batch import collate
from hotpp_lr.errors import InputError
from hotpp_lr.model.checkpoint import load_potential
from hotpp_lr.model.potential import Potential
from hotpp_lr.training.callbacks import EpochLines
from hotpp_lr.training.config import Config
from hotpp_lr.training.dataset import Datasets
from hotpp_lr.training.evaluate import Errors, errors, predict
from hotpp_lr.training.findings import label_counts
from hotpp_lr.training.module import TrainingModule
from hotpp_lr.training.set_up import accelerator, check_writable, set_up


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
    check_writable(output)
    data, potential = set_up(config, console, last if resume else None)
    summary = {
        "labels": {name: label_counts(samples) for name, samples in data.sets()},
        "structures": {name: len(samples) for name, samples in data.sets()},
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


def evaluate_sets(potential: Potential, data: Datasets, config: Config) -> dict[str, Errors]:
    """Errors on every non-empty set."""
    stress = config.loss.stress > 0
    return {
        name: errors(predict(potential, samples, stress=stress), samples) for name, samples in data.sets() if samples
    }


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
        accelerator=accelerator(settings),
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
