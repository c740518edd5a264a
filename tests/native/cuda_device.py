"""Whether this machine has a CUDA device, asked of the driver itself."""

import ctypes
import os


def has_cuda_device() -> bool:
    if os.environ.get("HOTPP_REQUIRE_CUDA"):  # make gpu-check: no device is a failure there, nothing to skip
        return True
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
