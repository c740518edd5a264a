"""What one rank sends in one step of `pair_style hotpp/lr`, counted on paper from the decomposition alone.

A rank in the middle of a periodic melt, cut into equal bricks of its own; every direction is cut. docs/scaling.md has
the same in words. Bytes and messages that a rank sends; what it receives is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, pi

import numpy as np

FLOAT = 4  # bytes of a number of the network and of the mesh
FIXED_POINT = 4  # of the charge mesh before the transform
COMPONENTS = {0: 1, 1: 4, 2: 10}  # of a feature up to this rank
BOX = 72  # bytes by which a rank tells all others where its atoms are
GLOBAL_SUMS = 1100  # bytes of the energy, strain, moments, ... that are added over the ranks
LANES = 16  # float32 numbers that a transform takes side by side


@dataclass(frozen=True)
class Sent:
    messages: float = 0
    bytes: float = 0

    def __add__(self, other: Sent) -> Sent:
        return Sent(self.messages + other.messages, self.bytes + other.bytes)


@dataclass(frozen=True)
class System:
    """ions per rank, their density 1/Å³, range of the ghosts (cutoff and skin) and cutoff Å, of the network layers,
    channels and max_rank, of the mesh spacing Å and order."""

    ions: int
    density: float = 0.03
    ghost_range: float = 8.0
    cutoff: float = 6.0
    layers: int = 2
    channels: int = 64
    max_rank: int = 2
    spacing: float = 0.8
    order: int = 6

    @property
    def edge(self) -> float:
        """Of a rank's brick, Å."""
        return (self.ions / self.density) ** (1 / 3)

    def ghosts(self) -> float:
        """Of LAMMPS: images of all atoms in the brick and a shell around it."""
        return self.density * ((self.edge + 2 * self.ghost_range) ** 3 - self.edge**3)

    def reach(self, cutoff: float) -> float:
        """How far outside a flat face atoms have a neighbour inside, on average: the cap of their sphere that is inside
        must not be empty, and atoms are put there at random."""
        height = np.linspace(0.0, cutoff, 1001)
        empty = np.exp(-self.density * pi / 3 * height**2 * (3 * cutoff - height))
        return cutoff * (1.0 - empty.mean())

    def senders(self, bricks: tuple[int, int, int], cutoff: float, slices: int = 40) -> float:
        """Distinct atoms of other ranks that have one of a rank's own closer than `cutoff`."""
        reach = self.reach(cutoff)
        axes = []
        for count in bricks:
            # pieces of this axis of the box: distance from the brick, or from its image behind the other end; length
            beyond = min(reach, (count - 1) * self.edge / 2)
            middles = (np.arange(slices) + 0.5) * beyond / slices
            axes.append((np.append(middles, 0.0), np.append(np.full(slices, 2 * beyond / slices), self.edge)))
        (x, dx), (y, dy), (z, dz) = axes
        squares = x[:, None, None] ** 2 + y[:, None] ** 2 + z**2
        near = (dx[:, None, None] * dy[:, None] * dz)[squares < reach**2].sum()
        return self.density * (near - self.edge**3)

    def neighbours(self, bricks: tuple[int, int, int]) -> int:
        """Ranks that own such atoms within cutoff and skin."""
        offsets = [np.minimum(np.arange(count), count - np.arange(count)) for count in bricks]
        x, y, z = (self.edge * np.maximum(offset - 1, 0) for offset in offsets)
        return int((x[:, None, None] ** 2 + y[:, None] ** 2 + z**2 < self.ghost_range**2).sum()) - 1

    def swaps(self) -> int:
        """Messages of one exchange of ghost atoms in LAMMPS (comm_style brick)."""
        return 6 * ceil(self.ghost_range / self.edge)

    def mesh_points(self, bricks: tuple[int, int, int]) -> tuple[int, int, int]:
        return tuple(max(self.order, round(b * self.edge / self.spacing)) for b in bricks)


def feature_exchanges(system: System) -> int:
    """In a step, one after the other: once per layer but the first, and gradients on the way back."""
    return 2 * (system.layers - 1)


def features(system: System, bricks: tuple[int, int, int]) -> Sent:
    """Which rows within cutoff and skin have an edge in this step (a byte of each), features of these, which are
    within the cutoff, and their gradients on the way back."""
    exchanges = feature_exchanges(system)
    row = FLOAT * system.channels * COMPONENTS[system.max_rank]
    rows = exchanges * row * system.senders(bricks, system.cutoff)
    return Sent((1 + exchanges) * system.neighbours(bricks), rows + system.senders(bricks, system.ghost_range))


def engine(system: System) -> Sent:
    """LAMMPS's own: positions of ghosts, forces on ghosts."""
    return Sent(2 * system.swaps(), 2 * 24 * system.ghosts())


def overlaps(begin: float, end: float, points: int, parts: int) -> int:
    """Parts of a periodic axis, shared out evenly, that [begin, end) touches."""
    if end - begin >= points:
        return parts
    size = points / parts
    return min(parts, int((end - 1e-9) // size) - int(begin // size) + 1)


def windows(system: System, bricks: tuple[int, int, int], layout: tuple[int, int]) -> Sent:
    """Charges from the window of a rank to the owners of the mesh, and the potential back from owners to windows.

    A rank sends its window once; of the potential, owners send what windows ask for: on average the same again.
    """
    points = system.mesh_points(bricks)
    window = [k / b + system.order for k, b in zip(points, bricks, strict=True)]
    volume = 1.0
    for w, k in zip(window, points, strict=True):
        volume *= min(w, k)
    owners = layout[0] * layout[1]
    middle = [(b // 2) * k / b for k, b in zip(points, bricks, strict=True)]
    targets = 1
    for axis, parts in enumerate(layout):
        targets *= overlaps(middle[axis], middle[axis] + window[axis], points[axis], parts)
    kept = 1 / targets if owners == bricks[0] * bricks[1] * bricks[2] and targets < owners else 1 / owners
    return Sent(2 * (targets - 1), volume * (1 - kept) * (FIXED_POINT + FLOAT))


def transposes(system: System, bricks: tuple[int, int, int], layout: tuple[int, int]) -> Sent:
    """Redistributions between the owners: modes along z, padded to whole vectors, are complex."""
    x, y, z = system.mesh_points(bricks)
    modes = ceil((z // 2 + 1) / LANES) * LANES
    own = 2 * FLOAT * modes * x * y / (layout[0] * layout[1])
    total = Sent()
    for parts in layout:
        if parts > 1:
            total += Sent(2 * (parts - 1), 2 * own * (1 - 1 / parts))
    return total


def collectives(ranks: int) -> tuple[int, int, float]:
    """Sums over all ranks in a step (mesh; neutralisation; net force), gatherings of all boxes, and the bytes that a
    rank has of the latter in the end."""
    return 3, 1, BOX * ranks
