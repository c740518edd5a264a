"""hotpp-eval: errors and parity plot of a model on labelled structures."""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  hotpp-eval runs/nacl/model.ckpt test.xyz               table and runs/nacl/parity_test.png
  hotpp-eval model.pt test.xyz.gz --plot parity.png --json errors.json
  hotpp-eval model.pt test.xyz --keys energy=dft_E forces=dft_F
"""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="hotpp-eval",
        description="Errors of a checkpoint or an exported model on labelled structures, and a parity plot.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", help="model.ckpt or model.pt")
    parser.add_argument("data", nargs="+", help="files that ASE can read, with energies and forces")
    parser.add_argument("--plot", help="picture to write (default: parity_<data>.png beside the model)")
    parser.add_argument("--json", help="also write the errors as JSON")
    parser.add_argument(
        "--keys",
        nargs="+",
        default=[],
        metavar="LABEL=NAME",
        help="what energy, forces, stress, virial or total_charge are called in the files (default: found)",
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or cuda:n")
    parser.add_argument("--batch-size", type=int, default=8, help="structures at a time (default 8)")
    arguments = parser.parse_args(argv)

    from hotpp_lr.cli.common import run

    run(lambda: _evaluate(arguments))


def _names(keys: list[str]) -> dict[str, str]:
    """["energy=E"] -> {"energy": "E"}. Raises InputError."""
    from hotpp_lr.data.labels import LABELS
    from hotpp_lr.errors import InputError

    pairs = [key.partition("=") for key in keys]
    for label, _, name in pairs:
        if label not in LABELS or not name:
            raise InputError(f"--keys takes label=name with a label of {', '.join(LABELS)}; given '{label}'.")
    return {label: name for label, _, name in pairs}


def _mean_absolute(result) -> str:
    parts = [
        f"{name} {factor * value:.{digits}f} {unit}"
        for name, value, factor, digits, unit in (
            ("energy", result.energy_mae, 1e3, 2, "meV/atom"),
            ("forces", result.forces_mae, 1e3, 1, "meV/Å"),
            ("stress", result.stress_mae, 1e3, 3, "meV/Å³"),
        )
        if value is not None
    ]
    return f"Mean absolute errors: {', '.join(parts)}"


def _evaluate(arguments: argparse.Namespace) -> None:
    import json
    from dataclasses import asdict
    from pathlib import Path

    from rich.console import Console
    from rich.progress import Progress

    from hotpp_lr.calculator import load_model
    from hotpp_lr.cli.common import print_errors
    from hotpp_lr.data.read import read_structures
    from hotpp_lr.training.dataset import sample
    from hotpp_lr.training.evaluate import errors, predict
    from hotpp_lr.training.plots import charge_fit, parity_plot

    console = Console()
    potential = load_model(arguments.model, arguments.device)
    potential.requires_grad_(False)
    structures = read_structures(arguments.data, names=_names(arguments.keys))
    samples = [sample(s, potential.normalisation.elements, potential.config) for s in structures]
    stress = any(s.stress is not None for s in structures)
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("evaluating", total=len(samples))
        predictions = predict(
            potential,
            samples,
            batch_size=arguments.batch_size,
            stress=stress,
            progress=lambda done: bar.update(task, completed=done),
        )
    result = errors(predictions, samples)
    kinds = sorted({s.kind for s in structures})
    rows = {Path(arguments.data[0]).name: result}
    for kind in kinds if len(kinds) > 1 else ():
        chosen = [k for k, s in enumerate(structures) if s.kind == kind]
        rows[f"  {kind or 'no config_type'}"] = errors(predictions.only(chosen), [samples[k] for k in chosen])
    print_errors(console, rows)
    console.print(_mean_absolute(result), highlight=False, soft_wrap=True)
    name = Path(arguments.data[0]).name.split(".")[0]
    plot = Path(arguments.plot) if arguments.plot else Path(arguments.model).parent / f"parity_{name}.png"
    constants = potential.normalisation
    parity_plot(predictions, samples, plot, dict(zip(constants.elements, constants.atomic_energies, strict=True)))
    console.print(f"Parity plot: {plot}", highlight=False, soft_wrap=True)
    fits = charge_fit(predictions, samples) if potential.config.has_charges else {}
    for quantity, fit in fits.items():
        console.print(
            f"learned against reference {quantity}: slope {fit.slope:.3f}, R² {fit.r2:.3f} "
            "(reference values were not used in training)",
            highlight=False,
            soft_wrap=True,
        )
    if arguments.json:
        content = asdict(result) | {f"{k}_fit": asdict(v) for k, v in fits.items()}
        Path(arguments.json).write_text(json.dumps(content, indent=2) + "\n")
