"""Loading the compiled operators."""

import json

import pytest
import torch
from hotpp_lr import native


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
