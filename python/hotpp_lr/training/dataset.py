"""The three sets, read, checked and prepared before the first step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hotpp_lr.data.batch import Sample, prepare
from hotpp_lr.data.read import read_structures
from hotpp_lr.data.structure import Structure
from hotpp_lr.errors import InputError
from hotpp_lr.model.config import ModelConfig, mesh_choice
from hotpp_lr.training.config import Config
from hotpp_lr.training.statistics import elements_of


@dataclass
class Datasets:
    train: list[Sample]
    valid: list[Sample]
    test: list[Sample]
    elements: tuple[int, ...]


def sample(structure: Structure, elements: tuple[int, ...], model: ModelConfig) -> Sample:
    """Neighbours and mesh of a structure for this model. Raises InputError for what the model cannot treat."""
    if not model.has_charges:
        return prepare(structure, elements, model.cutoff)
    if not structure.periodic:
        raise InputError(
            f"{structure.source}: electrostatics '{model.electrostatics}' needs a cell that is periodic in three "
            f"directions, given pbc {structure.pbc.tolist()}; put it into a periodic cell or use electrostatics 'none'."
        )
    choice = mesh_choice(model, order=model.order)
    choice.update(structure.cell, len(structure.positions))
    return prepare(structure, elements, model.cutoff, choice.mesh)


def load_datasets(config: Config) -> Datasets:
    """Training, validation and test samples of a config. Raises InputError before anything expensive happens."""
    data = config.data
    train = read_structures(data.train)
    if data.valid is not None:
        valid = read_structures(data.valid)
    else:
        if len(train) < 2:
            raise InputError(
                f"The training set has {len(train)} structure and there is no data.valid; give one, or more structures."
            )
        order = np.random.default_rng(config.seed).permutation(len(train))
        n_valid = max(1, round(data.valid_fraction * len(train)))
        valid = [train[i] for i in sorted(order[:n_valid])]
        train = [train[i] for i in sorted(order[n_valid:])]
    test = read_structures(data.test) if data.test is not None else []
    elements = elements_of(train)
    _check_labels(train, config)

    def prepared(structures: list[Structure]) -> list[Sample]:
        return [sample(s, elements, config.model) for s in structures]

    sets = Datasets(prepared(train), prepared(valid), prepared(test), elements)
    if not any(len(s.edges.receivers) for s in sets.train):
        raise InputError(
            f"No atom of the training set has a neighbour within model.cutoff = {config.model.cutoff} Å; "
            "check the cutoff and the length unit (Å) of the data."
        )
    return sets


def _check_labels(train: list[Structure], config: Config) -> None:
    for name, weight in (
        ("energy", config.loss.energy),
        ("forces", config.loss.forces),
        ("stress", config.loss.stress),
    ):
        if weight > 0 and all(getattr(s, name) is None for s in train):
            raise InputError(
                f"loss.{name} is {weight} but no structure of the training set has a label '{name}'; "
                f"set loss.{name}: 0 or add the label."
            )


def label_counts(structures: list[Sample]) -> dict[str, int]:
    """How many structures carry each label."""
    return {
        name: sum(getattr(s.structure, name) is not None for s in structures) for name in ("energy", "forces", "stress")
    }
