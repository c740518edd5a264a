"""How long work takes on a CUDA device, and what the device could do: shared by network/gpu.py and pme/gpu.py."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch


def median_seconds(run: Callable[[], object], calls: int | None = None, repeats: int = 7) -> float:
    """Median over repeats of the mean time of a call, by events of the device; the first calls are not counted.
    calls: in one repeat; None: as many as 50 ms have room for."""
    for _ in range(3):
        run()
    torch.cuda.synchronize()
    if calls is None:
        begin = time.perf_counter()
        run()
        torch.cuda.synchronize()
        calls = max(1, int(0.05 / (time.perf_counter() - begin)))
    times = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(calls):
            run()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) / calls / 1000)
    return statistics.median(times)


def copy_bandwidth() -> float:
    """Bytes per second, read and written, of a large copy."""
    source = torch.empty(2**30, device="cuda").normal_()
    target = torch.empty_like(source)
    return 2 * 4 * source.numel() / median_seconds(lambda: target.copy_(source))


def multiply_add_rate() -> float:
    """Float32 multiply-adds per second of a large product of matrices, without tensor cores."""
    n = 8192
    a, b = (torch.randn(n, n, device="cuda") for _ in range(2))
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        return n**3 / median_seconds(lambda: torch.mm(a, b), repeats=3)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
