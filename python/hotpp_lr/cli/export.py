"""hotpp-export: checkpoint -> exported model."""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  hotpp-export runs/nacl/model.ckpt                  writes runs/nacl/model.pt
  hotpp-export runs/nacl/model.ckpt -o nacl.pt
then, in a LAMMPS deck:
  pair_style hotpp/lr nacl.pt
  pair_coeff * * Na Cl
"""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="hotpp-export",
        description="Write the model of a checkpoint as one self-describing file for LAMMPS and ASE. "
        "The file is read back and compared with the checkpoint first.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkpoint", help="model.ckpt written by hotpp-train")
    parser.add_argument("-o", "--output", help="file to write (default: the checkpoint's name with .pt)")
    parser.add_argument("--force", action="store_true", help="overwrite an existing file")
    parser.add_argument(
        "--eager", action="store_true", help="PyTorch operations without tables and fused kernels: slower, to compare"
    )
    arguments = parser.parse_args(argv)

    from hotpp_lr.cli.common import run

    run(lambda: _export(arguments))


def _export(arguments: argparse.Namespace) -> None:
    from pathlib import Path

    from hotpp_lr.export import export_model

    output = Path(arguments.output) if arguments.output else Path(arguments.checkpoint).with_suffix(".pt")
    found = export_model(arguments.checkpoint, output, overwrite=arguments.force, eager=arguments.eager)
    print(f"Wrote {output}")
    if found.knots:
        print(
            f"  radial tables of {found.knots} knots, error {found.table_error:.1e} of the scale of the radial weights"
        )
        print(f"  differs from these tables in PyTorch operations by at most {found.from_tables:.1e} (relative)")
    print(f"  differs from the checkpoint without tables by at most {found.from_perceptron:.1e} (relative)")
