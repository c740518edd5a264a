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
from ionic_crystals import Ions, rock_salt, write_data
from test_ranks import differences, tolerance
from toy_model import write_toy_model

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
        "exported network",
    ],
    2: ["brick", "float32", "ensemble", "ignored atoms", "dynamics, fix balance"],
    3: ["triclinic tiled", "empty ranks", "none"],
}


@pytest.fixture(scope="module")
def results(models, mpiexec, tmp_path_factory):
    """Results by device and number of ranks; each is started once."""
    folder = tmp_path_factory.mktemp("device")
    known: dict[tuple, dict] = {}

    def on(device: str, ranks: int, names: list[str]) -> dict:
        if (device, ranks) not in known:
            file = folder / f"{device}{ranks}.npz"
            script, *arguments = ["rank_cases.py"] if device == "cpu" else ["device_cases.py", device]
            script = str(Path(__file__).parent / script)
            done = mpiexec(ranks, script, *arguments, str(models["none"].parent), str(file), *names)
            assert done.returncode == 0, done.stdout
            known[device, ranks] = dict(np.load(file)) | {"log": np.array(file.with_suffix(".log").read_text())}
        return known[device, ranks]

    return on


@pytest.fixture(scope="module")
def on_cpu(results):
    names = sorted({name for names in ON_RANKS.values() for name in names})
    return results("cpu", 1, names)


@pytest.mark.parametrize(("ranks", "name"), [(ranks, name) for ranks, names in ON_RANKS.items() for name in names])
def test_a_device_gives_the_results_of_the_processor(results, on_cpu, ranks, name):
    found = differences(name, on_cpu, results("emulated", ranks, ON_RANKS[ranks]))
    assert max(found.values()) <= tolerance(name), found


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device, or a torch without CUDA")
@pytest.mark.parametrize(("ranks", "name"), [(ranks, name) for ranks, names in ON_RANKS.items() for name in names])
def test_a_cuda_device_gives_the_results_of_the_processor(results, on_cpu, ranks, name):
    found = differences(name, on_cpu, results("cuda", ranks, ON_RANKS[ranks]))
    # its functions (sine, hyperbolic tangent) are good to two units in the last place, those of the CPU to one
    assert max(found.values()) <= 10 * tolerance(name), found


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


def device_line(log: str) -> str:
    return next(line for line in log.splitlines() if line.startswith("  device")).split(None, 1)[1]


@pytest.mark.parametrize(
    ("ranks", "described"),
    [(1, "emulated:0, with the mesh,"), (2, "emulated:0, mesh on the host,"), (3, "emulated:0 (shared by 2 ranks),")],
)
def test_the_log_tells_the_device(results, ranks, described):
    """Ranks of a node take its two devices in turn."""
    log = results("emulated", ranks, ON_RANKS[ranks])["log"].item()
    assert device_line(log).startswith(described)


def test_a_device_that_is_named_is_taken_by_all_ranks(mpiexec, deck):
    path = deck("emulated:1", "none")
    result = mpiexec(2, "-c", RUN_DECK, path.name, cwd=path.parent)
    assert result.returncode == 0, result.stdout
    assert device_line(result.stdout).startswith("emulated:1 (shared by 2 ranks),")


CLUSTER = """
units metal
boundary f f f
read_data ions.data
pair_style {style}
pair_coeff * * Na Cl
compute parts all pair hotpp/lr
thermo_style custom step pe c_parts[2]
velocity all create 900 4711
fix move all nve
run 2
change_box all x scale 2.0
run 2
variable coulomb equal c_parts[2]
print "energies $(pe:%.14g) ${{coulomb}}"
write_dump all custom {device}.dump id x y z fx fy fz modify sort id format float %.14g
"""


