"""The keyword `device`: the plugin's path for devices, on a device that is emulated.

Its memory cannot be touched by code of the host, copies that do not wait arrive late, and tensors of host and device do
not mix (csrc/device/emulated_torch.cpp): what a machine with a device would punish is an error here as well. It has two
devices, so that several ranks have something to choose from.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import RUN_DECK
from device_cases import on_device
from ionic_crystals import rock_salt, write_data
from test_ranks import differences, tolerance

pytestmark = pytest.mark.mpi

#: On one rank everything is on the device; on several the mesh is on the host, and features are staged.
ON_RANKS = {
    1: [
        "brick",
        "triclinic",
        "cell smaller than the cutoff",
        "charge",
        "none",
        "float32",
        "ensemble",
        "units real",
        "overlay",
        "ignored atoms, hybrid",
        "excluded pairs",
        "dynamics",
        "slab",
        "cluster",
        "gas",
    ],
    2: ["brick", "float32", "features in pieces, float32", "ensemble", "ignored atoms", "dynamics, fix balance"],
    3: ["triclinic tiled", "empty ranks", "none"],
}


@pytest.fixture(scope="module")
def results(models, mpiexec, tmp_path_factory):
    """Results by script and number of ranks; each is started once."""
    folder = tmp_path_factory.mktemp("device")
    known: dict[tuple, dict] = {}

    def on(script: str, ranks: int, names: list[str]) -> dict:
        if (script, ranks) not in known:
            file = folder / f"{script}{ranks}.npz"
            path = str(Path(__file__).parent / script)
            done = mpiexec(ranks, path, str(models["none"].parent), str(file), *names)
            assert done.returncode == 0, done.stdout
            known[script, ranks] = dict(np.load(file))
        return known[script, ranks]

    return on


@pytest.fixture(scope="module")
def on_cpu(results):
    names = sorted({name for names in ON_RANKS.values() for name in names})
    return results("rank_cases.py", 1, names)


@pytest.mark.parametrize(("ranks", "name"), [(ranks, name) for ranks, names in ON_RANKS.items() for name in names])
def test_a_device_gives_the_results_of_the_processor(results, on_cpu, ranks, name):
    found = differences(name, on_cpu, results("device_cases.py", ranks, ON_RANKS[ranks]))
    assert max(found.values()) <= tolerance(name), found


DECK = """
units metal
read_data ions.data
pair_style {style}
pair_coeff * * Na Cl
{extra}
run 1
"""


@pytest.fixture
def deck(tmp_path, models):
    """Write a deck with the keyword, and its data file; returns its path."""

    def write(device: str, model: str = "charge+dipole", extra: str = "") -> Path:
        write_data(tmp_path / "ions.data", rock_salt((4, 4, 4)))
        path = tmp_path / "in.deck"
        path.write_text(DECK.format(style=on_device(f"hotpp/lr {models[model]}", device), extra=extra))
        return path

    return write


@pytest.mark.parametrize(
    ("ranks", "device", "model", "described"),
    [
        (1, "cpu", "charge+dipole", "cpu,"),
        (1, "emulated", "charge+dipole", "emulated:0, with the mesh,"),
        (1, "emulated:1", "none", "emulated:1,"),
        (2, "emulated", "charge+dipole", "emulated:0, mesh on the host,"),
        (2, "emulated:1", "none", "emulated:1 (shared by 2 ranks),"),
        (3, "emulated", "none", "emulated:0 (shared by 2 ranks),"),
    ],
)
def test_the_log_tells_the_device(mpiexec, deck, ranks, device, model, described):
    """Ranks of a node take its two devices in turn unless one is named."""
    path = deck(device, model)
    result = mpiexec(ranks, "-c", RUN_DECK, path.name, cwd=path.parent)
    assert result.returncode == 0, result.stdout
    line = next(line for line in result.stdout.splitlines() if line.startswith("  device"))
    assert line.split(None, 1)[1].startswith(described)


def test_auto_is_the_processor_where_there_is_no_cuda(mpiexec, deck):
    path = deck("auto")
    result = mpiexec(1, "-c", RUN_DECK, path.name, cwd=path.parent)
    expected = "cuda:0" if torch.cuda.is_available() else "cpu"
    assert f"device          {expected}" in result.stdout


@pytest.mark.parametrize(
    ("device", "mistake", "remedy"),
    [
        ("emulated:7", "there are 2 (emulated:0 to emulated:1)", "give one of these"),
        ("gpu", "got 'gpu'", "'auto', 'cpu', 'cuda' or 'cuda:n'"),
        ("cuda:-1", "got 'cuda:-1'", "with n from 0"),
        ("cpu:0", "got 'cpu:0'", "with n from 0"),
    ],
)
def test_mistakes_with_the_keyword(mpiexec, deck, device, mistake, remedy):
    path = deck(device)
    result = mpiexec(2, "-c", RUN_DECK, path.name, cwd=path.parent)
    assert result.returncode != 0
    errors = [line for line in result.stdout.splitlines() if line.startswith("ERROR")]
    assert errors and mistake in errors[0] and remedy in errors[0], result.stdout


def test_stress_of_atoms_on_a_device(mpiexec, deck):
    """Edges and gradients come back for it, and the mesh of that step is the host's."""
    dump = (
        "compute s all stress/atom NULL virial\n"
        "dump d all custom 1 {}.dump id c_s[*]\n"
        "dump_modify d sort id format float %.12g"
    )
    tables = []
    for device in ("cpu", "emulated"):
        path = deck(device, extra=dump.format(device))
        result = mpiexec(1, "-c", RUN_DECK, path.name, cwd=path.parent)
        assert result.returncode == 0, result.stdout
        tables.append(np.loadtxt(path.parent / f"{device}.dump", skiprows=9, max_rows=64))
    assert np.abs(tables[0][:, 1:]).max() > 1.0
    # the order of the sums differs; 12 digits are written
    np.testing.assert_allclose(tables[1], tables[0], rtol=1e-10, atol=1e-8)


