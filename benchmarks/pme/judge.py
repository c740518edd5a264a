"""Forces by direct Ewald summation in float64: what every mesh of the benchmark is compared with.

    E = (2 pi k_e / V) sum_{k≠0} exp(-w² k²/2)/k² |S(k)|² + k_e sum_{i<j} [pair energy of kernel_smearing - kernel_w]

with S(k) = sum_i (q_i + i k·μ_i) exp(i k·r_i). A width w larger than the smearing moves work from the modes to
pairs within a few w, which are only needed for the atoms of the sample; the sum does not depend on w. Modes up to
k w = 6 and pairs up to r = 6.5 w leave errors below 1e-7. Forces are the explicit ones, at fixed charges and dipoles.
"""

from __future__ import annotations

import numpy as np
from configurations import COULOMB_CONSTANT, Configuration, cache_folder

K_MAX = 6.0  # in units of 1/w
R_MAX = 6.5  # in units of w
SAMPLE = 256  # atoms whose forces are computed


def sample_of(configuration: Configuration) -> np.ndarray:
    """Indices of the atoms whose forces are judged."""
    n = len(configuration)
    return np.sort(np.random.default_rng(1).permutation(n)[:SAMPLE])


def relative_error(forces: np.ndarray, configuration: Configuration, content: str) -> float:
    """rms deviation over rms force, on the sample; forces [n, 3] eV/Å."""
    expected = reference_forces(configuration, content)
    difference = np.asarray(forces)[sample_of(configuration)] - expected
    return float(np.sqrt((difference**2).mean() / (expected**2).mean()))


def reference_forces(configuration: Configuration, content: str) -> np.ndarray:
    """[sample, 3] eV/Å, kept on disk."""
    path = cache_folder() / f"ewald_{len(configuration)}_{content}.npy"
    if not path.exists():
        forces = ewald_forces(configuration, content, sample_of(configuration), 3 * configuration.smearing)
        np.save(path, forces)
    return np.load(path)


def ewald_forces(configuration: Configuration, content: str, atoms: np.ndarray, width: float) -> np.ndarray:
    """Forces on some atoms, [len(atoms), 3] eV/Å; width w >= smearing splits modes from pairs."""
    forces = _mode_forces(configuration, content, atoms, width)
    if width != configuration.smearing:
        forces += _pair_forces(configuration, content, atoms, width)
    return forces


def _mode_forces(configuration: Configuration, content: str, atoms: np.ndarray, width: float) -> np.ndarray:
    cell, positions = configuration.cell, configuration.positions
    charges, dipoles = configuration.sources(content)
    reciprocal = 2 * np.pi * np.linalg.inv(cell).T  # rows b_1, b_2, b_3
    fractions = positions @ np.linalg.inv(cell)
    bounds = np.floor(K_MAX / width * np.linalg.norm(cell, axis=1) / (2 * np.pi)).astype(int)
    n2, n3 = (np.arange(-b, b + 1) for b in bounds[1:])
    # exponentials of the axes; the structure factors of one n1 are then a matrix product
    y, z = (np.exp(2j * np.pi * np.outer(fractions[:, d], n)) for d, n in ((1, n2), (2, n3)))
    y_sample, z_sample = y[atoms], z[atoms]
    along = None if dipoles is None else dipoles @ reciprocal.T  # μ·b_d
    gradient = np.zeros((len(atoms), 3))
    for n1 in range(bounds[0] + 1):
        x = np.exp(2j * np.pi * n1 * fractions[:, 0])
        weights = charges if along is None else charges + 1j * n1 * along[:, 0]
        structure = ((weights * x)[:, None] * y).T @ z
        if along is not None:
            structure += 1j * n2[:, None] * (((along[:, 1] * x)[:, None] * y).T @ z)
            structure += 1j * n3[None, :] * (((along[:, 2] * x)[:, None] * y).T @ z)
        k = n1 * reciprocal[0] + n2[:, None, None] * reciprocal[1] + n3[None, :, None] * reciprocal[2]
        k2 = (k**2).sum(-1)
        inside = (k2 > 0) & (k2 <= (K_MAX / width) ** 2)
        k, k2, factor = k[inside], k2[inside], 1.0 if n1 == 0 else 2.0  # n1 < 0 by symmetry
        potential = factor * np.exp(-0.5 * width**2 * k2) / k2 * structure[inside].conj()
        phase = x[atoms, None] * (y_sample[:, :, None] * z_sample[:, None, :])[:, inside]
        source = charges[atoms, None] + (0 if dipoles is None else 1j * dipoles[atoms] @ k.T)
        gradient += (1j * potential * phase * source).real @ k
    volume = abs(np.linalg.det(cell))
    return -4 * np.pi * COULOMB_CONSTANT / volume * gradient


