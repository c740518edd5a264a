"""What all commands share: errors without traceback, tables of errors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.table import Table

from hotpp_lr.errors import InputError
from hotpp_lr.training.evaluate import Errors


def run(command: Callable[[], None]) -> None:
    """Run a command; what a person can put right becomes one line on stderr and exit status 2, Ctrl-C status 130."""
    try:
        command()
    except (InputError, OSError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except RuntimeError as error:
        # torch.save on a full disk
        if "PytorchStreamWriter" not in str(error) and "inline_container" not in str(error):
            raise
        print(f"error: a file could not be written; is the disk full? ({error})", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def print_errors(console: Console, rows: Mapping[str, Errors]) -> None:
    """Root mean square errors, a row per set."""
    table = Table(title="Root mean square errors")
    for heading in ("set", "structures", "energy meV/atom", "forces meV/Å", "forces %", "stress meV/Å³"):
        table.add_column(heading, justify="left" if heading == "set" else "right", overflow="fold")
    for name, e in rows.items():
        relative = None if e.forces is None or not e.forces_scale else 100 * e.forces / e.forces_scale
        table.add_row(
            name,
            str(e.n_structures),
            *(
                "–" if v is None else f"{f * v:.{d}f}"
                for v, f, d in ((e.energy, 1e3, 2), (e.forces, 1e3, 1), (relative, 1, 1), (e.stress, 1e3, 3))
            ),
        )
    console.print(table)
