"""The file that `hotpp-train` reads; every key is documented in examples/config.yaml."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Literal

import pydantic
import yaml
from pydantic import BaseModel, ConfigDict, Field

from hotpp_lr.errors import InputError
from hotpp_lr.model.config import ModelConfig


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KeysConfig(_Section):
    """What the labels are called in the files, where it is not found (see data/labels.py)."""

    energy: str | None = None
    forces: str | None = None
    stress: str | None = None
    virial: str | None = None
    total_charge: str | None = None


class DataConfig(_Section):
    """Where the structures are. Paths are relative to the folder of the config file."""

    train: list[Path] | Path
    valid: list[Path] | Path | None = None
    test: list[Path] | Path | None = None
    valid_fraction: float = Field(0.1, gt=0, lt=1)
    keys: KeysConfig = KeysConfig()


class LossConfig(_Section):
    """Weights of the squared errors: per (eV/atom)², (eV/Å)², (eV/Å³)²."""

    energy: float = Field(100.0, ge=0)
    forces: float = Field(1.0, ge=0)
    stress: float = Field(0.0, ge=0)
    huber_delta: float | None = Field(None, gt=0)


class TrainingConfig(_Section):
    precision: Literal["float32", "float64"] = "float32"
    batch_size: int = Field(4, ge=1)
    max_epochs: int = Field(300, ge=1)
    max_minutes: float | None = Field(None, gt=0)
    learning_rate: float = Field(5e-3, gt=0)
    final_learning_rate: float = Field(1e-5, gt=0)
    warmup_steps: int = Field(50, ge=0)
    weight_decay: float = Field(1e-6, ge=0)
    gradient_clip: float = Field(10.0, gt=0)
    ema_decay: float = Field(0.99, ge=0, lt=1)
    patience: int | None = Field(None, ge=1)
    validate_every: int = Field(1, ge=1)
    message: Literal["native", "reference"] = "native"
    threads: int | None = Field(None, ge=1)
    accelerator: str = "auto"
    devices: int | Literal["auto"] = 1


class Config(_Section):
    output: Path
    seed: int = 1
    data: DataConfig
    model: ModelConfig = ModelConfig()
    loss: LossConfig = LossConfig()
    training: TrainingConfig = TrainingConfig()


def read_config(path: str | Path) -> Config:
    """Config of a YAML file. Raises InputError that names the key, what was given and what was expected."""
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"Config file '{path}' does not exist; write one with hotpp-train --example > config.yaml and edit it."
        )
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as reason:
        raise InputError(f"Config file '{path}' is not valid YAML: {reason}") from reason
    if not isinstance(content, dict):
        raise InputError(f"Config file '{path}' holds no keys; expected sections as hotpp-train --example shows them.")
    try:
        config = Config(**content)
    except pydantic.ValidationError as reason:
        raise InputError(f"Config file '{path}': " + "; ".join(_say(e) for e in reason.errors())) from reason
    return config.model_copy(update={"data": _resolve(config.data, path.parent)})


def _say(error: dict) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        section = _section(error["loc"][:-1])
        if section is None:
            return f"unknown key '{key}'"
        return (
            f"unknown key '{key}'{_suggestion(error['loc'][-1])}; the keys here are {', '.join(section.model_fields)}"
        )
    if error["type"] == "missing":
        return f"key '{key}' is missing"
    return f"key '{key}' is {error['input']!r}: {error['msg']}"


def _suggestion(name: str) -> str:
    """Keys of any section that look like this one."""
    sections = {"": Config, **{f"{k}.": f.annotation for k, f in Config.model_fields.items() if _is_section(f)}}
    keys = {key: f"{where}{key}" for where, section in sections.items() for key in section.model_fields}
    near = difflib.get_close_matches(str(name), keys, n=1, cutoff=0.7)
    return f", perhaps '{keys[near[0]]}'" if near else ""


def _is_section(field) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _section(location: tuple) -> type[BaseModel] | None:
    section: type[BaseModel] = Config
    for name in location:
        field = section.model_fields.get(name)
        if field is None or not _is_section(field):
            return None
        section = field.annotation
    return section


def _resolve(data: DataConfig, folder: Path) -> DataConfig:
    def there(value):
        if value is None:
            return None
        return [folder / v for v in value] if isinstance(value, list) else folder / value

    return data.model_copy(update={k: there(getattr(data, k)) for k in ("train", "valid", "test")})
