"""ASE calculator for exported models and checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from hotpp_lr.data.batch import Sample, collate, prepare
from hotpp_lr.data.read import from_ase
from hotpp_lr.device import find_device
from hotpp_lr.errors import InputError
from hotpp_lr.export import load_exported
from hotpp_lr.model.checkpoint import load_potential
from hotpp_lr.model.config import mesh_choice
from hotpp_lr.model.potential import Potential
from hotpp_lr.native import operators_found

#: Atoms of a cluster beyond which the sum over pairs takes too much memory (3 GB here).
LARGEST_CLUSTER = 5000


def load_model(path: str | Path, device: str = "cpu") -> Potential:
    """Potential of an exported model (`.pt`) or a checkpoint (`.ckpt`) on a device (`find_device`); a checkpoint also
    without the compiled operators, in PyTorch operations and with a warning. Raises InputError."""
    where = find_device(device)
    if Path(path).suffix == ".ckpt":
        return load_potential(path)[0].use_native_message(operators_found()).to(where)
    return load_exported(path, where)[0].to(where)


class HotppCalculator(Calculator):
    """Energy (eV), forces (eV/Å), stress (eV/Å³), charges (e), total dipole (e·Å) of a trained potential.

    HotppCalculator("model.pt") or HotppCalculator("model.ckpt"); dtype "float64" (default) or "float32".
    device: "cpu" (default), "cuda", "cuda:1", or "auto" (CUDA where there is one and kernels for it).
    order, mesh: assignment order and points of the long-range mesh; default: the cheapest of the model's accuracy for
    the first cell seen, chosen anew when a cell vector changes by more than 5 %. spacing: largest distance of mesh
    points along the cell vectors instead, Å. accuracy: relative rms error of the mesh forces instead of the model's.
    total_charge (e): default that of `atoms.info["total_charge"]`, else of the model. Charges are shifted to this sum.

    Atoms are periodic in three directions, or in none: then charges interact by the sum over pairs. Atomic dipoles
    are in results["dipoles"]. The dipole of a periodic cell, Σ(q r + μ), depends on which images the positions are.
    The small net force of the mesh is removed, as the LAMMPS pair style does.

    Calculators can be copied and pickled; the copy reads the model file again.

    >>> atoms.calc = HotppCalculator("model.pt")     # doctest: +SKIP
    >>> atoms.get_potential_energy()                 # doctest: +SKIP
    """

    implemented_properties: ClassVar[list[str]] = [
        "energy", "free_energy", "forces", "stress", "charges", "dipole"
    ]  # fmt: skip

    def __init__(
        self,
        model: str | Path,
        *,
        dtype: str = "float64",
        device: str = "cpu",
        order: int | None = None,
        mesh: tuple[int, int, int] | None = None,
        spacing: float | None = None,
        accuracy: float | None = None,
        total_charge: float | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if dtype not in ("float32", "float64"):
            raise InputError(f"dtype is {dtype!r}; expected 'float32' or 'float64'.")
        given = [k for k, v in (("mesh", mesh), ("spacing", spacing), ("accuracy", accuracy)) if v is not None]
        if len(given) > 1:
            raise InputError(f"{' and '.join(given)} are given; each decides the mesh, give one of them.")
        if spacing is not None and not spacing > 0:
            raise InputError(f"spacing is {spacing}; expected a distance in Å, such as 0.8.")
        if accuracy is not None and not 0 < accuracy < 1:
            raise InputError(f"accuracy is {accuracy}; expected a relative error between 0 and 1, such as 1e-4.")
        # from the root: a copy may be made in another directory
        self._model = {"path": Path(model).absolute(), "dtype": dtype, "device": device}
        self._load()
        config = self.potential.config
        if accuracy is not None:
            config = config.model_copy(update={"accuracy": accuracy})
        self._mesh = mesh_choice(config, order=order, mesh=mesh, spacing=spacing)
        self._total_charge = total_charge

    def _load(self) -> None:
        self.potential = load_model(self._model["path"], self._model["device"])
        self.potential.to(getattr(torch, self._model["dtype"])).requires_grad_(False)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "potential"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._load()

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        structure = from_ase(self.atoms)
        if self._total_charge is not None:
            structure.total_charge = self._total_charge
        if not np.isfinite(structure.positions).all():
            raise InputError("the positions contain NaN or infinity: has the dynamics or relaxation diverged?")
        config = self.potential.config
        mesh = (0, 0, 0)
        if config.has_charges and structure.periodic:
            self._mesh.update(structure.cell, len(structure.positions))
            mesh = self._mesh.mesh
        elif config.has_charges:
            self._check_cluster(structure)
        sample = prepare(structure, self.potential.normalisation.elements, config.cutoff, mesh)
        _check_distances(sample)
        batch = collate([sample]).to(self.potential.device)
        wants_stress = structure.periodic
        result = self.potential(batch, stress=wants_stress, order=self._mesh.order)

        def array(tensor):
            return tensor.detach().double().cpu().numpy()

        energy = float(result.energy)
        forces = array(result.forces)
        charges, dipoles = array(result.charges), array(result.dipoles)
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": forces - forces.mean(0),
            "charges": charges,
            "dipoles": dipoles,
            "dipole": charges @ structure.positions + dipoles.sum(0),
        }
        if wants_stress:
            self.results["stress"] = full_3x3_to_voigt_6_stress(array(result.stress)[0])

    def _check_cluster(self, structure) -> None:
        if not structure.cluster:
            raise InputError(
                f"electrostatics '{self.potential.config.electrostatics}' takes atoms that are periodic in three "
                f"directions or in none, given pbc {structure.pbc.tolist()}; for a slab set atoms.pbc = True with a "
                "vacuum above it, or use LAMMPS with 'boundary p p f'."
            )
        if len(structure) > LARGEST_CLUSTER:
            raise InputError(
                f"a cluster of {len(structure)} atoms is too large for the sum over pairs of this calculator (at most "
                f"{LARGEST_CLUSTER}); use LAMMPS with 'boundary f f f'."
            )


def _check_distances(sample: Sample) -> None:
    """Raises InputError for atoms that have no direction from each other."""
    positions, edges = sample.structure.positions, sample.edges
    vectors = positions[edges.senders] - positions[edges.receivers] + edges.shifts @ sample.structure.cell
    same = np.flatnonzero(np.square(vectors).sum(1) < 1e-12)
    if len(same):
        i, j = edges.receivers[same[0]], edges.senders[same[0]]
        raise InputError(f"atoms {i} and {j} are at the same place; remove one of them.")
