"""Symmetries of the energy, batches, and precision."""

import pytest
import torch
from electrostatic_systems import (
    CUBIC,
    F64,
    SIXTY_DEGREES,
    TRICLINIC,
    batch_of,
    gradients,
    ionic_system,
    one,
    random_system,
    relative_rms,
)
from hotpp_lr.electrostatics.accuracy import estimated_error
from hotpp_lr.electrostatics.ewald import ewald_energy
from hotpp_lr.electrostatics.mesh import pme_energy
from hotpp_lr.electrostatics.response import pme_derivatives

SYSTEM = random_system(30, 0.5 * TRICLINIC, seed=6, net_charge=1.0)
OPTIONS = {"smearing": 1.2, "order": 6, "mesh": torch.tensor([[12, 14, 15]])}
FORCE_ERROR = estimated_error(SYSTEM.cell[0], 1.2, 6, [12, 14, 15])


def evaluate(system, **changes):
    return pme_derivatives(*system.args(), **(OPTIONS | changes))


def rotation(seed=0):
    generator = torch.Generator().manual_seed(seed)
    q, r = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=F64))
    q = q * torch.sign(torch.diagonal(r))
    return q * torch.linalg.det(q)


@pytest.mark.parametrize("improper", [1.0, -1.0])
def test_rotation_of_the_lab_frame(improper):
    matrix = improper * rotation()
    turned = SYSTEM.with_(
        positions=SYSTEM.positions @ matrix.T, cell=SYSTEM.cell @ matrix.T, dipoles=SYSTEM.dipoles @ matrix.T
    )
    a, b = evaluate(SYSTEM), evaluate(turned)
    torch.testing.assert_close(b.energy, a.energy, rtol=1e-11, atol=0)
    torch.testing.assert_close(b.forces, a.forces @ matrix.T, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(b.field, a.field @ matrix.T, rtol=1e-9, atol=1e-10)
    rotated_strain = matrix @ a.strain_derivative @ matrix.T
    torch.testing.assert_close(b.strain_derivative, rotated_strain, rtol=1e-9, atol=1e-9)


def test_translation_by_mesh_spacings_is_exact_and_by_others_within_the_mesh_error():
    a = evaluate(SYSTEM)
    step = SYSTEM.cell[0] / OPTIONS["mesh"][0][:, None]
    exact = evaluate(SYSTEM.with_(positions=SYSTEM.positions + 3 * step[0] - 5 * step[2]))
    torch.testing.assert_close(exact.forces, a.forces, rtol=1e-9, atol=1e-10)
    moved = evaluate(SYSTEM.with_(positions=SYSTEM.positions + torch.tensor([0.31, -0.17, 0.23])))
    # two independent mesh errors
    assert relative_rms(moved.forces, a.forces) < 2 * 2**0.5 * FORCE_ERROR
    # and the net force, which an exact energy would not have, is one of them
    assert a.forces.mean(0).norm() < FORCE_ERROR * a.forces.norm(dim=1).mean()


def test_lattice_translations_of_single_atoms():
    shifts = torch.randint(-3, 4, (30, 3), generator=torch.Generator().manual_seed(0)).double()
    moved = SYSTEM.with_(positions=SYSTEM.positions + shifts @ SYSTEM.cell[0])
    torch.testing.assert_close(evaluate(moved).forces, evaluate(SYSTEM).forces, rtol=1e-9, atol=1e-9)


def test_order_of_atoms():
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    shuffled = SYSTEM.with_(
        positions=SYSTEM.positions[order], charges=SYSTEM.charges[order], dipoles=SYSTEM.dipoles[order]
    )
    a, b = evaluate(SYSTEM), evaluate(shuffled)
    torch.testing.assert_close(b.energy, a.energy, rtol=1e-12, atol=0)
    torch.testing.assert_close(b.forces, a.forces[order], rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("function", ["ewald", "pme"])
def test_supercell_has_a_multiple_of_the_energy(function):
    """Also of a charged cell: the background term makes the energy extensive."""
    copies = torch.cartesian_prod(*[torch.arange(n, dtype=F64) for n in (2, 1, 3)]) @ SYSTEM.cell[0]
    n = len(copies)
    big = one(
        (SYSTEM.positions + copies[:, None]).reshape(-1, 3),
        SYSTEM.cell[0] * torch.tensor([[2.0], [1.0], [3.0]]),
        SYSTEM.charges.repeat(n),
        SYSTEM.dipoles.repeat(n, 1),
    )
    if function == "pme":
        small_energy = pme_energy(*SYSTEM.args(), **OPTIONS)
        options = OPTIONS | {"mesh": OPTIONS["mesh"] * torch.tensor([2, 1, 3])}
        big_energy = pme_energy(*big.args(), **options)
    else:
        small_energy, big_energy = (ewald_energy(*s.args(), smearing=1.2) for s in (SYSTEM, big))
    # pme: Nyquist modes are treated alike in both cells, except for their mean of k²
    tolerance = 1e-11 if function == "ewald" else 1e-6
    torch.testing.assert_close(big_energy, n * small_energy, rtol=tolerance, atol=0)


def test_choice_of_cell_for_the_same_lattice():
    change = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 1.0]], dtype=F64)
    other = SYSTEM.with_(cell=change @ SYSTEM.cell)
    a, b = (ewald_energy(*s.args(), smearing=1.2) for s in (SYSTEM, other))
    torch.testing.assert_close(a, b, rtol=1e-12, atol=0)
    c = evaluate(other, mesh=torch.tensor([[20, 20, 20]]))
    assert relative_rms(c.forces, evaluate(SYSTEM).forces) < 4 * FORCE_ERROR