@pytest.mark.parametrize(
    ("kernel", "shape", "described"),
    [
        ("gaussian", (4, 4, 4), "emulated:0, with the pairs of charges,"),
        ("prolate", (4, 4, 4), "emulated:0, with the pairs of charges,"),
        ("gaussian", (6, 4, 6), "emulated:0, mesh on the host,"),
    ],
)
def test_a_cluster_on_a_device_moves_as_on_the_processor(mpiexec, tmp_path, kernel, shape, described):
    """By its pairs, in a box that grows; up to 100 atoms of this device, beyond by the mesh of the host."""
    ions = rock_salt(shape, noise=0.1)
    write_data(tmp_path / "ions.data", Ions(ions.positions + 10.0, ions.cell + 20.0 * np.eye(3), ions.types))
    model = write_toy_model(tmp_path / "model.pt", "charge+dipole", kernel=kernel)
    energies, tables = [], []
    for device in ("cpu", "emulated"):
        path = tmp_path / "in.deck"
        path.write_text(CLUSTER.format(style=on_device(f"hotpp/lr {model}", device), device=device))
        result = mpiexec(1, "-c", RUN_DECK, path.name, cwd=tmp_path)
        assert result.returncode == 0, result.stdout
        line = next(line for line in result.stdout.splitlines() if line.startswith("energies"))
        energies.append([float(number) for number in line.split()[1:]])
        tables.append(np.loadtxt(tmp_path / f"{device}.dump", skiprows=9))
    assert device_line(result.stdout).startswith(described)
    # the order of the sums differs, also that of the forces which moved the ions; 14 digits are written
    np.testing.assert_allclose(energies[1], energies[0], rtol=1e-11)
    np.testing.assert_allclose(tables[1], tables[0], rtol=1e-9, atol=1e-9)
    assert np.abs(tables[0][:, 4:]).max() > 0.1


def test_stress_of_atoms_on_a_device(mpiexec, deck):
    """Edges and gradients come back for it, and the mesh of that step is the host's. The other run has `device auto`,
    which is the processor where torch has no CUDA."""
    dump = (
        "compute s all stress/atom NULL virial\n"
        "dump d all custom 1 {}.dump id c_s[*]\n"
        "dump_modify d sort id format float %.12g"
    )
    tables = []
    for device in ("auto", "emulated"):
        path = deck(device, extra=dump.format(device))
        result = mpiexec(1, "-c", RUN_DECK, path.name, cwd=path.parent)
        assert result.returncode == 0, result.stdout
        if device == "auto":
            assert device_line(result.stdout).startswith("cuda:0" if torch.cuda.is_available() else "cpu,")
        tables.append(np.loadtxt(path.parent / f"{device}.dump", skiprows=9, max_rows=64))
    assert np.abs(tables[0][:, 1:]).max() > 1.0
    # the order of the sums differs; 12 digits are written
    np.testing.assert_allclose(tables[1], tables[0], rtol=1e-10, atol=1e-8)


def test_the_same_step_gives_the_same_bits(results, mpiexec, models, tmp_path):
    first = results("emulated", 2, ON_RANKS[2])
    script, file = str(Path(__file__).parent / "device_cases.py"), tmp_path / "again.npz"
    done = mpiexec(2, script, "emulated", str(models["none"].parent), str(file), "brick")
    assert done.returncode == 0, done.stdout
    for name, value in np.load(file).items():
        np.testing.assert_array_equal(first[name], value, err_msg=name)


STRICT = """
from emulated_device import register
import ctypes, sys, torch
register()
assert torch.ones(4, device="emulated").sum().item() == 4

def too_early():
    here = torch.zeros(4, pin_memory=True)
    here.copy_(torch.ones(4, device="emulated"), non_blocking=True)
    assert here.sum() == 4

def changed_while_it_is_copied():
    here = torch.zeros(4, pin_memory=True)
    there = here.to("emulated", non_blocking=True)
    here += 1
    there.cpu()

def host_and_device():
    torch.ones(4).add_(torch.ones(4, device="emulated"))

for crime in (too_early, changed_while_it_is_copied, host_and_device):
    try:
        crime()
        print("nobody saw", crime.__name__)
    except (AssertionError, RuntimeError):
        pass
print("so far", flush=True)
ctypes.string_at(torch.zeros(4, device="emulated").data_ptr(), 4)
print("nobody saw the host reading memory of the device")
"""


def test_the_emulated_device_is_strict(mpiexec):
    """Else the tests above would say little about a real one."""
    result = mpiexec(1, "-c", STRICT)
    assert "so far" in result.stdout and "nobody saw" not in result.stdout, result.stdout
    assert result.returncode != 0
