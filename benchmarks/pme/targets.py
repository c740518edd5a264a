"""The targets of the mesh on a CPU, each with what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from client import Job

#: helPME (charges and dipoles, double, 2 threads, best of p = 6 and 8) and OpenMM 8.6.1 CPU on one and the same
#: machine, ms: helPME is not packaged, so its figures are scaled by OpenMM's of the table at hand.
HELPME = {1000: 3.9, 8000: 39.0, 32000: 175.0, 128000: 736.0}
OPENMM_BESIDE_HELPME = {1000: 1.6, 8000: 6.5, 32000: 45.0, 128000: 193.0}


def summary(jobs: Iterable[Job], bytes_per_atom: dict[str, float | None]) -> list[str]:
    jobs = list(jobs)
    sizes = sorted({job.n for job in jobs})

    def time(module: str, content: str, n: int, threads: int = 2, precision: str | None = None) -> float | None:
        """ms; the fastest precision unless one is named."""
        found = [
            1e3 * min(job.times)
            for job in jobs
            if (job.module, job.content, job.n, job.threads) == (module, content, n, threads)
            and precision in (None, job.choice.get("precision"))
        ]
        return min(found, default=None)

    def scaled_helpme(n: int) -> float | None:
        openmm = time("openmm_cpu", "q", n)
        return None if openmm is None or n not in HELPME else HELPME[n] * openmm / OPENMM_BESIDE_HELPME[n]

    def ratios(peer: Callable[[int], float | None], content: str, only: tuple[int, ...] = ()) -> str:
        parts = []
        for n in sizes:
            theirs, ours = peer(n), time("native", content, n)
            if theirs is not None and ours is not None and (not only or n in only):
                parts.append(f"{theirs / ours:.2f}× at {n}")
        return ", ".join(parts) or "not measured"

    lines = []

    def line(target: str, measured: str) -> None:
        lines.append(f"target: {target}; measured: {measured}")

    line("charges+dipoles ≥ 4× helPME (measured elsewhere, scaled by OpenMM's figure)", ratios(scaled_helpme, "q+mu"))
    line(
        "charges+dipoles ≥ 20× nvalchemi multipole PME",
        ratios(lambda n: time("nvalchemi_multipole", "q+mu", n), "q+mu"),
    )
    openmm = lambda n: time("openmm_cpu", "q", n)  # noqa: E731
    line("charges+dipoles ≥ 2× OpenMM's charges only at 1k", ratios(openmm, "q+mu", (1000,)))
    line("charges+dipoles ≥ 1× OpenMM's charges only at 32k and 128k", ratios(openmm, "q+mu", (32000, 128000)))
    line("charges only ≥ 2× OpenMM", ratios(openmm, "q"))
    line("charges only ≥ 20× torch-pme P3M", ratios(partial(time, "torch_p3m", "q"), "q"))
    line("no target, charges only against LAMMPS pppm", ratios(partial(time, "lammps_pppm", "q"), "q"))
    dipole = partial(time, "lammps_pppm_dipole", "mu")
    line("no target, charges+dipoles against LAMMPS pppm/dipole", ratios(dipole, "q+mu"))
    line("no target, charges only against nvalchemi PME", ratios(partial(time, "nvalchemi", "q"), "q"))
    for content in ("q+mu", "q"):
        for precision in ("float", "double"):
            parts = []
            for n in sizes:
                one, two = (time("native", content, n, threads, precision) for threads in (1, 2))
                if one and two:
                    parts.append(f"{one / two:.2f}× at {n}")
            line(
                f"2 threads ≥ 1.8× one ({content.replace('mu', 'μ')}, {precision})", ", ".join(parts) or "not measured"
            )
    for precision, value in bytes_per_atom.items():
        measured = "not measured" if value is None else f"{value / 1e3:.2f} kB/atom (growth of the process)"
        line(f"memory beside the mesh ≤ 0.3 kB/atom ({precision})", measured)
    return lines
