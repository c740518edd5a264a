"""What only a CUDA device can show of the CUDA plan: streams, graphs, cuFFT, races. Not yet run on a device."""

import numpy as np
import pytest
import torch
from cuda_device import has_cuda_device
from pme_systems import SMEARING, System

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not has_cuda_device(), reason="no CUDA device")]
MESH, ORDER = (24, 20, 36), 6


class OnDevice:
    """A system and the arrays of its results in device memory."""

    def __init__(self, system, with_dipoles=True, dtype=torch.float64):
        self.n, self.single = len(system.charges), dtype == torch.float32
        tensors = [None if a is None else torch.tensor(a, dtype=dtype).cuda() for a in system.atoms(with_dipoles)]
        self.positions, self.charges, self.dipoles = tensors
        # poisoned: an output that is not written shows
        self.potential = torch.full((self.n,), torch.nan, dtype=dtype, device="cuda")
        self.field, self.forces = (torch.full((self.n, 3), torch.nan, dtype=dtype, device="cuda") for _ in range(2))
        self.energy = torch.full((1,), torch.nan, dtype=torch.float64, device="cuda")
        self.strain_derivative = torch.full((3, 3), torch.nan, dtype=torch.float64, device="cuda")

    def execute(self, plan, stream):
        names = ("positions", "charges", "dipoles", "energy", "potential", "field", "forces", "strain_derivative")
        addresses = {k: getattr(self, k).data_ptr() for k in names if getattr(self, k) is not None}
        plan.execute_on_device(stream.cuda_stream, self.n, **addresses, single=self.single)

    def results(self):
        torch.cuda.synchronize()
        names = ("energy", "potential", "field", "forces", "strain_derivative")
        return {name: getattr(self, name).cpu().numpy().copy() for name in names}


def make_plan(precision="float", **options):
    from hotpp_lr import _pme_cuda

    plan = _pme_cuda.Plan(ORDER, MESH, SMEARING, precision=precision, **options)
    return plan


def assert_same(actual, expected):
    for name, value in expected.items():
        assert np.isfinite(actual[name]).all(), name
        assert np.array_equal(np.ravel(actual[name]), np.ravel(value)), name


@pytest.mark.parametrize("precision", ["float", "double"])
@pytest.mark.parametrize("path", ["direct", "sorted", "tiles"])
def test_same_bits_every_run_with_and_without_graphs(precision, path):
    system = System(21, n=3000)
    atoms = OnDevice(system)
    torch.cuda.synchronize()
    expected = None
    for graphs in (False, True):
        plan = make_plan(precision, path=path, graphs=graphs)
        plan.set_cell(system.cell)
        for _ in range(20):
            atoms.energy.fill_(torch.nan)
            atoms.execute(plan, torch.cuda.current_stream())
            results = atoms.results()
            expected = expected or results
            assert_same(results, expected)


def test_one_graph_for_other_atoms_pointers_and_cells():
    plan = make_plan()
    plan.reserve(500)
    stream = torch.cuda.Stream()
    torch.cuda.synchronize()
    for seed, n in [(1, 400), (2, 400), (3, 500), (4, 17), (5, 300)]:
        system = System(seed, n=n)
        atoms = OnDevice(system)
        torch.cuda.synchronize()
        plan.set_cell(system.cell)
        atoms.execute(plan, stream)
        fresh = make_plan(graphs=False)
        fresh.set_cell(system.cell)
        assert_same(atoms.results(), fresh.execute(*system.atoms(), strain=True))


def test_steps_follow_each_other_on_a_stream_without_waiting():
    """Many calls in flight with different cells: each has its own arguments."""
    plan = make_plan()
    stream = torch.cuda.Stream()
    systems = [System(seed, n=200) for seed in range(12)]
    queue = [OnDevice(system) for system in systems]
    plan.reserve(200)
    torch.cuda.synchronize()
    for system, atoms in zip(systems, queue, strict=True):
        plan.set_cell(system.cell)
        atoms.execute(plan, stream)
    for system, atoms in zip(systems, queue, strict=True):
        fresh = make_plan(graphs=False)
        fresh.set_cell(system.cell)
        assert_same(atoms.results(), fresh.execute(*system.atoms(), strain=True))


def test_float32_tensors():
    system = System(22, n=500)
    plan = make_plan()
    plan.set_cell(system.cell)
    atoms = OnDevice(system, dtype=torch.float32)
    torch.cuda.synchronize()
    atoms.execute(plan, torch.cuda.current_stream())
    assert_same(atoms.results(), plan.execute(*system.atoms(), strain=True, single=True))


def test_bad_atoms_give_nan_and_are_reported_when_asked():
    system = System(23, n=100)
    plan = make_plan()
    plan.set_cell(system.cell)
    good, bad = OnDevice(system), OnDevice(system)
    bad.positions[42, 1] = torch.nan
    stream = torch.cuda.current_stream()
    for atoms in (good, bad, good):
        atoms.execute(plan, stream)
    assert np.isnan(bad.results()["energy"]).all() and np.isnan(bad.results()["forces"]).all()
    assert np.isfinite(good.results()["energy"]).all()
    with pytest.raises(ValueError, match="Atom 42 has a position"):
        plan.throw_problems(stream.cuda_stream)
    plan.throw_problems(stream.cuda_stream)  # said once
