"""Exported models: equal to the checkpoint, self-describing, never written by halves."""

from __future__ import annotations

import json

import ase
import numpy as np
import pytest
import torch
from hotpp_lr import export
from hotpp_lr.calculator import HotppCalculator
from hotpp_lr.cli import export as cli_export
from hotpp_lr.data.batch import collate
from hotpp_lr.errors import InputError
from hotpp_lr.model.checkpoint import KEY, describe
from hotpp_lr.training.dataset import sample
from support import NACL, make_potential, make_salt


@pytest.fixture
def checkpoint(tmp_path, electrostatics):
    # as many knots as the export needs for its tolerance, so that checkpoint and file have the same tables
    return write_checkpoint(make_potential(electrostatics, radial_knots=1025), tmp_path)


def write_checkpoint(potential, folder):
    path = folder / "model.ckpt"
    state = {f"potential.{k}": v for k, v in potential.state_dict().items()}
    torch.save({KEY: describe(potential, {"seed": 1}), "state_dict": state}, path)
    return path


def atoms(triclinic=True) -> ase.Atoms:
    s = make_salt(2, triclinic=triclinic)
    return ase.Atoms(s.numbers, s.positions, cell=s.cell, pbc=True)


def test_exported_model_equals_the_checkpoint(checkpoint, electrostatics):
    output = checkpoint.with_name("model.pt")
    assert export.export_model(checkpoint, output).from_tables < 1e-12
    results = []
    for path in (checkpoint, output):
        system = atoms()
        system.calc = HotppCalculator(path)
        results.append((system.get_potential_energy(), system.get_forces(), system.get_stress(), system.get_charges()))
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-10, atol=1e-11)
    assert np.abs(results[0][1]).max() > 1e-2
    assert not list(checkpoint.parent.glob("*.part"))


def test_tables_are_refined_until_they_are_the_perceptron(tmp_path):
    potential = make_potential("charge+dipole", radial_knots=129)
    path = write_checkpoint(potential, tmp_path)
    found = export.export_model(path, path.with_name("model.pt"))
    restored, about = export.load_exported(path.with_name("model.pt"))
    assert found.knots > 129 and found.table_error < 1e-6
    assert about["radial_tables"] == {"knots": found.knots, "error": found.table_error}
    # rounding of sums in another order
    assert found.from_tables < 1e-12
    # Forces hold slopes: their error is that of the values over the spacing, 1e-6 * 4 / (4 / 1000), before it averages
    # over neighbours.
    assert 0 < found.from_perceptron < 1e-4
    batch = collate([sample(make_salt(2), NACL, potential.config)])
    exact, tables = (p(batch) for p in (potential.use_perceptron(), restored))
    assert float((exact.energy - tables.energy).abs()) < 1e-6 * float(exact.atomic_energies.abs().sum())


def test_eager_export_is_the_perceptron_on_every_edge(checkpoint):
    output = checkpoint.with_name("eager.pt")
    found = export.export_model(checkpoint, output, eager=True)
    assert found.knots == 0 and found.from_perceptron < 1e-12
    assert "radial.perceptron.0.weight" in {
        k.partition(".")[2].partition(".")[2] for k in torch.jit.load(output).state_dict()
    }


def test_metadata_describe_the_model(checkpoint, electrostatics):
    output = checkpoint.with_name("model.pt")
    checkpoint.with_name("errors.json").write_text('{"test": {"forces": 0.06}}')
    export.export_model(checkpoint, output)
    extra = {export.METADATA: ""}
    torch.jit.load(output, _extra_files=extra)
    about = json.loads(extra[export.METADATA])
    assert about["format"] == "hotpp-lr" and about["format_version"] == 2
    assert about["elements"] == ["Na", "Cl"]
    assert about["errors"] == {"test": {"forces": 0.06}}
    assert about["electrostatics"] == electrostatics
    assert about["cutoff"] == 4.0 and about["smearing"] == 1.5
    assert about["atomic_energies"] == {"Na": -1.5, "Cl": -3.5}


def test_float32_is_near_float64(checkpoint):
    output = checkpoint.with_name("model.pt")
    export.export_model(checkpoint, output)
    forces = []
    for dtype in ("float64", "float32"):
        system = atoms()
        system.calc = HotppCalculator(output, dtype=dtype)
        forces.append(system.get_forces())
    # float32 carries 7 digits; sums over 30 neighbours and a mesh leave five. Slopes between the 1025 knots of a table
    # are differences of rounded numbers: 6e-8 of the weights over the spacing of 0.004 Å is 2e-5 of them per Å.
    np.testing.assert_allclose(forces[1], forces[0], rtol=0, atol=1e-4 * np.abs(forces[0]).max())


def test_calculator_keeps_its_mesh_under_small_strain(checkpoint):
    system = atoms()
    calculator = HotppCalculator(checkpoint)
    system.calc = calculator
    system.get_potential_energy()
    mesh = calculator._mesh.mesh
    system.set_cell(system.cell * 1.04, scale_atoms=True)
    system.get_potential_energy()
    assert calculator._mesh.mesh == mesh
    if calculator.potential.config.has_charges:
        system.set_cell(system.cell * 1.15, scale_atoms=True)
        system.get_potential_energy()
        assert calculator._mesh.mesh != mesh


def test_bad_files_are_named(checkpoint, tmp_path, capsys):
    good = checkpoint.with_name("model.pt")
    export.export_model(checkpoint, good)
    with pytest.raises(InputError, match="exists"):
        export.export_model(checkpoint, good)
    export.export_model(checkpoint, good, overwrite=True)

    with pytest.raises(InputError, match="does not exist"):
        export.export_model(tmp_path / "none.ckpt", tmp_path / "x.pt")
    half = tmp_path / "half.pt"
    half.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    with pytest.raises(InputError, match="damaged"):
        export.load_exported(half)
    foreign = tmp_path / "foreign.pt"
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), foreign)
    with pytest.raises(InputError, match="not a model of hotpp-lr"):
        export.load_exported(foreign)
    other = tmp_path / "other.ckpt"
    torch.save({"state_dict": {}}, other)
    with pytest.raises(InputError, match="not a checkpoint of hotpp-lr"):
        export.export_model(other, tmp_path / "y.pt")
    with pytest.raises(SystemExit) as stop:
        cli_export.main([str(other)])
    assert stop.value.code == 2 and "error:" in capsys.readouterr().err


def test_calculator_refuses_what_the_model_does_not_know(checkpoint, electrostatics):
    system = atoms()
    system.calc = HotppCalculator(checkpoint)
    system.numbers[0] = 19
    with pytest.raises(InputError, match="element K"):
        system.get_potential_energy()
    open_system = atoms()
    open_system.pbc = (True, True, False)
    open_system.calc = HotppCalculator(checkpoint)
    if electrostatics == "none":
        assert np.isfinite(open_system.get_potential_energy())
    else:
        with pytest.raises(InputError, match="periodic"):
            open_system.get_potential_energy()
    assert NACL == (11, 17)
