"""Weighted squared (or Huber) errors of energy per atom, forces and stress; missing labels do not count."""

from __future__ import annotations

import torch
from torch import Tensor

from hotpp_lr.data.batch import Batch
from hotpp_lr.model.potential import Prediction
from hotpp_lr.training.config import LossConfig


def _penalty(error: Tensor, delta: float | None) -> Tensor:
    if delta is None:
        return error.square()
    # Twice torch's Huber loss: equals the square for small errors.
    return 2 * torch.nn.functional.huber_loss(error, torch.zeros_like(error), delta=delta, reduction="none")


def _mean_where(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the rows with mask; 0 (with a gradient of 0) when there are none."""
    weight = mask.to(values.dtype).view(-1, *[1] * (values.dim() - 1)).expand_as(values)
    return (values * weight).sum() / weight.sum().clamp(min=1)


def loss_terms(prediction: Prediction, batch: Batch, config: LossConfig) -> dict[str, Tensor]:
    """Weighted terms by name; their sum is the loss."""
    terms = {}
    delta = config.huber_delta
    if config.energy > 0:
        error = ((prediction.energy - batch.energy) / batch.n_atoms).to(prediction.forces.dtype)
        terms["energy"] = config.energy * _mean_where(_penalty(error, delta), batch.has_energy)
    if config.forces > 0:
        error = prediction.forces - batch.forces.to(prediction.forces.dtype)
        terms["forces"] = config.forces * _mean_where(_penalty(error, delta), batch.has_forces[batch.structure])
    if config.stress > 0:
        error = prediction.stress - batch.stress.to(prediction.forces.dtype)
        terms["stress"] = config.stress * _mean_where(_penalty(error, delta), batch.has_stress)
    return terms
