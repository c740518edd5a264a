"""The kernels for older processors give the same results; the choice is made once in a process, so in child processes."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hotpp_lr import _pme

SCRIPT = """
import sys, numpy as np
from hotpp_lr import _pme
rng = np.random.default_rng(0)
n, cell = 60, np.diag([9.0, 10.0, 11.0]) + 0.7
atoms = rng.uniform(-5, 15, (n, 3)), rng.normal(size=n), rng.normal(size=(n, 3))
results = {}
for precision in ("float", "double"):
    for order in (4, 6, 7, 8):
        plan = _pme.Plan(order, (16, 20, 21), 1.0, precision=precision)
        plan.set_cell(cell)
        for name, value in plan.execute(*atoms, strain=True).items():
            results[f"{precision} {order} {name}"] = value
        results[f"{precision} {order} influence"] = plan.influence()
np.savez(sys.argv[1], **results)
print(_pme.instruction_set())
"""


def run(path, isa):
    environment = {**os.environ, "HOTPP_ISA": isa, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path)], env=environment, capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
    return child.stdout.strip(), np.load(path)


@pytest.mark.skipif(_pme.instruction_set() == "portable", reason="this processor has only the portable kernels")
def test_same_results_with_every_instruction_set(tmp_path):
    name, portable = run(tmp_path / "portable.npz", "portable")
    assert name == "portable"
    for isa in ("avx2", "avx512"):
        _, results = run(tmp_path / f"{isa}.npz", isa)
        for key, value in results.items():
            scale = np.abs(portable[key]).max()
            # fused multiply-adds round differently; forces of order 8 lose a digit in the second derivatives
            tolerance = 1e-12 if key.startswith("double") else 1e-5
            assert np.abs(value - portable[key]).max() < tolerance * scale, (isa, key)
