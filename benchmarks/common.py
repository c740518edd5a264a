"""Trainings in parallel; the tables of results are in tables.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from tables import machine, version_of, write_table

__all__ = ["evaluate", "machine", "train_all", "version_of", "write_table"]


def train_all(configs: Mapping[str, dict], folder: Path, jobs: int, console: Console) -> None:
    """Run `hotpp-train` for every config, `jobs` at a time with one thread each.

    A training whose errors.json exists is not repeated, one that was interrupted is resumed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # A plain `kill` must not leave trainings behind that write into the folder.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    waiting = [name for name in configs if not (folder / name / "errors.json").exists()]
    command = str(Path(sys.executable).parent / "hotpp-train")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CI": "1"}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    running: dict[str, subprocess.Popen] = {}
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("trainings", total=len(waiting))
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    name = waiting.pop(0)
                    path = folder / f"{name}.yaml"
                    path.write_text(yaml.safe_dump({**configs[name], "output": str(folder / name)}, sort_keys=False))
                    resume = ["--resume"] if (folder / name / "last.ckpt").exists() else []
                    log = (folder / f"{name}.log").open("a")
                    running[name] = subprocess.Popen(
                        [command, str(path), *resume], stdout=log, stderr=subprocess.STDOUT, env=environment
                    )
                time.sleep(1)
                for name, process in list(running.items()):
                    if process.poll() is None:
                        continue
                    del running[name]
                    bar.advance(task)
                    if process.returncode != 0:
                        raise RuntimeError(f"The training '{name}' failed; see {folder / f'{name}.log'}.")
        finally:
            for process in running.values():
                process.terminate()


def evaluate(model: Path, data: Path | str, output: Path) -> dict:
    """`hotpp-eval` of a model on a file; returns its JSON."""
    import json

    command = str(Path(sys.executable).parent / "hotpp-eval")
    subprocess.run(
        [command, str(model), str(data), "--json", str(output), "--plot", str(output.with_suffix(".png"))],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return json.loads(output.read_text())
