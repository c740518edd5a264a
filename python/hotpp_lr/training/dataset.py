"""The three sets, read, checked and prepared before the first step."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from hotpp_lr.data.batch import Sample, prepare
from hotpp_lr.data.neighbours import neighbour_list
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
    #: Structures of one atom without neighbours, of all sets. They are not trained on: the energy of an atom in a
    #: structure, which E0 is for, lies some eV from that of the isolated one.
    isolated: list[Structure]

    def sets(self) -> tuple[tuple[str, list[Sample]], ...]:
        return (("train", self.train), ("valid", self.valid), ("test", self.test))


def sample(structure: Structure, elements: tuple[int, ...], model: ModelConfig) -> Sample:
    """Neighbours and mesh of a structure for this model. Raises InputError for what the model cannot treat."""
    if not model.has_charges:
        return prepare(structure, elements, model.cutoff)
    if structure.cluster:
        return prepare(structure, elements, model.cutoff)
    if not structure.periodic:
        raise InputError(
            f"{structure.source}: electrostatics '{model.electrostatics}' takes structures that are periodic in three "
            f"directions or in none, given pbc {structure.pbc.tolist()}; make a slab periodic with a vacuum above it "
            "(pbc=\"T T T\"), or use electrostatics 'none'."
        )
    mesh = _mesh(model, tuple(map(tuple, structure.cell.tolist())), len(structure))
    return prepare(structure, elements, model.cutoff, mesh)


@functools.lru_cache(maxsize=1024)  # most sets have few cells, and a choice takes tens of milliseconds
def _mesh(model: ModelConfig, cell: tuple[tuple[float, ...], ...], n_atoms: int) -> tuple[int, int, int]:
    choice = mesh_choice(model, order=model.order)
    choice.update(np.array(cell), n_atoms)
    return choice.mesh


def load_datasets(config: Config) -> Datasets:
    """Training, validation and test samples of a config. Raises InputError before anything expensive happens."""
    data, cutoff = config.data, config.model.cutoff
    names = data.keys.model_dump()
    isolated: list[Structure] = []

    def read(paths) -> list[Structure]:
        structures = [] if paths is None else read_structures(paths, names=names)
        isolated.extend(s for s in structures if _is_isolated(s, cutoff))
        return [s for s in structures if not _is_isolated(s, cutoff)]

    train, valid, test = read(data.train), read(data.valid), read(data.test)
    if data.valid is None:
        if len(train) < 2:
            raise InputError(
                f"The training set has {len(train)} structure{'' if len(train) == 1 else 's'} of more than an isolated "
                "atom and there is no data.valid; give one, or more structures."
            )
        order = np.random.default_rng(config.seed).permutation(len(train))
        n_valid = max(1, round(data.valid_fraction * len(train)))
        valid = [train[i] for i in sorted(order[:n_valid])]
        train = [train[i] for i in sorted(order[n_valid:])]
    if not train:
        raise InputError("The training set has no structures of more than an isolated atom; add some.")
    if not valid:
        raise InputError("The validation set has no structures of more than an isolated atom; add some.")
    elements = elements_of(train)
    _check_labels(train, config)

    def prepared(structures: list[Structure]) -> list[Sample]:
        return [sample(s, elements, config.model) for s in structures]

    sets = Datasets(prepared(train), prepared(valid), prepared(test), elements, isolated)
    if not any(len(s.edges.receivers) for s in sets.train):
        raise InputError(
            f"No atom of the training set has a neighbour within model.cutoff = {cutoff} Å; "
            "check the cutoff and the length unit (Å) of the data."
        )
    return sets


def _is_isolated(structure: Structure, cutoff: float) -> bool:
    return len(structure) == 1 and len(neighbour_list(structure, cutoff).receivers) == 0


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
