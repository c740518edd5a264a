"""Fixtures of the LAMMPS tests: model files, LAMMPS in this process, LAMMPS in a child process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ionic_crystals import Ions
from lammps_engine import Engine
from support import make_potential, write_exported
from toy_model import write_toy_model

# Runs its argument, an input deck, in a fresh process.
RUN_DECK = """
import sys
from hotpp_lr.lammps import lammps_instance
lmp = lammps_instance(*(sys.argv[2:] or ("-log", "none")))
lmp.file(sys.argv[1])
lmp.finalize()
"""


@pytest.fixture(scope="session")
def lammps_installed() -> None:
    pytest.importorskip("lammps", reason="LAMMPS is not installed: pip install 'lammps[mpi]' mpich")


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> dict[str, Path]:
    """Model files by what they know of electrostatics; "other" and "third" have other weights."""
    folder = tmp_path_factory.mktemp("models")
    files = {e: write_toy_model(folder / f"{e}.pt", e) for e in ("none", "charge", "charge+dipole")}
    for seed, name in ((2, "other"), (3, "third")):
        files[name] = write_toy_model(folder / f"{name}.pt", "charge+dipole", seed=seed)
    # a whole network with tables and fused operators
    files["network"] = write_exported(folder, make_potential("charge+dipole", repulsion="zbl"))
    return files


@pytest.fixture(scope="session")
def mpiexec(lammps_installed) -> Callable[..., subprocess.CompletedProcess]:
    """Run a Python command line on several ranks."""
    program = shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")
    if program is None:
        pytest.skip("mpiexec is not installed: pip install mpich")

    def run(ranks: int, *command: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
        return subprocess.run(
            [program, "-n", str(ranks), sys.executable, *command],
            cwd=cwd,
            env=environment_of_ranks(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )

    return run


def environment_of_ranks() -> dict[str, str]:
    """One thread each, and ranks that wait leave the cores to the others: there are more ranks than cores."""
    return os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)]),
        "MPIR_CVAR_CH4_PROGRESS_THROTTLE": "1",
        "MPIR_CVAR_ENABLE_HEAVY_YIELD": "1",
    }


@pytest.fixture
def engine(lammps_installed, tmp_path) -> Iterator[Callable[..., Engine]]:
    """Start LAMMPS in this process with these ions and this pair style."""
    started: list[Engine] = []

    def start(ions: Ions, pair_style: str, **settings) -> Engine:
        started.append(Engine(tmp_path / f"ions{len(started)}.data", ions, pair_style, **settings))
        return started[-1]

    yield start
    for engine in started:
        engine.close()


@pytest.fixture
def run_python(lammps_installed, tmp_path) -> Callable[..., subprocess.CompletedProcess]:
    """Run a Python command line in a child process, so that a crash is a failed test and not the end of all tests."""

    def run(*command: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )

    return run


@pytest.fixture
def run_deck(run_python, tmp_path) -> Callable[[str], subprocess.CompletedProcess]:
    def run(deck: str) -> subprocess.CompletedProcess:
        (tmp_path / "in.deck").write_text(deck)
        return run_python("-c", RUN_DECK, "in.deck")

    return run
