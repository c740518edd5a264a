"""Generate the reference data: frames of polarisable molten NaCl with known charges and dipoles.

For each trajectory a temperature and a density are drawn; a melt of rigid ions becomes polarisable,
equilibrates and is sampled; every sampled frame is labelled with its shells relaxed.
"""

from __future__ import annotations

import argparse
import gzip
import io
import multiprocessing
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import ase
import ase.io
import numpy as np
from adiabatic import AdiabaticIons
from ase.calculators.singlepoint import SinglePointCalculator
from melt_model import MeltModel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sampling import N_IONS, melt_rigid_ions
from simulations import CoreShellIons

TEMPERATURES = (1100.0, 1600.0)  # K
DENSITIES = (1.35, 1.65)  # g/cm³
SHELL_FORCE_TOLERANCE = 1e-5  # eV/Å; the arithmetic of the Ewald sum leaves about 5e-7
SPLITS = ("train", "valid", "test")

EXAMPLES = """examples:
  python generate.py --output data --jobs 2       the committed data set (about 7 minutes / jobs)
  python generate.py --output tiny --trajectories 3 --frames 2          a tiny one
  python generate.py --output other --seed 7                            another sample of the same melt
"""


@dataclass(frozen=True)
class Trajectory:
    """One state point and everything that decides its frames."""

    index: int
    split: str
    temperature: float  # K
    density: float  # g/cm³
    seed: int
    n_frames: int
    melting_time: float = 6.0  # ps, rigid ions
    equilibration_time: float = 1.0  # ps, polarisable ions
    sampling_interval: float = 0.2  # ps


def split_sizes(n_trajectories: int) -> dict[str, int]:
    """Trajectories per split: a sixth each for validation and test, at least one of each."""
    held_out = max(1, n_trajectories // 6)
    return dict(zip(SPLITS, (n_trajectories - 2 * held_out, held_out, held_out), strict=True))


def draw_state_points(rng: np.random.Generator, n: int) -> np.ndarray:
    """[n, 2] temperature and density of a Latin hypercube: each of n equal intervals is met once."""
    strata = np.stack([rng.permutation(n), rng.permutation(n)], axis=1)
    low, high = np.transpose([TEMPERATURES, DENSITIES])
    points = low + (high - low) * (strata + rng.random((n, 2))) / n
    return np.round(points, 4)


def plan_trajectories(seed: int, n_trajectories: int, n_frames: int) -> list[Trajectory]:
    rng = np.random.default_rng(seed)
    plan = []
    for split, size in split_sizes(n_trajectories).items():
        for temperature, density in draw_state_points(rng, size):
            trajectory_seed = int(rng.integers(1, 900_000_000))  # the range of LAMMPS's generator
            plan.append(Trajectory(len(plan), split, float(temperature), float(density), trajectory_seed, n_frames))
    return plan


def sample_positions(trajectory: Trajectory, model: MeltModel) -> list[np.ndarray]:
    """Positions [N_IONS, 3], Å, of each frame, rounded to the 5 decimals that the files keep."""
    t, seed = trajectory.temperature, trajectory.seed
    box_length = model.box_length(N_IONS, trajectory.density)
    start = melt_rigid_ions(model, t, box_length, seed, trajectory.melting_time)
    frames = []
    with AdiabaticIons(model, start, box_length, t, seed) as melt:
        melt.advance(trajectory.equilibration_time)
        for _ in range(trajectory.n_frames):
            melt.advance(trajectory.sampling_interval)
            frames.append(np.round(np.mod(melt.gather("x")[:N_IONS], box_length), 5))
    return frames


def label_frame(ions: CoreShellIons, positions: np.ndarray) -> ase.Atoms:
    """Relax the shells around positions [n_ions, 3] and attach the labels.

    Energy, forces and stress are the training labels; `charges_ref` (e) and `dipoles_ref` (e Å) are the
    truth, kept for evaluation only.
    """
    max_shell_force = ions.relax_shells(positions, SHELL_FORCE_TOLERANCE)
    atoms = ase.Atoms([ions.model.elements[s] for s in ions.species], positions, cell=[ions.box_length] * 3, pbc=True)
    atoms.arrays["charges_ref"] = np.asarray(ions.model.charges)[ions.species]
    atoms.arrays["dipoles_ref"] = np.round(ions.dipoles(), 5)
    atoms.info["max_shell_force"] = float(f"{max_shell_force:.2e}")
    atoms.calc = SinglePointCalculator(
        atoms,
        energy=round(ions.energy(), 6),
        forces=np.round(ions.ion_forces(), 5),
        stress=np.round(ions.stress(), 8),
    )
    return atoms


def make_trajectory(trajectory: Trajectory) -> list[ase.Atoms]:
    """All labelled frames of one trajectory (runs in a worker process)."""
    model = MeltModel()
    box_length = model.box_length(N_IONS, trajectory.density)
    frames = []
    positions = sample_positions(trajectory, model)
    with CoreShellIons(model, positions[0], box_length) as ions:
        for x in positions:
            atoms = label_frame(ions, x)
            atoms.info |= {
                "trajectory": trajectory.index,
                "temperature": trajectory.temperature,
                "density": trajectory.density,
            }
            frames.append(atoms)
    return frames


def write_frames(path: Path, frames: list[ase.Atoms]) -> None:
    """Gzipped extended XYZ; no time stamp inside, so that equal data are equal files."""
    text = io.StringIO()
    ase.io.write(text, frames, format="extxyz")
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0))
    temporary.replace(path)


