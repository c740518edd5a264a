"""What defines a model: everything a checkpoint or an exported file must carry."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hotpp_lr.electrostatics.mesh_choice import MeshChoice


class ModelConfig(BaseModel):
    """The `model:` section of a training config. Units Å and e."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    electrostatics: Literal["none", "charge", "charge+dipole"] = "charge+dipole"
    cutoff: float = Field(5.0, gt=0.5, description="neighbours closer than this (Å) exchange messages")
    channels: int = Field(32, ge=1)
    layers: int = Field(2, ge=1)
    max_rank: int = Field(2, ge=0, le=2)
    radial_functions: int = Field(8, ge=1)
    radial_hidden: int = Field(32, ge=1)
    radial_knots: int = Field(257, ge=17, description="of the tables of the radial weights in training")
    many_body: bool = True
    repulsion: Literal["none", "zbl"] = Field("zbl", description="zbl: a wall where covalent radii overlap")
    smearing: float = Field(1.5, gt=0, description="σ of the smeared charges, Å; Gaussian pair kernel erf(r/√2σ)/r")
    kernel: Literal["gaussian", "prolate"] = Field("gaussian", description="prolate: band-limited, a coarser mesh")
    order: int = Field(6, ge=3, le=8, description="assignment order of the mesh in training")
    accuracy: float = Field(1e-4, gt=0, lt=1, description="relative rms error of the mesh forces")
    total_charge: float = 0.0

    @model_validator(mode="after")
    def _ranks_suffice(self) -> ModelConfig:
        if self.electrostatics == "charge+dipole" and self.max_rank < 1:
            raise ValueError("electrostatics 'charge+dipole' needs max_rank >= 1: dipoles come from vectors")
        if self.electrostatics == "charge+dipole" and self.order < 5:
            raise ValueError("training dipoles takes third derivatives of the mesh weights: order must be >= 5")
        if self.electrostatics == "charge" and self.order < 4:
            raise ValueError("training charges takes second derivatives of the mesh weights: order must be >= 4")
        return self

    @property
    def has_charges(self) -> bool:
        return self.electrostatics != "none"

    @property
    def has_dipoles(self) -> bool:
        return self.electrostatics == "charge+dipole"


def mesh_choice(
    config: ModelConfig,
    *,
    order: int | None = None,
    mesh: tuple[int, int, int] | None = None,
    spacing: float | None = None,
) -> MeshChoice:
    """How meshes for this model are chosen; order, mesh, spacing (Å): fixed by the user (default: the cheapest for the
    accuracy).

    A mesh or a spacing without an order takes that of the training.
    """
    return MeshChoice(
        smearing=config.smearing,
        accuracy=config.accuracy,
        kernel=config.kernel,
        dipoles=config.has_dipoles,
        order=config.order if order is None and (mesh is not None or spacing is not None) else order,
        mesh=mesh,
        spacing=spacing,
    )
