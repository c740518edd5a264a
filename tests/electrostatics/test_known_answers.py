"""Full Coulomb energies with known values: direct Ewald summation plus the real-space complement, k_e = 1."""

import pytest
import torch
from electrostatic_systems import CUBIC, F64, SIXTY_DEGREES, full_coulomb, one, random_system
from hotpp_lr.constants import COULOMB_CONSTANT
from hotpp_lr.electrostatics.ewald import ewald_energy
from hotpp_lr.electrostatics.mesh import pme_energy
from hotpp_lr.electrostatics.realspace import complement_energy

ZETA3 = 1.2020569031595943
FCC = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]], dtype=F64) / 2  # conventional a = 1
BCC = torch.tensor([[-1.0, 1.0, 1.0], [1.0, -1.0, 1.0], [1.0, 1.0, -1.0]], dtype=F64) / 2
GRID = torch.cartesian_prod(*[torch.arange(2)] * 3)
Z = [0.0, 0.0, 1.0]

CRYSTALS = {
    "CsCl": (one([[0, 0, 0], [0.5, 0.5, 0.5]], CUBIC, [1, -1]), 1, -2.035361509453),
    "NaCl cubic": (one(GRID, 2 * CUBIC, 1 - 2 * (GRID.sum(1) % 2)), 4, -1.747564594633),
    "NaCl primitive": (one([[0, 0, 0], [1, 1, 1]], 2 * FCC, [1, -1]), 1, -1.747564594633),
    "ZnS": (one([[0, 0, 0], [0.5, 0.5, 0.5]], 2 * FCC, [2, -2]), 4, -1.891463052043),
    "CaF2": (one([[0, 0, 0], [0.25] * 3, [-0.25] * 3], FCC, [2, -1, -1]), 1, -11.636575227077),
    "Cu2O": (
        one(
            [[0, 0, 0], [0.5] * 3, [0.25] * 3, [0.75, 0.75, 0.25], [0.75, 0.25, 0.75], [0.25, 0.75, 0.75]],
            CUBIC,
            [-2, -2, 1, 1, 1, 1],
        ),
        2,
        -10.259457033075,
    ),
    "charge sc": (one([[0, 0, 0]], CUBIC, [1]), 1, -1.418648739740),
    "charge bcc": (one([[0, 0, 0]], BCC, [1]), 1, -1.819616724754),
    "charge fcc": (one([[0, 0, 0]], FCC, [1]), 1, -2.292431037057),
    "dipoles sc": (one([[0, 0, 0]], CUBIC, None, [Z]), 1, -2 * torch.pi / 3),
    "dipoles bcc": (one([[0, 0, 0]], BCC, None, [Z]), 1, -4 * torch.pi / 3),
    "dipoles fcc": (one([[0, 0, 0]], FCC, None, [Z]), 1, -8 * torch.pi / 3),
    "antiferro columns": (
        one(
            [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]],
            torch.diag(torch.tensor([2.0, 2.0, 1.0], dtype=F64)),
            None,
            torch.tensor([Z, Z, Z, Z]) * torch.tensor([[1.0], [-1.0], [-1.0], [1.0]]),
        ),
        4,
        -2.676788684353,
    ),
}


@pytest.mark.parametrize("name", CRYSTALS)
def test_lattice_energy(name):
    system, units, expected = CRYSTALS[name]
    energy = full_coulomb(system, smearing=0.2)
    # 12 digits are listed
    assert float(energy[0]) / units == pytest.approx(expected, abs=2e-12 * max(1, abs(expected)))


@pytest.mark.parametrize("name", ["NaCl primitive", "CaF2", "charge bcc", "dipoles fcc", "antiferro columns"])
def test_lattice_energy_on_a_mesh(name):
    system, units, expected = CRYSTALS[name]
    mesh = torch.full((1, 3), 40)
    energy = pme_energy(*system.args(), smearing=0.15, order=8, mesh=mesh)
    energy = (energy + complement_energy(*system.args(), smearing=0.15)) / COULOMB_CONSTANT
    # h/smearing <= 0.34 at order 8: mesh errors of 1e-7 of energies ten times as large
    assert float(energy[0]) / units == pytest.approx(expected, rel=1e-6)