def test_energy_does_not_jump_across_cell_and_mesh_boundaries():
    """Forces and energy of one atom that crosses a mesh point and the border of the cell."""
    energies = []
    for x in (-1e-9, 1e-9):
        moved = SYSTEM.positions.clone()
        moved[0] = torch.tensor([x, 2.0 * x, -x])
        result = evaluate(SYSTEM.with_(positions=moved))
        energies.append(torch.cat([result.energy, result.forces.flatten(), result.potential]))
    torch.testing.assert_close(energies[0], energies[1], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dipoles", [True, False])
def test_batch_equals_each_structure_alone(dipoles):
    systems = [
        random_system(20, 0.5 * TRICLINIC, 1, dipoles=dipoles),
        random_system(9, 7.0 * SIXTY_DEGREES, 2, dipoles=dipoles, net_charge=1.0),
        ionic_system(8.0 * CUBIC, 3, n_side=2, dipoles=dipoles),
        random_system(1, 6.0 * CUBIC, 4, dipoles=dipoles, net_charge=-1.0),
    ]
    mesh = torch.tensor([[12, 14, 15], [10, 9, 8], [12, 14, 15], [8, 8, 9]])
    together = gradients(pme_energy, batch_of(*systems), smearing=1.1, order=5, mesh=mesh)
    alone = [gradients(pme_energy, s, smearing=1.1, order=5, mesh=mesh[i : i + 1]) for i, s in enumerate(systems)]
    direct = torch.cat([ewald_energy(*s.args(), smearing=1.1) for s in systems])
    torch.testing.assert_close(ewald_energy(*batch_of(*systems).args(), smearing=1.1), direct)
    for i, value in enumerate(together):
        if value is not None:
            expected = torch.cat([a[i] for a in alone])
            torch.testing.assert_close(value, expected, rtol=1e-10, atol=1e-10)


def test_structures_without_atoms_have_no_energy():
    system = SYSTEM.with_(cell=SYSTEM.cell.repeat(3, 1, 1), structure=SYSTEM.structure + 1)
    energy = pme_energy(*system.args(), **(OPTIONS | {"mesh": OPTIONS["mesh"].repeat(3, 1)}))
    assert energy[0] == 0.0 and energy[2] == 0.0
    torch.testing.assert_close(energy[1:2], pme_energy(*SYSTEM.args(), **OPTIONS))


@pytest.mark.parametrize("order", [4, 6, 8])
def test_float32_equals_float64_to_rounding(order):
    system = random_system(200, TRICLINIC, seed=3)
    mesh = torch.tensor([[24, 25, 24]])
    double = pme_derivatives(*system.args(), smearing=1.2, order=order, mesh=mesh)
    *floats, structure = system.args()
    single = pme_derivatives(*(x.float() for x in floats), structure, smearing=1.2, order=order, mesh=mesh)
    assert single.energy.dtype == torch.float32 and single.forces.dtype == torch.float32
    # float32 positions alone move atoms by 1e-6 Å
    assert relative_rms(single.forces.double(), double.forces) < 5e-6
    assert relative_rms(single.potential.double(), double.potential) < 5e-6
    assert relative_rms(single.field.double(), double.field) < 5e-6
    assert relative_rms(single.strain_derivative.double(), double.strain_derivative) < 1e-5
    mixed = pme_derivatives(
        *floats[:2], *(x.float() for x in floats[2:]), structure, smearing=1.2, order=order, mesh=mesh
    )
    assert mixed.energy.dtype == torch.float64
    assert relative_rms(mixed.forces, double.forces) < 2e-6
    assert float(abs(mixed.energy - double.energy) / abs(double.energy)) < 1e-6
