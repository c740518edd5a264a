"""Choosing the device on which a potential is evaluated."""

from __future__ import annotations

import torch

from hotpp_lr.errors import InputError
from hotpp_lr.native import load_operators

#: Operator that every exported network calls, and its parts, which have the kernels.
MESSAGE = ("hotpp_lr::tensor_message", "hotpp_lr::_tensor_message")


def find_device(name: str) -> torch.device:
    """Device of a name: "cpu", "cuda", "cuda:1", or "auto", which is CUDA where torch and the compiled operators run
    there, else the CPU. Raises InputError for a device that does not exist or for which there are no kernels."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() and _has_kernels("cuda") else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type == "meta":
        raise InputError(f"device is {name!r}; expected 'auto', 'cpu', 'cuda' or 'cuda:n' with n from 0.")
    if device.type == "cpu":
        return device
    backend = getattr(torch, device.type, None)
    count = backend.device_count() if backend is not None and backend.is_available() else 0
    if (device.index or 0) >= count:
        there = f"torch finds {count} of them" if count else "torch finds no device of that kind"
        raise InputError(f"device is {name!r}, but {there}; use 'cpu', or a torch built for it and its driver.")
    if not _has_kernels(device.type):
        raise InputError(
            f"device is {name!r}, but the compiled operators have no kernels for it; use 'cpu', or install hotpp-lr "
            "again with them: pip install --no-build-isolation -C cmake.define.HOTPP_CUDA=ON ."
        )
    return device


def _has_kernels(device_type: str) -> bool:
    load_operators()
    key = {"cuda": "CUDA"}.get(device_type, "PrivateUse1")
    needed = [name for name in torch._C._dispatch_get_all_op_names() if name.startswith(MESSAGE)]
    return all(torch._C._dispatch_has_computed_kernel_for_dispatch_key(name, key) for name in needed)
