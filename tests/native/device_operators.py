"""The compiled operators on a device: emulated on the CPU everywhere, and a CUDA device where there is one."""

from contextlib import contextmanager
from pathlib import Path

import hotpp_lr
import pytest
import torch
from cuda_device import has_cuda_device
from hotpp_lr.native import load_operators

without_device = pytest.mark.skipif(not has_cuda_device(), reason="no CUDA device")
BACKENDS = ["emulated", pytest.param("cuda", marks=[pytest.mark.gpu, without_device])]


class Device:
    """`device.run(f, *tensors)`: f on this device, results on the CPU."""

    def __init__(self, backend: str, thread_order: str = "forward"):
        self.name, self.thread_order = ("cpu" if backend == "emulated" else backend), thread_order
        load_operators()
        if backend == "emulated":
            torch.ops.load_library(str(Path(hotpp_lr.__file__).parent / "libhotpp_ops_emulated.so"))

    def __call__(self, value):
        """Tensors, also inside of lists and tuples, on this device."""
        if isinstance(value, torch.Tensor):
            return value.detach().to(self.name).requires_grad_(value.requires_grad)
        return type(value)(self(v) for v in value) if isinstance(value, list | tuple) else value

    @contextmanager
    def _kernels(self):
        if self.name != "cpu":
            yield
            return
        torch.ops.hotpp_lr_emulated.stand_in(True, self.thread_order)
        try:
            yield
        finally:
            torch.ops.hotpp_lr_emulated.stand_in(False, "forward")

    def run(self, function, *arguments):
        with self._kernels():
            results = function(*(self(a) for a in arguments))
        if isinstance(results, torch.Tensor):
            return results.detach().cpu()
        return [r.detach().cpu() for r in results]


def assert_close(actual, expected, tolerance):
    """Largest deviation relative to the largest element of each tensor."""
    for a, e in zip(actual, expected, strict=True):
        assert a.shape == e.shape and a.dtype == e.dtype
        assert (a - e).abs().max() <= tolerance * e.abs().max().clamp(min=1e-6)
