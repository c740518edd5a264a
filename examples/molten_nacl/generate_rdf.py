"""Reference g(r) of the polarisable melt, and a starting configuration, at one state point.

A long trajectory with adiabatic shells (see simulations.py) gives the radial distribution functions that
molecular dynamics with a trained model should reproduce.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import ase
import ase.io
import numpy as np
from adiabatic import AdiabaticIons
from melt_model import MeltModel
from rich.progress import track
from sampling import N_IONS, melt_rigid_ions

FRAME_INTERVAL = 0.05  # ps
BIN_WIDTH = 0.05  # Å
R_MAX = 8.0  # Å, just below half of the box
MELTING_TIME = 6.0  # ps, rigid ions
PAIRS = {"Na-Na": ("Na", "Na"), "Na-Cl": ("Na", "Cl"), "Cl-Cl": ("Cl", "Cl")}

EXAMPLES = """examples:
  python generate_rdf.py --output data                          the committed table (about 2 minutes)
  python generate_rdf.py --output hot --temperature 1500 --density 1.4
"""


def radial_distribution(
    frames: list[np.ndarray], symbols: np.ndarray, box_length: float, pair: tuple[str, str]
) -> tuple[np.ndarray, np.ndarray]:
    """Bin centres r [n_bins], Å, and g(r) [n_bins] of positions [n_frames][n_ions, 3] in a cubic box.

    Normalised as LAMMPS does: an ion is not counted among its own neighbours (N - 1 for like pairs).
    """
    edges = np.linspace(0.0, R_MAX, round(R_MAX / BIN_WIDTH) + 1)
    first, second = (np.flatnonzero(symbols == s) for s in pair)
    counts = np.zeros(len(edges) - 1)
    for x in frames:
        vectors = x[first, None] - x[None, second]
        vectors -= box_length * np.rint(vectors / box_length)
        distances = np.linalg.norm(vectors, axis=-1)
        counts += np.histogram(distances[distances > 0], edges)[0]
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    n_pairs = len(first) * (len(second) - (pair[0] == pair[1]))
    return (edges[1:] + edges[:-1]) / 2, counts / (len(frames) * n_pairs * shells / box_length**3)


def write_table(path: Path, header: list[str], columns: list[np.ndarray]) -> None:
    np.savetxt(path, np.column_stack(columns), fmt="%8.4f", header="\n".join(header))


def write_start(path: Path, positions: np.ndarray, symbols: np.ndarray, box_length: float, info: dict) -> None:
    atoms = ase.Atoms(list(symbols), np.round(positions % box_length, 5), cell=[box_length] * 3, pbc=True)
    atoms.info |= info
    ase.io.write(path, atoms, format="extxyz")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the two files")
    parser.add_argument("--temperature", type=float, default=1300.0, help="K (default: %(default)s)")
    parser.add_argument("--density", type=float, default=1.5, help="g/cm³ (default: %(default)s)")
    parser.add_argument("--equilibrate", type=float, default=4.0, help="ps (default: %(default)s)")
    parser.add_argument("--sample", type=float, default=30.0, help="ps (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="random seed, above 0 (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="overwrite existing files")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    t, density = arguments.temperature, arguments.density
    table = arguments.output / f"rdf_{t:g}K.dat"
    start = arguments.output / f"start_{t:g}K.xyz"
    existing = [str(path) for path in (table, start) if path.exists()]
    if existing and not arguments.force:
        print(f"error: {', '.join(existing)} exist already; give --force to overwrite", file=sys.stderr)
        return 1
    os.environ["OMP_NUM_THREADS"] = "1"  # sums in one fixed order
    model = MeltModel()
    box_length = model.box_length(N_IONS, density)
    symbols = np.array(model.elements)[model.species(N_IONS)]
    melt_positions = melt_rigid_ions(model, t, box_length, arguments.seed, MELTING_TIME)
    with AdiabaticIons(model, melt_positions, box_length, t, arguments.seed) as melt:

        def run(duration: float, description: str) -> tuple[list[np.ndarray], list[float], list[float]]:
            frames, shell_temperatures, temperatures = [], [], []
            for _ in track(range(round(duration / FRAME_INTERVAL)), description=description):
                shell_temperatures.append(melt.advance(FRAME_INTERVAL))
                temperatures.append(melt.lammps.get_thermo("temp"))
                frames.append(melt.gather("x")[:N_IONS])
            return frames, shell_temperatures, temperatures

        equilibrated, _, _ = run(arguments.equilibrate, "equilibrate")
        frames, shell_temperatures, temperatures = run(arguments.sample, "sample     ")
    functions = {name: radial_distribution(frames, symbols, box_length, p) for name, p in PAIRS.items()}
    header = [
        f"Polarisable molten NaCl, {N_IONS} ions, {t:g} K, {density:g} g/cm3, NVT with adiabatic shells",
        f"{len(frames)} frames, one every {FRAME_INTERVAL * 1000:g} fs, of {arguments.sample:g} ps",
        f"measured: ions {np.mean(temperatures):.0f} K; Cl shells, before each relaxation, "
        f"{np.mean(shell_temperatures):.0f} K on average and {np.max(shell_temperatures):.0f} K at most",
        "  ".join(["r/A", *functions]),
    ]
    arguments.output.mkdir(parents=True, exist_ok=True)
    write_table(table, header, [functions["Na-Na"][0], *(g for _, g in functions.values())])
    write_start(start, equilibrated[-1], symbols, box_length, {"temperature": t, "density": density})
    print("\n".join(header[:-1]))
    print(f"wrote {table} and {start}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted; no files were written", file=sys.stderr)
        sys.exit(130)
