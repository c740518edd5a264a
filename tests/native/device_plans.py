"""The CUDA plan for tests: run by the emulated device everywhere, and on a real one where there is one.

The emulated device runs the same kernel bodies thread by thread, so the tests see every index, barrier and sum; what
only a real device shows (memory model, launch, graph, cuFFT) is tested in test_pme_cuda_device.py.
"""

import importlib

import pytest
from cuda_device import has_cuda_device
from pme_systems import SMEARING, error, reference

BACKENDS = [
    "emulated",
    pytest.param("device", marks=[pytest.mark.gpu, pytest.mark.skipif(not has_cuda_device(), reason="no CUDA device")]),
]
TILED = (24, 9, 36)  # several tiles, the last ones smaller than a stencil reaches
# Largest allowed error relative to the largest element. double: rounding of some hundred operations, and
# 2^-62 of the fixed point times the crowd of a tile; float: the same of the CPU plan in float32.
TOLERANCE = {"double": 1e-11, "float": 1e-5}
PATHS = {"double": ["direct", "sorted"], "float": ["direct", "sorted", "tiles"]}


def module_of(backend):
    return importlib.import_module("hotpp_lr._pme_cuda" if backend == "device" else "hotpp_lr._pme_emulated")


def cpu_module():
    """The mesh of the CPU, or where that is not built (no FFT library) the emulated device in float64."""
    try:
        return importlib.import_module("hotpp_lr._pme")
    except ImportError:
        return module_of("emulated")


def make_plan(backend, order, mesh, cell, **options):
    plan = module_of(backend).Plan(order, mesh, SMEARING, **options)
    plan.set_cell(cell)
    return plan


def expected_outputs(system, order, mesh, with_dipoles, deconvolution="alias", kernel="gaussian"):
    """By the CPU plan, or where that is not built by the Python reference."""
    smooth = order >= 4 or not with_dipoles
    if cpu_module() is module_of("emulated"):
        assert kernel == "gaussian"
        return reference(system, order, mesh, deconvolution, with_dipoles)
    plan = cpu_module().Plan(order, mesh, SMEARING, deconvolution, kernel=kernel)
    plan.set_cell(system.cell)
    return plan.execute(*system.atoms(with_dipoles), forces=smooth, strain=True)


def largest_error(results, expected):
    return max(error(results[name], value) for name, value in expected.items() if name in results)
