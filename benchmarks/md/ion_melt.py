"""What the molecular dynamics benchmarks share: the melt of the example, its deck, and running it under mpiexec."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import ase.io
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
START = ROOT / "examples" / "molten_nacl" / "data" / "start_1300K.xyz"
MODEL = ROOT / "demo_output" / "charge+dipole.pt"

RUN = """
import sys
from hotpp_lr.lammps import lammps_instance
lammps = lammps_instance("-log", "log.lammps")
lammps.file(sys.argv[1])
lammps.finalize()
"""

DECK = """\
units           metal
atom_style      atomic
atom_modify     map array
boundary        p p p
read_data       {data}
replicate       {replicate}
mass            1 22.98977
mass            2 35.453
pair_style      hotpp/lr {model} {keywords}
pair_coeff      * * Na Cl
velocity        all create {temperature} 4711 loop all
timestep        {timestep}
thermo_modify   format float %.14g
"""


def model_file(path: Path) -> Path:
    if not path.exists():
        sys.exit(f"error: there is no model '{path}': run 'make demo' first, or give --model FILE.pt")
    return path.resolve()


def describe_model(path: Path) -> str:
    """One sentence from the file: what the model is, and how well it was trained."""
    with zipfile.ZipFile(path) as file:
        about = json.loads(file.read(next(n for n in file.namelist() if n.endswith("/hotpp.json"))))
    model, errors = about["model"], about.get("errors", {}).get("test", {})
    repulsion = model.get("repulsion", "none")
    text = (
        f"Model: {model['electrostatics']}, {model['channels']} channels, {model['layers']} layers, r_c = "
        f"{model['cutoff']:g} Å, accuracy {model['accuracy']:g}, {'no' if repulsion == 'none' else repulsion} repulsion"
    )
    if not errors:
        return text + "; not trained, or its errors were not kept."
    structures = about["training"]["structures"]["train"]
    return (
        text
        + f"; trained on {structures} structures of the melt, test force error {1000 * errors['forces']:.1f} meV/Å."
    )


def write_start(folder: Path) -> Path:
    """128 ions of the reference melt at 1300 K and 1.5 g/cm³ as a LAMMPS data file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "start.data"
    ase.io.write(path, ase.io.read(START), format="lammps-data", specorder=["Na", "Cl"], units="metal")
    return path


def replicas(ions: int) -> str:
    """How often the 128 ions are repeated along x, y, z."""
    for counts in ((1, 1, 1), (2, 1, 1), (2, 2, 1), (2, 2, 2), (2, 2, 4), (2, 4, 4), (4, 4, 4)):
        if 128 * np.prod(counts) >= ions:
            return " ".join(map(str, counts))
    sys.exit(f"error: {ions} ions are more than 8192: give 128 to 8192")


def ranks_command(ranks: int, command: list[str], threads: int = 1) -> tuple[list[str], dict[str, str]]:
    """The command under mpiexec if there are several ranks, and its environment."""
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads),
        "MPIR_CVAR_CH4_PROGRESS_THROTTLE": "1",  # a rank that waits leaves its core to others
        "MPIR_CVAR_ENABLE_HEAVY_YIELD": "1",
    }
    if ranks > 1:
        beside = Path(sys.executable).parent
        mpiexec = shutil.which("mpiexec", path=str(beside)) or shutil.which("mpiexec")
        if mpiexec is None:
            sys.exit("error: mpiexec is not installed: pip install mpich, or give one rank")
        command = [mpiexec, "-n", str(ranks), *command]
    return command, environment


def start_lammps(deck: Path, ranks: int, threads: int = 1) -> subprocess.Popen:
    """The deck on `ranks` ranks; log.lammps and screen.txt beside it."""
    command, environment = ranks_command(ranks, [sys.executable, "-c", RUN, deck.name], threads)
    with (deck.parent / "screen.txt").open("w") as screen:
        return subprocess.Popen(command, cwd=deck.parent, env=environment, stdout=screen, stderr=subprocess.STDOUT)


def finish(process: subprocess.Popen, deck: Path) -> None:
    if process.wait() != 0:
        tail = (deck.parent / "screen.txt").read_text().splitlines()[-5:]
        sys.exit("error: LAMMPS stopped:\n" + "\n".join(tail))


def thermo(log: Path, run: int = -1) -> dict[str, np.ndarray]:
    """The table of one run of a log file: the last one unless told otherwise."""
    tables, heading, rows = [], None, []
    for line in log.read_text().splitlines():
        words = line.split()
        if words[:1] == ["Step"]:
            heading, rows = words, []
        elif heading and line.startswith("Loop time"):
            tables.append(dict(zip(heading, np.array(rows).T, strict=True)))
            heading = None
        elif heading and len(words) == len(heading) and words[0].isdigit():
            rows.append([float(w) for w in words])
    return tables[run]


def mean_and_error(values: np.ndarray, blocks: int = 8) -> tuple[float, float]:
    """Mean and its standard error from blocks, each of which must be longer than the correlation time."""
    if len(values) < 4 * blocks:
        sys.exit(f"error: {len(values)} values are too few for error bars: give more --minutes")
    means = np.array([block.mean() for block in np.array_split(values, blocks)])
    return float(values.mean()), float(means.std(ddof=1) / np.sqrt(blocks))
