"""Starts a worker on several ranks and collects what each of them found."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def launch(task: str, ranks: int, directory: Path, threads: int = 1, worker: str = "mpi_worker.py") -> list[dict]:
    """What each rank found. A deadlock is an error after a minute."""
    beside = Path(sys.executable).parent
    mpiexec = shutil.which("mpiexec", path=str(beside)) or shutil.which("mpiexec")
    assert mpiexec, "mpiexec is not installed: pip install mpich"
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, sys.path)]),
        # more ranks than cores: MPICH's waiting ranks must leave the cores to the others
        "MPIR_CVAR_CH4_PROGRESS_THROTTLE": "1",
        "MPIR_CVAR_ENABLE_HEAVY_YIELD": "1",
    }
    command = [mpiexec, "-n", str(ranks), sys.executable, str(HERE / worker), task, str(directory)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return [pickle.loads((directory / f"rank{rank}.pickle").read_bytes()) for rank in range(ranks)]
