"""The config file: every key documented, every mistake answered with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hotpp_lr.cli import train
from hotpp_lr.errors import InputError
from hotpp_lr.training.config import Config, read_config
from pydantic import BaseModel

EXAMPLE = Path(__file__).parents[2] / "examples" / "config.yaml"


def keys(section: type[BaseModel], prefix: str = "") -> set[str]:
    found = set()
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= keys(field.annotation, f"{prefix}{name}.")
        else:
            found.add(prefix + name)
    return found


def test_the_example_shows_every_key():
    def shown(content: dict, prefix: str = "") -> set[str]:
        parts = (shown(v, f"{prefix}{k}.") if isinstance(v, dict) else {prefix + k} for k, v in content.items())
        return set().union(*parts)

    assert shown(yaml.safe_load(EXAMPLE.read_text())) == keys(Config)


def test_the_example_can_be_printed(capsys):
    train.main(["--example"])
    assert capsys.readouterr().out == EXAMPLE.read_text()


def test_the_example_is_valid_and_its_data_exist():
    config = read_config(EXAMPLE)
    assert config.model.electrostatics == "charge+dipole"
    for path in (config.data.train, config.data.valid, config.data.test):
        assert path.is_file()


def write(tmp_path, **changes):
    content = {"output": str(tmp_path / "run"), "data": {"train": "train.xyz"}} | changes
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"modell": {}}, ["unknown key 'modell', perhaps 'model'"]),
        ({"learning_rate": 1e-3}, ["unknown key 'learning_rate', perhaps 'training.learning_rate'"]),
        ({"data": {"train": "x", "keys": {"enery": "E"}}}, ["unknown key 'data.keys.enery'", "energy"]),
        ({"model": {"cutof": 5}}, ["unknown key 'model.cutof', perhaps 'model.cutoff'"]),
        ({"model": {"cutoff": -1}}, ["model.cutoff", "-1"]),
        ({"model": {"electrostatics": "dipole"}}, ["model.electrostatics", "dipole", "charge+dipole"]),
        ({"model": {"order": 4}}, ["order must be >= 5"]),
        ({"training": {"batch_size": 0}}, ["training.batch_size", "0"]),
        ({"data": {}}, ["data.train", "missing"]),
    ],
)
def test_mistakes_are_named(tmp_path, changes, parts):
    with pytest.raises(InputError) as error:
        read_config(write(tmp_path, **changes))
    assert all(part in str(error.value) for part in parts), error.value


def test_missing_file_and_bad_yaml(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_config(tmp_path / "nothing.yaml")
    bad = tmp_path / "bad.yaml"
    bad.write_text("a: [1")
    with pytest.raises(InputError, match="not valid YAML"):
        read_config(bad)
    bad.write_text("")
    with pytest.raises(InputError, match="holds no keys"):
        read_config(bad)
