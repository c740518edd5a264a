"""The emulated device (csrc/device/emulated_torch.cpp) for Python: `torch.device("emulated")`.

Only for child processes: torch has one place for such a device, and keeps it to the end of the process.
"""

import ctypes
import types
from pathlib import Path

import hotpp_lr
import torch


def register() -> None:
    ctypes.CDLL(str(Path(hotpp_lr.__file__).parent / "libhotpp_device_emulated.so"))
    module = types.ModuleType("emulated")
    module.is_available = module.is_initialized = lambda: True
    module._is_in_bad_fork = lambda: False
    module.current_device = lambda: 0
    module.device_count = lambda: 2
    torch._register_device_module("emulated", module)
