"""Loading the compiled torch operators, which lie beside this package's Python files.

`libhotpp_ops.so` holds the operators and their kernels for CPUs, `libhotpp_ops_cuda.so` (built with HOTPP_CUDA=ON)
the kernels for CUDA devices.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import warnings
from pathlib import Path

import torch

LIBRARY = "libhotpp_ops.so"
#: Beside it: {"torch": version}.
BUILT_WITH = "built_with.json"
CUDA_LIBRARY = "libhotpp_ops_cuda.so"


def installed_files(name: str) -> list[Path]:
    """Beside this file, and (editable installs) where the installer put the compiled files."""
    found = [Path(__file__).parent / name]
    try:
        files = importlib.metadata.files("hotpp-lr") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    found += [Path(f.locate()) for f in files if f.name == name]
    return found


def _check_torch(built_with: Path) -> None:
    """C++ of one minor version of torch does not run with another: it ends in unknown symbols, or crashes."""
    if not built_with.exists():
        return  # a library copied by hand
    built = json.loads(built_with.read_text())["torch"]
    if built.split(".")[:2] != torch.__version__.split(".")[:2]:
        raise ImportError(
            f"hotpp-lr was built with torch {built}, but this is torch {torch.__version__}: install torch {built}, or "
            "build hotpp-lr again (pip install --no-build-isolation --force-reinstall --no-deps .)"
        )


def _load_first(paths: list[Path]) -> bool:
    for path in paths:
        if path.exists():
            _check_torch(path.parent / BUILT_WITH)
            torch.ops.load_library(str(path))
            return True
    return False


@functools.cache
def load_operators() -> None:
    """Make `torch.ops.hotpp_lr` available. Raises ImportError when the package was not built, or for another torch."""
    tried = installed_files(LIBRARY)
    if _load_first(tried):
        if torch.version.cuda is not None:
            _load_first(installed_files(CUDA_LIBRARY))
        return
    raise ImportError(
        f"The compiled operators {LIBRARY} were not found (looked in {', '.join(str(p.parent) for p in tried)}): "
        "build the package with 'pip install --no-build-isolation .'; until then checkpoints can be trained with "
        "'message: reference' under 'training', in PyTorch operations, some ten times slower"
    )


def operators_found() -> bool:
    """Whether `load_operators` succeeds. If not, a warning says why: what can do without takes PyTorch operations."""
    try:
        load_operators()
    except ImportError as reason:
        warnings.warn(f"{reason}. The network runs in PyTorch operations instead.", RuntimeWarning, stacklevel=3)
        return False
    return True
