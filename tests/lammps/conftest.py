"""Fixtures of the LAMMPS tests: model files, LAMMPS in this process, LAMMPS in a child process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ionic_crystals import Ions
from lammps_engine import Engine
from toy_model import write_toy_model

# Runs its argument, an input deck, in a fresh process.
RUN_DECK = """
import sys
from hotpp_lr.lammps import lammps_instance
lammps_instance("-log", "none").file(sys.argv[1])
"""


@pytest.fixture(scope="session")
def lammps_installed() -> None:
    pytest.importorskip("lammps", reason="LAMMPS is not installed: pip install 'lammps[mpi]' mpich")


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> dict[str, Path]:
    """Model files by what they know of electrostatics."""
    folder = tmp_path_factory.mktemp("models")
    return {e: write_toy_model(folder / f"{e}.pt", e) for e in ("none", "charge", "charge+dipole")}


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
def run_deck(lammps_installed, tmp_path) -> Callable[..., subprocess.CompletedProcess]:
    """Run an input deck in a child process, so that a crash is a failed test and not the end of all tests."""

    def run(deck: str, launcher: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
        (tmp_path / "in.deck").write_text(deck)
        return subprocess.run(
            [*launcher, sys.executable, "-c", RUN_DECK, "in.deck"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )

    return run
