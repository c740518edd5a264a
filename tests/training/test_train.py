"""Training end to end on a few small structures."""

from __future__ import annotations

import json
import math

import ase
import ase.io
import numpy as np
import pytest
import torch
from ase.calculators.singlepoint import SinglePointCalculator
from hotpp_lr.cli import evaluate as cli_evaluate
from hotpp_lr.cli import train as cli_train
from hotpp_lr.data.batch import collate
from hotpp_lr.errors import InputError
from hotpp_lr.model.checkpoint import load_potential
from hotpp_lr.training.config import read_config
from hotpp_lr.training.dataset import load_datasets
from hotpp_lr.training.evaluate import predict
from hotpp_lr.training.fit import train
from hotpp_lr.training.set_up import set_up
from rich.console import Console


def test_errors_fall_and_everything_is_written(write_config, tmp_path, capsys):
    short = train(read_config(write_config(output=str(tmp_path / "short"), training={"max_epochs": 1})))
    report = train(read_config(write_config(training={"max_epochs": 40, "learning_rate": 0.02})))
    assert report.errors["train"].forces < 0.8 * short.errors["train"].forces
    assert set(report.errors) == {"train", "valid", "test"}
    run = tmp_path / "run"
    for name in ("model.ckpt", "last.ckpt", "errors.json", "config.yaml"):
        assert (run / name).is_file()
    assert list(run.glob("log/**/metrics.csv"))
    assert json.loads((run / "errors.json").read_text())["test"]["n_structures"] == 4
    assert "energy 8, forces 8, stress 8" in capsys.readouterr().out


def test_native_and_reference_message_train_alike(write_config, tmp_path):
    """The same steps in float64: the fused operator's second derivatives lead to the same weights."""
    weights = []
    for message in ("native", "reference"):
        path = write_config(output=str(tmp_path / message), training={"message": message, "precision": "float64"})
        potential, _ = load_potential(train(read_config(path)).checkpoint)
        weights.append(torch.cat([p.detach().flatten() for p in potential.parameters()]))
    # 6 Adam steps amplify rounding: 1e-12 relative in a gradient near zero can flip its sign
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=1e-7)


def test_resume_continues_schedule_and_optimizer(write_config, tmp_path):
    """3 + 3 epochs, interrupted, are 6 epochs: same number of steps and learning rate, optimizer and average kept."""
    straight = train(read_config(write_config(output=str(tmp_path / "a"), training={"max_epochs": 6})))
    config = read_config(write_config(output=str(tmp_path / "b"), training={"max_epochs": 6}))

    from hotpp_lr.training import fit

    class Interrupted(fit.EpochLines):
        def on_train_epoch_start(self, trainer, module):
            if trainer.current_epoch == 3:
                trainer.should_stop = True
                raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "EpochLines", Interrupted)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            train(config)
    resumed = train(config, resume=True)
    a = torch.load(straight.checkpoint.parent / "last.ckpt", weights_only=True)
    b = torch.load(resumed.checkpoint.parent / "last.ckpt", weights_only=True)
    assert a["global_step"] == b["global_step"] == 12
    # The order of the batches is drawn anew after a resume, so weights agree in size only; the schedule is exact.
    assert a["optimizer_states"][0]["param_groups"][0]["lr"] == b["optimizer_states"][0]["param_groups"][0]["lr"]
    assert a["optimizer_states"][0]["state"][0]["step"] == b["optimizer_states"][0]["state"][0]["step"]
    assert "current_model_state" in b


