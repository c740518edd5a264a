"""Loading the compiled torch operators (`libhotpp_ops.so`), which lie beside this package's Python files."""

from __future__ import annotations

import functools
import importlib.metadata
from pathlib import Path

import torch

LIBRARY = "libhotpp_ops.so"


def _candidates() -> list[Path]:
    """Beside this file, and (editable installs) where the installer put the compiled files."""
    found = [Path(__file__).parent / LIBRARY]
    try:
        files = importlib.metadata.files("hotpp-lr") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    found += [Path(f.locate()) for f in files if f.name == LIBRARY]
    return found


@functools.cache
def load_operators() -> None:
    """Make `torch.ops.hotpp_lr` available. Raises ImportError when the package was not built."""
    tried = _candidates()
    for path in tried:
        if path.exists():
            torch.ops.load_library(str(path))
            return
    raise ImportError(
        f"The compiled operators {LIBRARY} were not found (looked in {', '.join(str(p.parent) for p in tried)}): "
        "build the package with 'pip install --no-build-isolation .'"
    )
