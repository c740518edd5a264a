"""Several LAMMPS instances: in one process taking turns, and side by side in the partitions of one mpiexec."""

from pathlib import Path

import numpy as np
import pytest
from conftest import RUN_DECK
from ionic_crystals import rock_salt, write_data

pytestmark = pytest.mark.mpi


@pytest.mark.parametrize("ranks", [1, 2])
def test_instances_that_take_turns_do_not_disturb_each_other(models, mpiexec, tmp_path, ranks):
    """Bit for bit: the same operations in the same order. One has two models, and ends after the other."""
    script = str(Path(__file__).parent / "rank_instances.py")
    done = mpiexec(ranks, script, str(models["none"].parent), str(tmp_path / "results.npz"))
    assert done.returncode == 0, done.stdout
    results = np.load(tmp_path / "results.npz")
    for name in ("first", "second"):
        for quantity in ("energy", "forces", "positions"):
            assert np.array_equal(results[f"{name} alone: {quantity}"], results[f"{name} together: {quantity}"])
    assert abs(results["first alone: energy"] - results["second alone: energy"]) > 1


@pytest.mark.parametrize(("ranks", "partition"), [(2, "2x1"), (4, "2x2")])
def test_partitions_do_not_meet(models, mpiexec, engine, tmp_path, ranks, partition):
    """Two runs side by side, each with a communicator, a model and a mesh of its own."""
    ions, names = rock_salt((4, 4, 4)), ("charge+dipole", "other")
    write_data(tmp_path / "ions.data", ions)
    (tmp_path / "in.deck").write_text(
        f"""
        variable  model world {" ".join(f'"{models[name]}"' for name in names)}
        units     metal
        read_data ions.data
        pair_style hotpp/lr ${{model}}
        pair_coeff * * Na Cl
        thermo_modify format float %.15g
        run       0
        """
    )
    result = mpiexec(ranks, "-c", RUN_DECK, "in.deck", "-partition", partition, "-in", "in.deck", cwd=tmp_path)
    assert result.returncode == 0, result.stdout
    for number, name in enumerate(names):
        alone = engine(ions, f"hotpp/lr {models[name]}").commands("run 0").energy()
        # 1e-11: sums in another order, and the distributed mesh in place of the other on two ranks
        assert pe_of(tmp_path / f"log.lammps.{number}") == pytest.approx(alone, rel=1e-11)


def pe_of(log: Path) -> float:
    """E_pair of the first step of a log file."""
    lines = log.read_text().splitlines()
    header = next(k for k, line in enumerate(lines) if "E_pair" in line)
    return float(lines[header + 1].split()[lines[header].split().index("E_pair")])