def ignore_interrupt() -> None:
    """Ctrl-C is handled by the parent, which ends the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def run_plan(plan: list[Trajectory], jobs: int) -> list[list[ase.Atoms]]:
    """Frames of each trajectory in the order of the plan, `jobs` trajectories at a time."""
    # Each worker starts its own MPI, which a forked copy of this process could not.
    context = multiprocessing.get_context("spawn")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with context.Pool(jobs, ignore_interrupt) as pool, Progress(*columns) as progress:
        return list(progress.track(pool.imap(make_trajectory, plan), total=len(plan), description="trajectories"))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for the three files")
    parser.add_argument("--seed", type=int, default=1, help="random seed (default: %(default)s)")
    parser.add_argument("--trajectories", type=int, default=24, help="at least 3 (default: %(default)s)")
    parser.add_argument("--frames", type=int, default=20, help="per trajectory (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="overwrite existing files")
    arguments = parser.parse_args()
    if arguments.trajectories < 3:
        parser.error(f"--trajectories is {arguments.trajectories}, expected at least 3: one for each split")
    if arguments.frames < 1 or arguments.jobs < 1 or arguments.seed < 0:
        parser.error("--frames and --jobs must be at least 1, --seed must not be negative")
    return arguments


def main() -> int:
    arguments = parse_arguments()
    files = {split: arguments.output / f"{split}.xyz.gz" for split in SPLITS}
    existing = [str(path) for path in files.values() if path.exists()]
    if existing and not arguments.force:
        print(f"error: {', '.join(existing)} exist already; give --force to overwrite", file=sys.stderr)
        return 1
    os.environ["OMP_NUM_THREADS"] = "1"  # inherited by the workers: sums in one fixed order
    plan = plan_trajectories(arguments.seed, arguments.trajectories, arguments.frames)
    try:
        results = run_plan(plan, arguments.jobs)
    except KeyboardInterrupt:
        print("interrupted; no files were written", file=sys.stderr)
        return 130
    arguments.output.mkdir(parents=True, exist_ok=True)
    for split, path in files.items():
        frames = [f for t, result in zip(plan, results, strict=True) if t.split == split for f in result]
        write_frames(path, frames)
        print(f"{path}: {len(frames)} frames, {path.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