def test_missing_labels_are_masked_and_counted(write_config, tmp_path, frames, capsys):
    stripped = [f.copy() for f in frames[:8]]
    for k, (new, old) in enumerate(zip(stripped, frames, strict=False)):
        new.info["energy"] = old.get_potential_energy()
        if k < 3:
            new.arrays["forces"] = old.get_forces()
    path = write_config(loss={"stress": 0.0})
    ase.io.write(tmp_path / "train.xyz", stripped)
    report = train(read_config(path))
    assert "energy 8, forces 3, stress 0" in capsys.readouterr().out
    assert math.isfinite(report.errors["train"].forces)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: [], "empty"),
        (lambda f: [a.copy() for a in f], "neither energy nor forces"),
        (lambda f: _moved(f, 0, float("nan")), "NaN"),
        (lambda f: _moved(f, 1, None), "closer than"),
    ],
)
def test_unusable_data_are_refused_before_training(write_config, tmp_path, frames, change, message):
    path = write_config()
    content = change(frames[:4])
    if content:
        ase.io.write(tmp_path / "train.xyz", content)
    else:
        (tmp_path / "train.xyz").write_text("")
    with pytest.raises(InputError, match=message):
        train(read_config(path))
    assert not (tmp_path / "run").exists()


def _moved(frames, atom, value):
    """First frame with one coordinate replaced (NaN), or one atom put onto its neighbour (None)."""
    moved = frames[0].copy()
    moved.calc = frames[0].calc
    moved.positions[atom] = moved.positions[0] + 0.01 if value is None else value
    return [moved]


def test_missing_label_for_a_wanted_term(write_config, tmp_path, frames):
    plain = frames[0].copy()
    plain.info["energy"] = 1.0
    path = write_config()
    ase.io.write(tmp_path / "train.xyz", [plain] * 3)
    with pytest.raises(InputError, match=r"loss\.forces is 1.*no structure"):
        train(read_config(path))


def test_element_unseen_in_training(write_config, tmp_path, frames):
    other = frames[9].copy()
    other.calc = frames[9].calc
    other.numbers[0] = 19
    path = write_config()
    ase.io.write(tmp_path / "valid.xyz", [other])
    with pytest.raises(InputError, match=r"element K is not among the model's elements \(Na, Cl\)"):
        train(read_config(path))


def test_nothing_is_overwritten_and_resume_needs_a_run(write_config):
    path = write_config(training={"max_epochs": 1})
    with pytest.raises(InputError, match="Nothing to resume"):
        train(read_config(path), resume=True)
    train(read_config(path))
    with pytest.raises(InputError, match="already holds a training"):
        train(read_config(path))