PAIR = [[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("charges", "dipoles", "energy", "force"),
    [
        ([1, -1], None, -1.002125537972, 0.9956865),
        (None, [[1, 0, 0], [1, 0, 0]], -2.008752471066, 5.9992460),
        ([1, -1], [[1, 0, 0], [0, 1, 0]], -2.002000838728, None),
    ],
)
def test_pair_in_a_box(charges, dipoles, energy, force):
    system = one(PAIR, 10 * CUBIC, charges, dipoles)
    system.positions.requires_grad_()
    total = full_coulomb(system, smearing=0.5)[0]
    assert float(total.detach()) == pytest.approx(energy, abs=2e-12)
    (gradient,) = torch.autograd.grad(total, system.positions)
    if force is not None:  # 7 digits are listed
        assert gradient.norm(dim=1).tolist() == pytest.approx([force, force], abs=1e-7)


def test_three_dipoles_in_a_box():
    system = one([[0, 0, 0], [0, 2, 0], [0, 4, 0]], 10 * CUBIC, None, [[1, 1, 0]] * 3)
    assert float(full_coulomb(system, smearing=0.6)[0]) == pytest.approx(-0.308485948231, abs=2e-12)


@pytest.mark.parametrize(("alternate", "expected"), [(1.0, -2.0 * ZETA3), (-1.0, 1.5 * ZETA3)])
def test_infinite_wire_of_dipoles(alternate, expected):
    # Fields of wires with unit period decay as exp(-2 pi r) (period 2: exp(-pi r)): a box of 9 isolates them.
    cell = torch.diag(torch.tensor([9.0, 9.0, 2.0], dtype=F64))
    system = one([[0, 0, 0], [0, 0, 1]], cell, None, [[0, 0, 1], [0, 0, alternate]])
    assert float(full_coulomb(system, smearing=0.5)[0]) / 2 == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("net_charge", [0.0, 1.5])
def test_full_coulomb_does_not_depend_on_smearing(net_charge):
    cell = 6.0 * SIXTY_DEGREES + 0.3 * torch.tensor([[0, 1, -1], [1, 0, 2], [0.5, 1, 0]], dtype=F64)
    system = random_system(7, cell, seed=5, net_charge=net_charge)
    a, b = (full_coulomb(system, smearing=s) for s in (0.6, 0.85))
    assert float(a[0]) == pytest.approx(float(b[0]), rel=1e-12)


def octahedral_rotations():
    """The 24 rotations of a cube [24, 3, 3]."""
    rotations = []
    for permutation in torch.tensor([[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]):
        for signs in torch.cartesian_prod(*[torch.tensor([1.0, -1.0], dtype=F64)] * 3):
            matrix = torch.zeros(3, 3, dtype=F64)
            matrix[torch.arange(3), permutation] = signs
            if torch.linalg.det(matrix) > 0:
                rotations.append(matrix)
    return torch.stack(rotations)


def test_ewald_equals_brute_force_sum_over_images():
    """A cell with the rotations of a cube has no multipoles below rank 4: image sums converge as R^-6."""
    rotations = octahedral_rotations()
    generator = torch.Generator().manual_seed(2)
    seeds = torch.rand(2, 3, generator=generator, dtype=F64) - 0.5
    mu_seeds = torch.randn(2, 3, generator=generator, dtype=F64) * 0.2
    q_seeds = torch.tensor([1.0, -1.0], dtype=F64)
    r = torch.einsum("gab,sb->sga", rotations, seeds).reshape(-1, 3)
    mu = torch.einsum("gab,sb->sga", rotations, mu_seeds).reshape(-1, 3)
    q = q_seeds.repeat_interleave(24)

    reach = torch.arange(-14, 15, dtype=F64)
    images = torch.cartesian_prod(reach, reach, reach)
    energy = 0.0
    for s in range(2):  # all 24 atoms of an orbit feel the same
        vectors = seeds[s] - r[:, None, :] - images
        distance = vectors.norm(dim=-1)
        near = distance > 1e-9
        inverse = torch.where(near, 1.0 / distance.clamp(min=1e-9), 0.0)
        along_i = (vectors * mu_seeds[s]).sum(-1)
        along_j = (vectors * mu[:, None]).sum(-1)
        qj = q[:, None]
        pairs = q_seeds[s] * qj * inverse + (q_seeds[s] * along_j - qj * along_i) * inverse**3
        pairs = pairs + (mu @ mu_seeds[s])[:, None] * inverse**3 - 3 * along_i * along_j * inverse**5
        energy += 0.5 * 24 * float(pairs.sum())
    system = one(r, CUBIC, q, mu)
    # truncation at R = 14: R^-6 = 1e-7
    assert float(full_coulomb(system, smearing=0.2)[0]) == pytest.approx(energy, rel=2e-7)


def test_smeared_energy_equals_numerical_double_sum():
    """E_LR itself, from a plain complex sum written as in the design: no shared code with `ewald_energy`."""
    system = random_system(5, 5.0 * SIXTY_DEGREES, seed=9, net_charge=0.7)
    smearing, cell = 1.1, system.cell[0]
    n = torch.cartesian_prod(*[torch.arange(-10, 11)] * 3).to(F64)
    k = 2 * torch.pi * n[n.abs().sum(1) > 0] @ torch.linalg.inv(cell).T
    coefficient = system.charges + 1j * (k @ system.dipoles.T)
    factor = (coefficient * torch.exp(1j * (k @ system.positions.T))).sum(1)
    k2 = (k * k).sum(1)
    volume = torch.linalg.det(cell)
    energy = 2 * torch.pi / volume * (torch.exp(-(smearing**2) * k2 / 2) / k2 * factor.abs() ** 2).sum()
    root = (2 * torch.pi) ** 0.5
    energy = energy - (system.charges**2).sum() / (root * smearing)
    energy = energy - (system.dipoles**2).sum() / (3 * root * smearing**3)
    energy = energy - torch.pi * smearing**2 * 0.7**2 / volume
    ewald = ewald_energy(*system.args(), smearing=smearing)[0]
    assert float(ewald) == pytest.approx(float(COULOMB_CONSTANT * energy), rel=1e-12)
