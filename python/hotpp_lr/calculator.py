"""ASE calculator for exported models and checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from hotpp_lr.data.batch import collate, prepare
from hotpp_lr.data.read import from_ase
from hotpp_lr.device import find_device
from hotpp_lr.errors import InputError
from hotpp_lr.export import load_exported
from hotpp_lr.model.checkpoint import load_potential
from hotpp_lr.model.config import mesh_choice
from hotpp_lr.model.potential import Potential
from hotpp_lr.native import operators_found


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
    the first cell seen, chosen anew when a cell vector changes by more than 5 %.
    Charges are neutralised; atomic dipoles are in results["dipoles"]. The small net force of the mesh
    is removed, as the LAMMPS pair style does.

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
        **kwargs,
    ):
        super().__init__(**kwargs)
        if dtype not in ("float32", "float64"):
            raise InputError(f"dtype is {dtype!r}; expected 'float32' or 'float64'.")
        self.potential = load_model(model, device).to(getattr(torch, dtype))
        self.potential.requires_grad_(False)
        self._mesh = mesh_choice(self.potential.config, order=order, mesh=mesh)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        structure = from_ase(self.atoms)
        config = self.potential.config
        mesh = (0, 0, 0)
        if config.has_charges:
            if not structure.periodic:
                raise InputError(
                    f"electrostatics '{config.electrostatics}' needs a cell periodic in three directions, given pbc "
                    f"{structure.pbc.tolist()}; set atoms.pbc = True and a cell."
                )
            self._mesh.update(structure.cell, len(structure.positions))
            mesh = self._mesh.mesh
        batch = collate([prepare(structure, self.potential.normalisation.elements, config.cutoff, mesh)])
        batch = batch.to(self.potential.device)
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
