"""What a person sees while a training runs where there is no terminal for a progress bar."""

from __future__ import annotations

import math
import time

import lightning
from rich.console import Console


class EpochLines(lightning.Callback):
    """One line per validation, at most one every few seconds: for logs of batch jobs."""

    def __init__(self, console: Console, every_seconds: float = 5.0):
        self._console = console
        self._every = every_seconds
        self._last = -math.inf

    def on_validation_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        if trainer.sanity_checking or time.monotonic() - self._last < self._every:
            return
        self._last = time.monotonic()
        metrics = trainer.callback_metrics
        force = math.sqrt(float(metrics.get("valid/forces_mse", math.nan)))
        energy = math.sqrt(float(metrics.get("valid/energy_mse", math.nan)))
        self._console.print(
            f"epoch {trainer.current_epoch + 1:4d}  {100 * module.progress():3.0f} %  {module.elapsed():6.0f} s   "
            f"validation: forces {1e3 * force:7.1f} meV/Å, energy {1e3 * energy:7.2f} meV/atom",
            highlight=False,
            soft_wrap=True,
        )
