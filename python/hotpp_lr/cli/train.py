"""hotpp-train: train a potential."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLES = """examples:
  hotpp-train --example > config.yaml       a config with every key explained; output and data.train are all it needs
  hotpp-train config.yaml --check           what is in the data, what looks wrong, how long it will take; no training
  hotpp-train config.yaml
  hotpp-train config.yaml --resume          continue after an interruption (Ctrl-C), or with more epochs
  hotpp-train config.yaml --output runs/b   the same training into another folder
"""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="hotpp-train",
        description="Train an interatomic potential on structures with energies and forces, in any file that ASE can "
        "read. Labels are found under ASE's names (energy, forces, stress) and those of MACE (REF_energy, ...).",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", nargs="?", help="YAML file")
    parser.add_argument("--resume", action="store_true", help="continue from last.ckpt in the output folder")
    parser.add_argument("--output", help="output folder instead of the one in the config")
    parser.add_argument("--check", action="store_true", help="stop before the first step, write nothing")
    parser.add_argument("--example", action="store_true", help="print a config with every key explained")
    arguments = parser.parse_args(argv)
    if arguments.config is None and not arguments.example:
        parser.error("give a config file, or --example")

    # torch and Lightning take seconds to import: not before --help has been answered.
    from hotpp_lr.cli.common import run

    run(lambda: print(example(), end="") if arguments.example else _train(arguments))


def example() -> str:
    """examples/config.yaml, which is installed beside the package."""
    from hotpp_lr.errors import InputError
    from hotpp_lr.native import installed_files

    name = "config.yaml"
    for path in (*installed_files(name), Path(__file__).parents[3] / "examples" / name):
        if path.is_file():
            return path.read_text()
    raise InputError(f"The example '{name}' is not among the installed files; it is in examples/ of the sources.")


def _train(arguments: argparse.Namespace) -> None:
    from rich.console import Console

    from hotpp_lr.cli.common import print_errors
    from hotpp_lr.training.config import read_config
    from hotpp_lr.training.fit import train
    from hotpp_lr.training.set_up import set_up

    config = read_config(arguments.config)
    if arguments.output:
        config = config.model_copy(update={"output": Path(arguments.output)})
    console = Console()
    if arguments.check:
        set_up(config, console)
        return
    report = train(config, resume=arguments.resume, console=console)
    print_errors(console, report.errors)
    console.print(
        f"Best model: {report.checkpoint}   (next: hotpp-export {report.checkpoint})", highlight=False, soft_wrap=True
    )
