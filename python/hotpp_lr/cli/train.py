"""hotpp-train: train a potential."""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  hotpp-train config.yaml
  hotpp-train config.yaml --resume          continue after an interruption, or with more epochs
  hotpp-train config.yaml --output runs/b   the same training into another folder
"""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="hotpp-train",
        description="Train an interatomic potential. Every key of the config is explained in examples/config.yaml.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", help="YAML file")
    parser.add_argument("--resume", action="store_true", help="continue from last.ckpt in the output folder")
    parser.add_argument("--output", help="output folder instead of the one in the config")
    arguments = parser.parse_args(argv)

    # torch and Lightning take seconds to import: not before --help has been answered.
    from hotpp_lr.cli.common import run

    run(lambda: _train(arguments))


def _train(arguments: argparse.Namespace) -> None:
    from pathlib import Path

    from rich.console import Console

    from hotpp_lr.cli.common import print_errors
    from hotpp_lr.training.config import read_config
    from hotpp_lr.training.fit import train

    config = read_config(arguments.config)
    if arguments.output:
        config = config.model_copy(update={"output": Path(arguments.output)})
    console = Console()
    report = train(config, resume=arguments.resume, console=console)
    print_errors(console, report.errors)
    console.print(
        f"Best model: {report.checkpoint}   (next: hotpp-export {report.checkpoint})", highlight=False, soft_wrap=True
    )
