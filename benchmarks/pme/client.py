"""Talks to workers: one process per code and number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from configurations import random_configuration
from judge import relative_error

#: Modules that run in the environment of hotpp-lr itself; all others in that of the peers.
OWN = ("native",)


class PeerError(RuntimeError):
    """A code is missing, or refused what it was asked."""


@dataclass
class Job:
    """One line of the table: a code with its order and mesh on one configuration."""

    module: str
    content: str
    threads: int
    choice: dict  # order, mesh, and what a single code knows
    n: int
    times: list[float] = field(default_factory=list)  # s
    error: float = np.nan

    def key(self) -> str:
        return json.dumps([self.module, self.content, self.threads, self.choice, self.n])


class Worker:
    def __init__(self, module: str, threads: int, python: str):
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        environment |= {"OMP_PROC_BIND": "false", "PYTHONWARNINGS": "ignore"}
        self.process = subprocess.Popen(
            [python, str(Path(__file__).parent / "worker.py"), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            text=True,
        )

    def ask(self, **request) -> dict:
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise PeerError(
                f"its process ended with status {self.process.wait()} (does its Python have numpy and the package?)"
            )
        answer = json.loads(answer)
        if "error" in answer:
            raise PeerError(answer["error"])
        return answer

    def time(self, job: Job, budget: float, with_error: bool = False) -> None:
        """Adds times, and the error against the judge, to the job."""
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/forces.npy"
            answer = self.ask(
                do="time",
                n=job.n,
                content=job.content,
                choice=job.choice,
                threads=job.threads,
                budget=budget,
                forces=path if with_error else None,
            )
            job.times += answer["times"]
            if with_error:
                job.error = relative_error(np.load(path), random_configuration(job.n), job.content)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def python_of(module: str, own: str, peers: str) -> str:
    return own if module in OWN else peers
