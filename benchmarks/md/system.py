"""Molten NaCl of any multiple of 128 ions, and untrained models for it: what every code of the benchmark gets."""

from __future__ import annotations

from pathlib import Path

import ase
import ase.io
import torch
from hotpp_lr.export import export_model
from hotpp_lr.model.checkpoint import KEY, describe
from hotpp_lr.model.config import ModelConfig
from hotpp_lr.model.potential import Normalisation, Potential

START = Path(__file__).parents[2] / "examples/molten_nacl/data/start_1300K.xyz"
CUTOFF, CHANNELS, LAYERS = 6.0, 64, 2
#: Images of the 128 ions along x, y, z.
REPEATS = {
    128: (1, 1, 1), 1024: (2, 2, 2), 4096: (4, 4, 2), 8192: (4, 4, 4), 65_536: (8, 8, 8), 221_184: (12, 12, 12),
}  # fmt: skip


def melt(n_ions: int) -> ase.Atoms:
    """Snapshot of the melt at 1300 K, 1.5 g/cm³."""
    if n_ions not in REPEATS:
        raise SystemExit(f"{n_ions} ions are not among {list(REPEATS)}, which a snapshot of 128 ions gives")
    return ase.io.read(START).repeat(REPEATS[n_ions])


def write_models(folder: Path, electrostatics: str = "charge+dipole") -> dict[str, Path]:
    """Files 'eager' and 'fused' of one untrained network: C = 64, rank 2, 2 layers, r_c = 6 Å."""
    torch.manual_seed(1)
    config = ModelConfig(electrostatics=electrostatics, cutoff=CUTOFF, channels=CHANNELS, layers=LAYERS, max_rank=2)
    potential = Potential(config, Normalisation((11, 17), (0.0, 0.0), 25.0, 0.1, (1, 1)))
    checkpoint = folder / "model.ckpt"
    state = {f"potential.{k}": v for k, v in potential.state_dict().items()}
    torch.save({KEY: describe(potential, {}), "state_dict": state}, checkpoint)
    files = {name: folder / f"{name}.pt" for name in ("eager", "fused")}
    for name, path in files.items():
        export_model(checkpoint, path, eager=name == "eager", overwrite=True)
    return files


def write_data(atoms: ase.Atoms, path: Path) -> None:
    """LAMMPS data file, type 1 Na, type 2 Cl."""
    types = [1 if z == 11 else 2 for z in atoms.numbers]
    lines = ["melt", "", f"{len(atoms)} atoms", "2 atom types", ""]
    lines += [f"0 {length:.10f} {axis}lo {axis}hi" for axis, length in zip("xyz", atoms.cell.lengths(), strict=True)]
    lines += ["", "Masses", "", "1 22.98977", "2 35.453", "", "Atoms # atomic", ""]
    lines += [
        f"{i + 1} {t} {x:.10f} {y:.10f} {z:.10f}"
        for i, (t, (x, y, z)) in enumerate(zip(types, atoms.get_positions(wrap=True), strict=True))
    ]
    path.write_text("\n".join(lines) + "\n")
