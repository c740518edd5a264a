"""Steps that a device has recorded are those that the host starts one operator after the other: the same bits.

On the emulated device a recording is a list of operators and of the memory they work on (csrc/device/emulated_graph.h);
replaying it runs no other code. What the host would have to do in a step is thus missing or an error, as on a device.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from graph_cases import CASES
from torch import Tensor, nn
from toy_model import write_toy_model

pytestmark = pytest.mark.mpi

RECORDED = [name for name in CASES if name != "waits"]


class NetworkThatWaits(nn.Module):
    """A repulsion of the pairs that are close, whose number the host must know."""

    def forward(
        self, edge_vectors: Tensor, receivers: Tensor, senders: Tensor, species: Tensor, n_owned: int, exchange: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        near = (edge_vectors.square().sum(1) < 3.9**2).nonzero().squeeze(1)
        r = edge_vectors[near].square().sum(1).sqrt()
        zero = edge_vectors.new_zeros(n_owned)
        energies = zero.index_add(0, receivers[near], (4.0 - r) ** 2)
        return energies, zero, edge_vectors.new_zeros(n_owned, 3)


@pytest.fixture(scope="module")
def trajectories(models, mpiexec, tmp_path_factory):
    """Results by device, with and without recordings; each is started once."""
    folder = tmp_path_factory.mktemp("graph")
    models_there = models["none"].parent
    write_toy_model(models_there / "waits.pt", "none", network=NetworkThatWaits())
    known: dict[tuple, dict] = {}

    def on(device: str, graph: bool) -> dict:
        if (device, graph) not in known:
            file = folder / f"{device}{graph}.npz"
            script = str(Path(__file__).parent / "graph_cases.py")
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("HOTPP_GRAPH", str(int(graph)))
                done = mpiexec(1, script, device, str(models_there), str(file), *CASES)
            assert done.returncode == 0, done.stdout
            known[device, graph] = dict(np.load(file))
        return known[device, graph]

    return on


def assert_same_bits(name: str, with_graph: dict, without: dict) -> None:
    keys = [key for key in without if key.startswith(f"{name}: ")]
    assert keys
    for key in keys:
        np.testing.assert_array_equal(with_graph[key], without[key], err_msg=key)


@pytest.mark.parametrize("name", CASES)
def test_recorded_steps_have_the_bits_of_steps_that_are_started_anew(trajectories, name):
    assert_same_bits(name, trajectories("emulated", True), trajectories("emulated", False))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device, or a torch without CUDA")
@pytest.mark.parametrize("name", [name for name in RECORDED if name != "whole network"])
def test_recorded_steps_on_a_cuda_device_have_the_same_bits(trajectories, name):
    assert_same_bits(name, trajectories("cuda", True), trajectories("cuda", False))
    assert trajectories("cuda", True)[f"log of {name}"][0] == "steps are recorded"


@pytest.mark.parametrize("name", RECORDED)
def test_a_recording_lasts_over_neighbour_lists_and_changes_of_the_box(trajectories, name):
    log = list(trajectories("emulated", True)[f"log of {name}"])
    models = 2 if name == "ensemble" else 1
    assert log[:models] == ["steps are recorded"] * models
    # every neighbour list has other numbers of pairs and ghosts; there is room for a tenth more
    assert len(log) == models + (1 if name == "shrinking" else 0), log


def test_a_step_that_needs_the_host_is_not_recorded_and_the_log_tells_why(trajectories):
    (note,) = trajectories("emulated", True)["log of waits"]
    assert note.startswith("every step is started anew, because the step could not be recorded: aten::nonzero")


def test_nothing_is_recorded_when_the_environment_says_so(trajectories):
    logs = [value for key, value in trajectories("emulated", False).items() if key.startswith("log of ")]
    assert len(logs) == len(CASES) and not any(len(log) for log in logs)
