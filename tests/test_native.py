"""Loading the compiled operators."""

import json

import pytest
import torch
from hotpp_lr import native
from hotpp_lr.calculator import load_model
from hotpp_lr.data.batch import collate
from hotpp_lr.electrostatics.backend import operators_on
from hotpp_lr.training.dataset import sample
from support import NACL, make_potential, make_salt, write_checkpoint


def test_operators_of_another_torch_are_refused_in_words(tmp_path, monkeypatch):
    """Without the check: unknown symbols, or a crash."""
    (tmp_path / native.LIBRARY).touch()
    (tmp_path / native.BUILT_WITH).write_text(json.dumps({"torch": "2.0.1"}))
    monkeypatch.setattr(native, "installed_files", lambda library: [tmp_path / library])
    with pytest.raises(ImportError, match=r"built with torch 2\.0\.1, but this is torch .*build hotpp-lr again"):
        native.load_operators.__wrapped__()


def test_operators_of_this_torch_are_opened(tmp_path, monkeypatch):
    opened = []
    (tmp_path / native.LIBRARY).touch()
    (tmp_path / native.BUILT_WITH).write_text(json.dumps({"torch": torch.__version__.split("+")[0]}))
    monkeypatch.setattr(native, "installed_files", lambda library: [tmp_path / library])
    monkeypatch.setattr(torch.ops, "load_library", opened.append)
    native.load_operators.__wrapped__()
    assert opened == [str(tmp_path / native.LIBRARY)]


def test_without_operators_checkpoints_run_in_pytorch_operations(tmp_path, monkeypatch):
    """Slower, said aloud, and with the same numbers."""
    path = write_checkpoint(tmp_path, make_potential())
    batch = collate([sample(make_salt(1), NACL, make_potential().config)])
    expected = load_model(path)(batch)
    native.load_operators.cache_clear()
    operators_on.cache_clear()
    monkeypatch.setattr(native, "installed_files", lambda library: [tmp_path / library])
    try:
        with pytest.warns(RuntimeWarning, match="were not found.*PyTorch operations instead"):
            model = load_model(path)
        found = model(batch)
        with pytest.raises(ImportError, match="message: reference"):
            model.use_native_message()
    finally:
        operators_on.cache_clear()
        native.load_operators.cache_clear()
    torch.testing.assert_close(found.energy, expected.energy, rtol=1e-12, atol=0)
    torch.testing.assert_close(found.forces, expected.forces, rtol=0, atol=1e-11)  # sums in another order
