"""Runs one code in a process of its own: thread pools, FFT libraries and MPI of several codes do not mix.

Reads one JSON request per line from stdin and answers with one JSON line: times of repeated runs, or the reason of a
failure. The last setup is kept, so that measurements of several codes can take turns.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

import numpy as np
from configurations import random_configuration


def main() -> None:
    peer = importlib.import_module(f"peers.{sys.argv[1]}")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not be taken for an answer
    kept: tuple = (None, None)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "version":
                answer = {"version": peer.version()}
            else:
                key = {k: request[k] for k in ("n", "content", "choice", "threads")}
                if kept[0] != key:
                    kept = (None, None)  # free the memory of the last one first
                    run = peer.setup(
                        random_configuration(request["n"]), request["content"], threads=request["threads"],
                        **request["choice"],
                    )  # fmt: skip
                    if getattr(peer, "WARM_UP", True):
                        run()  # compilation, page faults
                    kept = (key, run)
                answer = measure(kept[1], request)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def measure(run, request: dict) -> dict:
    """Repeats for about request["budget"] seconds, at least once."""
    times, begin = [], time.perf_counter()
    while not times or time.perf_counter() - begin < request["budget"]:
        seconds, forces = run()
        times.append(seconds)
    if request.get("forces"):
        np.save(request["forces"], forces)
    return {"times": times}


main()