def _pair_forces(configuration: Configuration, content: str, atoms: np.ndarray, width: float) -> np.ndarray:
    import torch
    from hotpp_lr.electrostatics.kernel import GaussianKernel
    from hotpp_lr.electrostatics.realspace import pair_energies
    from scipy.spatial import cKDTree

    cell, cutoff = configuration.cell, R_MAX * width
    positions = configuration.positions
    charges, dipoles = configuration.sources(content)
    narrow, wide = GaussianKernel(configuration.smearing), GaussianKernel(width)
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    repeats = np.ceil(cutoff / heights).astype(int)
    images = [np.array(s) @ cell for s in np.ndindex(*(2 * repeats + 1))] - repeats @ cell
    tree = cKDTree(positions)
    first, second, vectors = [], [], []
    for shift in images:
        for i, neighbours in enumerate(tree.query_ball_point(positions[atoms] - shift, cutoff)):
            neighbours = [j for j in neighbours if j != atoms[i]]  # own images do not push
            first.append(np.full(len(neighbours), atoms[i]))
            second.append(np.array(neighbours, dtype=int))
            vectors.append(positions[atoms[i]] - positions[neighbours] - shift)
    first, second = np.concatenate(first), np.concatenate(second)
    r = torch.tensor(np.concatenate(vectors), requires_grad=True)
    energies = pair_energies(
        r,
        torch.tensor(first),
        torch.tensor(second),
        torch.tensor(charges),
        None if dipoles is None else torch.tensor(dipoles),
        lambda d: tuple(a - b for a, b in zip(narrow.radial(d), wide.radial(d), strict=True)),
    )
    gradient = torch.autograd.grad(energies.sum(), r)[0].numpy()
    total = np.zeros((len(positions), 3))
    np.add.at(total, first, gradient)
    return -COULOMB_CONSTANT * total[atoms]


def disagreement(configuration: Configuration, content: str, width: float, atoms: np.ndarray) -> float:
    """rms difference to the forces of `hotpp_lr.electrostatics.ewald`, over their rms; for small configurations."""
    import torch
    from hotpp_lr.electrostatics.ewald import ewald_energy

    charges, dipoles = configuration.sources(content)
    r = torch.tensor(configuration.positions, requires_grad=True)
    energy = ewald_energy(
        r,
        torch.tensor(configuration.cell)[None],
        torch.tensor(charges),
        None if dipoles is None else torch.tensor(dipoles),
        torch.zeros(len(configuration), dtype=torch.int64),
        smearing=configuration.smearing,
        k_max_sigma=7.0,
    )
    expected = -torch.autograd.grad(energy.sum(), r)[0].numpy()[atoms]
    difference = ewald_forces(configuration, content, atoms, width) - expected
    return float(np.sqrt((difference**2).mean() / (expected**2).mean()))


if __name__ == "__main__":
    from configurations import CONTENTS, random_configuration

    for content in CONTENTS:
        for width in (1.0, 3.0):
            configuration = random_configuration(1000)
            value = disagreement(configuration, content, width, sample_of(configuration))
            print(f"1000 atoms, {content}, split at {width} Å: {value:.1e} from hotpp_lr.electrostatics.ewald")