def test_commands_end_with_a_sentence_and_status(write_config, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        cli_train.main([str(tmp_path / "nothing.yaml")])
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("error: Config file")

    cli_train.main([str(write_config(training={"max_epochs": 1}))])
    out = capsys.readouterr().out
    assert "Root mean square errors" in out and "model.ckpt" in out

    cli_evaluate.main(
        [str(tmp_path / "run" / "model.ckpt"), str(tmp_path / "valid.xyz"), "--json", str(tmp_path / "e.json")]
    )
    assert (tmp_path / "run" / "parity_valid.png").stat().st_size > 10_000
    assert json.loads((tmp_path / "e.json").read_text())["forces"] > 0
    with pytest.raises(SystemExit):
        cli_evaluate.main([str(tmp_path / "valid.xyz"), str(tmp_path / "valid.xyz")])
    assert "error:" in capsys.readouterr().err


def test_a_fresh_potential_has_the_right_mean_energy(write_config):
    """Otherwise the first steps shrink the charges to remove an offset of some eV per atom."""
    from hotpp_lr.model.potential import Potential
    from hotpp_lr.training.set_up import absorb_mean_energy
    from hotpp_lr.training.statistics import normalisation

    config = read_config(write_config())
    data = load_datasets(config)
    potential = Potential(config.model, normalisation(data.train, data.elements)).double()

    def mean_error():
        predicted = predict(potential, data.train).energy
        return sum((e - s.structure.energy) / len(s.structure) for e, s in zip(predicted, data.train, strict=True)) / 8

    before = mean_error()
    absorb_mean_energy(potential, data.train)
    assert abs(before) > 0.1
    assert abs(mean_error()) < 1e-9


def chains() -> list[ase.Atoms]:
    """Labelled zigzag chains of carbon, bonds of 1.25 Å, not periodic, neutral and charged."""
    random = np.random.default_rng(0)
    frames = []
    for k in range(6):
        x = np.stack([1.2 * np.arange(8), 0.35 * (np.arange(8) % 2), np.zeros(8)], -1) + random.normal(0, 0.05, (8, 3))
        info = {"energy": float(random.normal(-1000, 0.1)), "total_charge": k % 2}
        atoms = ase.Atoms("C8", x, info=info)
        atoms.arrays["forces"] = random.normal(0, 1, (8, 3))
        frames.append(atoms)
    return frames


def test_a_fresh_potential_has_forces_of_the_right_size_for_covalent_bonds(write_config, tmp_path):
    """They were 10⁶ times too large: products of messages from neighbours that are close."""
    ase.io.write(tmp_path / "train.xyz", chains())
    model = {"cutoff": 4.5, "repulsion": "none", "channels": 8}
    path = write_config(data={"valid": None, "test": None}, model=model, loss={"stress": 0.0})
    data, potential = set_up(read_config(path), Console(quiet=True))
    result = potential(collate(data.train))
    assert result.forces.square().mean().sqrt() < 30 * potential.normalisation.energy_scale


def test_molecules_and_crystals_are_trained_together(write_config, tmp_path, frames, capsys):
    """Meshes for the periodic ones, pair sums for the others, stress where there is one, every charge its own."""
    ase.io.write(tmp_path / "train.xyz", [*frames[:4], *chains()])
    path = write_config(data={"valid": "train.xyz", "test": None}, training={"max_epochs": 2})
    report = train(read_config(path))
    out = capsys.readouterr().out
    assert "6 not periodic, 4 periodic" in out and "total charge +0 e (3), +1 e (3)" in out
    assert all(math.isfinite(x) for x in (report.errors["train"].forces, report.errors["train"].stress))
    potential, _ = load_potential(report.checkpoint)
    data = load_datasets(read_config(path))
    structures = [s.structure for s in data.train]
    sums = [float(q.sum()) for q in predict(potential, data.train).charges]
    # float32
    assert sums == pytest.approx([s.total_charge or 0.0 for s in structures], abs=1e-4)


def test_check_says_what_is_there_and_writes_nothing(write_config, tmp_path, capsys):
    cli_train.main([str(write_config()), "--check"])
    out = capsys.readouterr().out
    assert "8 structures of 8 atoms" in out and "E0" in out and "ms per step" in out
    assert not (tmp_path / "run").exists()


def test_resume_with_another_model_or_other_elements_is_refused(write_config, tmp_path, frames):
    train(read_config(write_config(training={"max_epochs": 1})))
    with pytest.raises(InputError, match=r"channels \(was 8, is 16\)"):
        train(read_config(write_config(model={"channels": 16})), resume=True)
    other = [f.copy() for f in frames[:4]]
    for new, old in zip(other, frames, strict=False):
        new.numbers[new.numbers == 11] = 19
        new.calc = SinglePointCalculator(new, **old.calc.results)
    ase.io.write(tmp_path / "train.xyz", other)
    ase.io.write(tmp_path / "valid.xyz", other)
    with pytest.raises(InputError, match="was trained on Na Cl, the training set has Cl K"):
        train(read_config(write_config()), resume=True)


def test_an_output_that_cannot_be_made_is_refused_first(write_config, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"'.*file' is a file"):
        train(read_config(write_config(output=str(tmp_path / "file" / "run"))))


def test_errors_by_config_type(write_config, tmp_path, frames, capsys):
    path = train(read_config(write_config(training={"max_epochs": 1}))).checkpoint
    for k, atoms in enumerate(frames[:4]):
        atoms = atoms.copy()
        atoms.info["config_type"] = "hot" if k else "cold"
        atoms.calc = SinglePointCalculator(atoms, **frames[k].calc.results)
        ase.io.write(tmp_path / "kinds.xyz", atoms, append=k > 0)
    capsys.readouterr()
    cli_evaluate.main([str(path), str(tmp_path / "kinds.xyz")])
    out = capsys.readouterr().out
    assert "hot" in out and "cold" in out and "Mean absolute errors: energy" in out
