"""One deck and one file on any number of MPI ranks: the same physics, to rounding.

On one rank the mesh is that of `Plan`, ghosts share the rows of their owners, and nothing is sent. On several the mesh
is distributed and features travel between the layers: two codes, not one code twice.
"""

from pathlib import Path

import numpy as np
import pytest
from rank_cases import CASES

pytestmark = pytest.mark.mpi

#: Largest difference, relative to the largest value of the case. Sums in another order: 1e-16 times the number of
#: terms; the fixed point sums of the distributed mesh in float64 keep more digits than that.
FLOAT64 = 1e-11
#: Features travel exactly, but the two meshes round charges to float32 (6e-8) and to fixed point.
FLOAT32 = 1e-5
#: 40 steps of a melt at 900 K let rounding errors grow by far less than this; lost or doubled atoms do not.
DYNAMICS = 1e-8


@pytest.fixture(scope="module")
def results(models, mpiexec, tmp_path_factory):
    """Results of all cases by number of ranks; each number is started once."""
    folder = tmp_path_factory.mktemp("ranks")
    script = str(Path(__file__).parent / "rank_cases.py")
    known: dict[int, dict] = {}

    def on(ranks: int, *names: str):
        if ranks not in known:
            file = folder / f"{ranks}.npz"
            done = mpiexec(ranks, script, str(models["none"].parent), str(file), *names)
            assert done.returncode == 0, done.stdout
            known[ranks] = dict(np.load(file))
        return known[ranks]

    return on


def differences(name: str, one: dict, several: dict) -> dict[str, float]:
    keys = [key for key in one if key.startswith(f"{name}: ")]
    assert keys
    return {k: np.abs(several[k] - one[k]).max() / max(np.abs(one[k]).max(), 1e-3) for k in keys}


def tolerance(name: str) -> float:
    if name.endswith("float32"):
        return FLOAT32
    return DYNAMICS if name.startswith("dynamics") else FLOAT64


#: More ranks than cores are slow: all cases on two ranks, those in which the decomposition matters on more.
ON_RANKS = {
    2: list(CASES),
    3: ["triclinic", "dynamics, fix balance"],
    4: [
        "brick",
        "tiled",
        "cell smaller than the cutoff",
        "empty ranks",
        "overlay",
        "ignored atoms",
        "dynamics",
        "slab",
        "cluster",
        "dynamics, shifting bricks",
        "stress of the atoms, few ions",
        "exported network, empty ranks",
    ],
    8: ["triclinic tiled"],
}


@pytest.mark.parametrize(("ranks", "name"), [(ranks, name) for ranks, names in ON_RANKS.items() for name in names])
def test_same_results_on_any_number_of_ranks(results, ranks, name):
    found = differences(name, results(1), results(ranks, *ON_RANKS[ranks]))
    assert max(found.values()) <= tolerance(name), found


def test_the_cases_have_something_to_compare(results):
    """Charges, dipoles, fields and deviations that are all zero would agree on any number of ranks."""
    one = results(1)
    for quantity in ("forces", "charges", "dipoles", "potential", "field", "virial", "parts"):
        assert np.abs(one[f"brick: {quantity}"]).max() > 1e-3, quantity
    assert np.abs(one["ensemble: deviation"]).max() > 1e-3
    ignored = np.abs(one["ignored atoms: charges"][:, 0]) < 1e-12
    assert ignored.sum() == 10