def test_the_same_step_gives_the_same_bits(mpiexec, models, tmp_path):
    script = str(Path(__file__).parent / "device_cases.py")
    runs = []
    for turn in ("a", "b"):
        done = mpiexec(2, script, str(models["none"].parent), str(tmp_path / f"{turn}.npz"), "brick")
        assert done.returncode == 0, done.stdout
        runs.append(dict(np.load(tmp_path / f"{turn}.npz")))
    for name, value in runs[0].items():
        np.testing.assert_array_equal(runs[1][name], value, err_msg=name)


WATCHMEN = {
    "host code that reads memory of the device": "ctypes.string_at(torch.zeros(4, device='emulated').data_ptr(), 4)",
    "results that are read before they have arrived": (
        "here = torch.zeros(4, pin_memory=True)\n"
        "here.copy_(torch.ones(4, device='emulated'), non_blocking=True)\n"
        "assert here.sum() == 4, 'read too early'"
    ),
    "a buffer that is changed while it is copied": (
        "here = torch.zeros(4, pin_memory=True)\nthere = here.to('emulated', non_blocking=True)\nhere += 1\nthere.cpu()"
    ),
    "tensors of host and device in one operation": "torch.ones(4).add_(torch.ones(4, device='emulated'))",
}
EMULATED_DEVICE = """
import ctypes, types, torch, hotpp_lr
from pathlib import Path
ctypes.CDLL(str(Path(hotpp_lr.__file__).parent / "libhotpp_device_emulated.so"))
module = types.ModuleType("emulated")
module.is_available = module.is_initialized = lambda: True
module._is_in_bad_fork = lambda: False
module.current_device = lambda: 0
module.device_count = lambda: 2
torch._register_device_module("emulated", module)
"""


@pytest.mark.parametrize("crime", WATCHMEN)
def test_the_emulated_device_is_strict(run_python, crime):
    """Else the tests above would say little about a real one."""
    assert run_python("-c", EMULATED_DEVICE + "print(torch.ones(4, device='emulated').sum().item())").stdout == "4.0\n"
    assert run_python("-c", EMULATED_DEVICE + WATCHMEN[crime]).returncode != 0
