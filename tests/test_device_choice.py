"""Devices by name, and potentials on a device: the emulated one (csrc/device/emulated_torch.cpp)."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hotpp_lr.device import _has_kernels, find_device
from hotpp_lr.errors import InputError
from hotpp_lr.export import export_model
from hotpp_lr.model.checkpoint import KEY, describe
from hotpp_lr.training.config import TrainingConfig
from hotpp_lr.training.set_up import accelerator
from support import make_potential

ON_DEVICE = """
import sys
sys.path[:0] = {path}
from emulated_device import register
register()
import ase, numpy as np
from hotpp_lr.calculator import HotppCalculator
from support import make_salt

salt = make_salt(2, triclinic=True)
results = []
for device in ("cpu", "emulated:1"):
    atoms = ase.Atoms(salt.numbers, salt.positions, cell=salt.cell, pbc=True)
    atoms.calc = HotppCalculator({model!r}, device=device)
    assert str(atoms.calc.potential.device) == device
    results.append((atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(), atoms.get_charges()))
for a, b in zip(*results):
    assert np.abs(a).max() > 1e-4
    # the mesh of the device is the PyTorch reference, which adds up in another order
    np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-10)
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("device")
    potential = make_potential("charge+dipole")
    state = {f"potential.{k}": v for k, v in potential.state_dict().items()}
    torch.save({KEY: describe(potential, {}), "state_dict": state}, folder / "model.ckpt")
    export_model(folder / "model.ckpt", folder / "model.pt")
    return folder / "model.pt"


def test_the_calculator_on_a_device(exported):
    script = ON_DEVICE.format(path=[str(Path(__file__).parent), *filter(None, sys.path)], model=str(exported))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpu", "expected 'auto', 'cpu', 'cuda' or 'cuda:n'"),
        ("cuda:-1", "expected 'auto'"),
        ("cuda:99", "use 'cpu'"),
        ("meta", "expected 'auto'"),
    ],
)
def test_unknown_and_missing_devices_are_errors(name, message):
    with pytest.raises(InputError, match=message):
        find_device(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpo", "expected 'auto', 'cpu' or 'gpu'"),
        pytest.param(
            "gpu", "'gpu': device is 'cuda'", marks=pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA")
        ),
    ],
)
def test_training_names_the_key(name, message):
    with pytest.raises(InputError, match=f"training.accelerator is .*{message}"):
        accelerator(TrainingConfig(accelerator=name))


def test_kernels_are_those_of_the_kind_of_device():
    """torch has a place for xpu devices, and nobody has registered operators for them."""
    assert not _has_kernels("xpu")


def test_auto_needs_no_device():
    assert find_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
