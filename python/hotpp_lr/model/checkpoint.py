"""A potential in a checkpoint: what is stored beside the weights, and how it is read back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pydantic
import torch

from hotpp_lr.errors import InputError
from hotpp_lr.model.config import ModelConfig
from hotpp_lr.model.potential import Normalisation, Potential

#: Key of our part of a (Lightning) checkpoint, and the version of its layout.
KEY = "hotpp-lr"
FORMAT_VERSION = 1

#: Prefix of the potential's weights in the Lightning module's state.
_PREFIX = "potential."


def describe(potential: Potential, summary: dict[str, Any]) -> dict[str, Any]:
    """The part of a checkpoint from which `load_potential` rebuilds the model; plain types only.

    summary: what people want to know about the training (data, errors); carried along unread.
    """
    return {
        "format_version": FORMAT_VERSION,
        "model": potential.config.model_dump(),
        "normalisation": {
            k: list(v) if isinstance(v, tuple) else v for k, v in asdict(potential.normalisation).items()
        },
        "dtype": str(potential.dtype).removeprefix("torch."),
        "summary": summary,
    }


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The checkpoint as a dictionary, without running any code of the file. Raises InputError."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"Checkpoint '{path}' does not exist; hotpp-train writes 'model.ckpt' into its output folder.")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as reason:
        raise InputError(
            f"'{path}' cannot be read as a checkpoint ({type(reason).__name__}); it is damaged or of another program; "
            "give the 'model.ckpt' that hotpp-train wrote."
        ) from reason
    if not isinstance(checkpoint, dict) or KEY not in checkpoint:
        raise InputError(f"'{path}' is not a checkpoint of hotpp-lr; give the 'model.ckpt' that hotpp-train wrote.")
    version = checkpoint[KEY]["format_version"]
    if version != FORMAT_VERSION:
        raise InputError(
            f"'{path}' has checkpoint format {version}, this version of hotpp-lr reads {FORMAT_VERSION}; "
            "use the version that wrote it."
        )
    return checkpoint


def stored_config(settings: dict[str, Any]) -> ModelConfig:
    """Config of a stored model. A setting that it lacks did not exist then: it gets the value that changes nothing."""
    return ModelConfig(**{"repulsion": "none"} | settings)


def load_potential(path: str | Path) -> tuple[Potential, dict[str, Any]]:
    """Potential (averaged weights, precision it was trained in) and the training summary of a checkpoint."""
    checkpoint = read_checkpoint(path)
    about = checkpoint[KEY]
    try:
        config = stored_config(about["model"])
    except pydantic.ValidationError as reason:
        raise InputError(f"'{path}' holds model settings this version does not know: {reason}") from reason
    normalisation = Normalisation(
        **{k: tuple(v) if isinstance(v, list) else v for k, v in about["normalisation"].items()}
    )
    potential = Potential(config, normalisation).to(getattr(torch, about["dtype"]))
    state = {k.removeprefix(_PREFIX): v for k, v in checkpoint["state_dict"].items() if k.startswith(_PREFIX)}
    potential.load_state_dict(state)
    return potential.eval(), about["summary"]
