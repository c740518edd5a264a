"""The Lightning module: one training step, validation, the learning rate."""

from __future__ import annotations

import math
import time
from typing import Any

import lightning
import torch

from hotpp_lr.data.batch import Batch
from hotpp_lr.model.checkpoint import KEY, describe
from hotpp_lr.model.potential import Potential
from hotpp_lr.training.config import Config
from hotpp_lr.training.loss import loss_terms


def learning_rate(config, progress: float, step: int) -> float:
    """Linear warm-up, then a half cosine to the final rate at progress 1."""
    warmup = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    low, high = config.final_learning_rate, config.learning_rate
    return warmup * (low + (high - low) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))


class TrainingModule(lightning.LightningModule):
    """Trains a `Potential`. Progress is counted in epochs or, with `max_minutes`, in time, whichever is further, so
    that the learning rate always comes down to its final value."""

    def __init__(self, potential: Potential, config: Config, summary: dict[str, Any]):
        super().__init__()
        self.potential = potential
        self.config = config
        self.summary = summary
        self._elapsed = 0.0
        self._clock: float | None = None

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return batch.to(device)

    def configure_optimizers(self):
        settings = self.config.training
        return torch.optim.AdamW(
            self.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, amsgrad=True
        )

    def progress(self) -> float:
        """Fraction of the training that is done."""
        settings = self.config.training
        done = self.trainer.global_step / max(1, settings.max_epochs * self.trainer.num_training_batches)
        if settings.max_minutes is not None:
            done = max(done, self.elapsed() / (60 * settings.max_minutes))
        return done

    def elapsed(self) -> float:
        """Seconds of training, those before a resume included."""
        return self._elapsed + (time.monotonic() - self._clock if self._clock is not None else 0.0)

    def on_train_start(self) -> None:
        self._clock = time.monotonic()

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        rate = learning_rate(self.config.training, self.progress(), self.trainer.global_step)
        for group in self.optimizers().param_groups:
            group["lr"] = rate
        self.log("learning_rate", rate, batch_size=1)

    def _losses(self, batch: Batch, *, create_graph: bool):
        prediction = self.potential(batch, stress=self.config.loss.stress > 0, create_graph=create_graph)
        return prediction, loss_terms(prediction, batch, self.config.loss)

    def training_step(self, batch: Batch, batch_idx: int):
        _, terms = self._losses(batch, create_graph=True)
        loss = sum(terms.values())
        n = len(batch.n_atoms)
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=n)
        self.log("loss", loss.detach(), prog_bar=True, logger=False, batch_size=n)
        return loss

    def on_train_batch_end(self, outputs, batch: Batch, batch_idx: int) -> None:
        if not math.isfinite(float(outputs["loss"])):
            raise FloatingPointError(
                f"The loss became {float(outputs['loss'])} at step {self.trainer.global_step}; lower "
                "training.learning_rate, or check the data for wrong labels (the last checkpoint is kept)."
            )
        if self.config.training.max_minutes is not None and self.progress() >= 1.0:
            self.trainer.should_stop = True

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        with torch.enable_grad():  # forces are a gradient
            prediction, terms = self._losses(batch, create_graph=False)
        n = len(batch.n_atoms)
        self.log("valid/loss", sum(terms.values()).detach(), batch_size=n, sync_dist=True)
        if batch.has_forces.any():
            chosen = batch.has_forces[batch.structure]
            square = (prediction.forces - batch.forces)[chosen].square().mean().detach()
            self.log("valid/forces_mse", square, batch_size=int(batch.has_forces.sum()), sync_dist=True)
        if batch.has_energy.any():
            error = ((prediction.energy - batch.energy) / batch.n_atoms)[batch.has_energy]
            square = error.square().mean().detach()
            self.log("valid/energy_mse", square, batch_size=int(batch.has_energy.sum()), sync_dist=True)

    def on_validation_epoch_end(self) -> None:
        mse = self.trainer.callback_metrics.get("valid/forces_mse")
        if mse is not None:
            self.log("validation forces meV/Å", 1e3 * math.sqrt(float(mse)), prog_bar=True, logger=False)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[KEY] = describe(self.potential, self.summary)
        checkpoint["hotpp-lr elapsed"] = self.elapsed()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._elapsed = checkpoint["hotpp-lr elapsed"]
