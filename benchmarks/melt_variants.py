"""What learned charges and dipoles are worth on polarisable molten NaCl: three variants, trained alike.

Writes benchmarks/results/<date>_melt_variants.md. The trainings take hours on two cores; finished ones are kept in
the --runs folder and interrupted ones are resumed, so that the command can be repeated.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from common import evaluate, train_all, write_table
from rich.console import Console

DATA = Path(__file__).resolve().parents[1] / "examples" / "molten_nacl" / "data"
VARIANTS = ("none", "charge", "charge+dipole")

#: Epochs per cutoff (Å): at 4 Å until they stop improving, at the others a short look.
EPOCHS = {4.0: 200, 5.0: 30, 6.0: 30}


def config(variant: str, cutoff: float, epochs: int) -> dict:
    return {
        "seed": 1,
        "data": {name: str(DATA / f"{name}.xyz.gz") for name in ("train", "valid", "test")},
        "model": {"electrostatics": variant, "cutoff": cutoff, "channels": 16, "accuracy": 1e-3},
        "training": {"max_epochs": epochs, "batch_size": 4, "learning_rate": 5e-3, "threads": 1, "accelerator": "cpu"},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/melt_variants"), help="folder of the trainings")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time, one thread each (default 2)")
    parser.add_argument("--cutoffs", type=float, nargs="+", default=list(EPOCHS), help="Å")
    arguments = parser.parse_args()
    console = Console()
    cases = {f"{v}_{c:g}": (v, c) for c in arguments.cutoffs for v in VARIANTS}
    configs = {name: config(v, c, EPOCHS.get(c, 60)) for name, (v, c) in cases.items()}
    runs = arguments.runs.resolve()
    train_all(configs, runs, arguments.jobs, console)

    rows = []
    base = {}
    for name, (variant, cutoff) in cases.items():
        errors = json.loads((runs / name / "errors.json").read_text())
        result = evaluate(runs / name / "model.ckpt", DATA / "test.xyz.gz", runs / f"{name}.json")
        force = 1e3 * errors["test"]["forces"]
        base.setdefault(cutoff, force)
        charge, dipole = result.get("charges_fit"), result.get("dipoles_fit")
        rows.append(
            (
                f"{cutoff:g}",
                variant,
                str(configs[name]["training"]["max_epochs"]),
                f"{1e3 * errors['train']['forces']:.1f}",
                f"{force:.1f}",
                f"{100 * errors['test']['forces'] / errors['test']['forces_scale']:.1f}",
                f"{100 * (force / base[cutoff] - 1):+.0f} %",
                f"{1e3 * errors['test']['energy']:.2f}",
                f"{charge['slope']:.3f} ({charge['r2']:.4f})" if charge else "–",
                f"{dipole['slope']:.3f} ({dipole['r2']:.3f})" if dipole else "–",
            )
        )
    heading = (
        "cutoff Å", "electrostatics", "epochs", "force train meV/Å", "force test meV/Å", "% of rms force",
        "against none",
        "energy test meV/atom", "charges: learned/true (R²)", "dipoles: learned/true (R²)",
    )  # fmt: skip
    notes = (
        "Polarisable molten NaCl (examples/molten_nacl), 128 ions, 320/80/80 frames split by trajectory. 16 channels, "
        "rank 2, 2 layers, σ = 1.5 Å, batches of 4, same seed, schedule and weights for all. Root mean square errors "
        "of the averaged weights with the best validation loss. True charges and dipoles were not used in training."
    )
    path = write_table("melt_variants", "Learned charges and dipoles on molten NaCl", heading, rows, notes)
    console.print(path.read_text(), highlight=False)
    console.print(f"Written to {path}", highlight=False)


if __name__ == "__main__":
    main()
