"""Loading the compiled torch operators, which lie beside this package's Python files.

`libhotpp_ops.so` holds the operators and their kernels for CPUs, `libhotpp_ops_cuda.so` (built with HOTPP_CUDA=ON)
the kernels for CUDA devices.
"""

from __future__ import annotations

import functools
import importlib.metadata
from pathlib import Path

import torch

LIBRARY = "libhotpp_ops.so"
CUDA_LIBRARY = "libhotpp_ops_cuda.so"


def _candidates(library: str) -> list[Path]:
    """Beside this file, and (editable installs) where the installer put the compiled files."""
    found = [Path(__file__).parent / library]
    try:
        files = importlib.metadata.files("hotpp-lr") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    found += [Path(f.locate()) for f in files if f.name == library]
    return found


def _load_first(paths: list[Path]) -> bool:
    for path in paths:
        if path.exists():
            torch.ops.load_library(str(path))
            return True
    return False


@functools.cache
def load_operators() -> None:
    """Make `torch.ops.hotpp_lr` available. Raises ImportError when the package was not built."""
    tried = _candidates(LIBRARY)
    if _load_first(tried):
        if torch.version.cuda is not None:
            _load_first(_candidates(CUDA_LIBRARY))
        return
    raise ImportError(
        f"The compiled operators {LIBRARY} were not found (looked in {', '.join(str(p.parent) for p in tried)}): "
        "build the package with 'pip install --no-build-isolation .'"
    )
