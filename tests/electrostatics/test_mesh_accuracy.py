"""Errors of the mesh against direct Ewald summation: the published table, and the promise of `accuracy`."""

import pytest
import torch
from electrostatic_systems import (
    CUBIC,
    SIXTY_DEGREES,
    TRICLINIC,
    gradients,
    ionic_system,
    mesh_for,
    random_system,
    relative_rms,
)
from hotpp_lr.electrostatics.accuracy import (
    RELATIVE_FORCE_ERROR,
    SPACINGS,
    estimated_error,
    fft_size,
    mesh_size,
    relative_spacing,
)
from hotpp_lr.electrostatics.boundary import slab_correction
from hotpp_lr.electrostatics.ewald import ewald_energy
from hotpp_lr.electrostatics.mesh import pme_energy

# Relative rms errors of energy, force, potential and field for 400 random charges and dipoles, smearing 1 Å.
TABLE = {
    (5, 1.0): (6e-4, 1.9e-2, 1.6e-3, 1.1e-2),
    (5, 0.5): (1.6e-5, 1.0e-3, 3.1e-5, 2.8e-4),
    (5, 0.25): (6e-7, 9e-5, 1.1e-6, 1.4e-5),
    (6, 1.0): (8e-4, 1.2e-2, 1.0e-3, 6.4e-3),
    (6, 0.67): (3e-6, 1.1e-3, 6.7e-5, 4.8e-4),
    (6, 0.5): (4e-6, 2.1e-4, 7.4e-6, 6.0e-5),
    (6, 0.25): (5e-8, 7.8e-6, 1.3e-7, 1.1e-6),
    (8, 0.5): (2e-7, 1.5e-5, 4.9e-7, 4.5e-6),
    (8, 0.35): (6e-9, 9.5e-7, 2.2e-8, 2.3e-7),
    (8, 0.25): (4e-10, 9.1e-8, 1.5e-9, 1.3e-8),
}


@pytest.fixture(scope="module")
def judged():
    """Three large random systems with their direct sums (only the first with derivatives)."""
    systems = [random_system(400, TRICLINIC, seed) for seed in range(3)]
    options = {"smearing": 1.0, "k_max_sigma": 7.5}  # neglected terms: exp(-28) = 6e-13
    reference = gradients(ewald_energy, systems[0], **options)
    energies = [ewald_energy(*s.args(), subtract_self=False, **options) for s in systems]
    return systems, reference, torch.cat(energies)


@pytest.mark.parametrize(("order", "spacing"), TABLE)
def test_error_table_is_reproduced(judged, order, spacing):
    systems, (_, *derivatives), energies = judged
    energy_error, *errors = TABLE[order, spacing]
    options = {"smearing": 1.0, "order": order}
    _, *found = gradients(pme_energy, systems[0], mesh=mesh_for(systems[0], spacing), **options)
    for value, reference, expected in zip(found, derivatives, errors, strict=True):
        assert expected / 2 < relative_rms(value, reference) < 2 * expected
    # The energy error of one configuration may happen to vanish: an upper bound for the median of three.
    options |= {"mesh": mesh_for(systems[0], spacing), "subtract_self": False}
    found_energies = torch.cat([pme_energy(*s.args(), **options) for s in systems])
    assert float(((found_energies - energies) / energies).abs().median()) < 2 * energy_error


def test_force_error_of_order_8_at_a_quarter_of_the_smearing(judged):
    (system, *_), (_, forces, *_), _ = judged
    found = gradients(pme_energy, system, smearing=1.0, order=8, mesh=mesh_for(system, 0.25))
    assert relative_rms(found[1], forces) < 1e-7


def test_plain_deconvolution_is_as_good_where_the_mesh_resolves_the_smearing(judged):
    (system, *_), (_, forces, *_), _ = judged
    options = {"smearing": 1.0, "order": 6}
    for spacing, advantage in ((0.5, (0.9, 1.1)), (1.0, (1.0, 10.0))):
        mesh = mesh_for(system, spacing)
        plain, alias = (
            relative_rms(gradients(pme_energy, system, mesh=mesh, deconvolution=d, **options)[1], forces)
            for d in ("plain", "alias")
        )
        assert advantage[0] < plain / alias < advantage[1]


def test_without_deconvolution_the_error_is_large(judged):
    (system, *_), (_, forces, *_), energies = judged
    options = {"smearing": 1.0, "order": 6, "mesh": mesh_for(system, 0.5), "deconvolution": "none"}
    found = gradients(pme_energy, system, **options)
    assert 0.5 < relative_rms(found[1], forces) / 1.3e-1 < 2
    energy = pme_energy(*system.args(), subtract_self=False, **options)
    assert 0.5 < float(abs(energy - energies[0]) / energies[0]) / 1.5e-1 < 2


def slab_system():
    """A distorted rock-salt film of 4 Å in a cell of 14 Å."""
    film = ionic_system(torch.diag(torch.tensor([11.0, 11.0, 4.0], dtype=torch.float64)), seed=8)
    keep = (film.positions[:, 2] > 0.0) & (film.positions[:, 2] < 4.0)
    charges = film.charges[keep]
    film.cell[:, 2, 2] = 14.0
    return film.with_(
        positions=film.positions[keep],
        charges=charges - charges.mean(),
        dipoles=film.dipoles[keep],
        structure=film.structure[keep],
    )


def dipoles_alone():
    system = random_system(90, 0.7 * TRICLINIC, seed=2)
    return system.with_(charges=torch.zeros_like(system.charges))


CONFIGURATIONS = {
    "charges": random_system(90, 0.7 * TRICLINIC, seed=1, dipoles=False),
    "charges and dipoles": random_system(90, 0.7 * TRICLINIC, seed=1),
    "dipoles": dipoles_alone(),
    "ionic": ionic_system(11.0 * CUBIC, seed=3),
    "ionic 60 degrees": ionic_system(12.0 * SIXTY_DEGREES, seed=4),
    "elongated": random_system(90, torch.diag(torch.tensor([6.0, 12.0, 18.0])).double(), seed=5),
    "slab": slab_system(),
}


@pytest.mark.parametrize("smearing", [1.0, 1.7])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_error_stays_below_twice_the_requested_accuracy(name, smearing):
    system = CONFIGURATIONS[name]

    def energy(function):
        def total(r, cell, q, mu, structure, **options):
            value = function(r, cell, q, mu, structure, smearing=smearing, **options)
            return value + slab_correction(r, cell, q, mu, structure) if name == "slab" else value

        return total

    reference = gradients(energy(ewald_energy), system, k_max_sigma=7.0)[1]
    checked = 0
    for order in range(3 if system.dipoles is None else 4, 9):
        for accuracy in (3e-2, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6):
            mesh = mesh_size(system.cell[0], smearing, accuracy, order)
            if mesh[0] * mesh[1] * mesh[2] > 64**3:  # keep the test fast
                continue
            found = gradients(energy(pme_energy), system, order=order, mesh=torch.tensor([mesh]))[1]
            error = relative_rms(found, reference)
            assert error < 2 * accuracy, (order, accuracy, mesh)
            # 2 as above and a quarter for the rounding of the table
            assert error < 2.5 * estimated_error(system.cell[0], smearing, order, mesh), (order, mesh)
            checked += 1
    assert checked >= 18


@pytest.mark.parametrize("order", range(3, 9))
def test_table_is_monotonic_and_inverted_by_relative_spacing(order):
    errors = RELATIVE_FORCE_ERROR[order]
    assert list(errors) == sorted(errors)
    for spacing, error in zip(SPACINGS, errors, strict=True):
        assert relative_spacing(error, order) == pytest.approx(spacing, rel=1e-9)
    assert relative_spacing(0.9, order) == 1.0  # never coarser than the smearing
    spacings = [relative_spacing(a, order) for a in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)]
    assert spacings == sorted(spacings, reverse=True)


def test_mesh_sizes_are_products_of_small_primes():
    assert [fft_size(x) for x in (7.0, 10.2, 11, 13, 17, 19, 22.9, 97, 121)] == [
        7, 12, 12, 14, 18, 20, 24, 98, 125,
    ]  # fmt: skip
    mesh = mesh_size(TRICLINIC, 1.5, 1e-4, 6)
    h = 1.5 * relative_spacing(1e-4, 6)
    for k, length in zip(mesh, TRICLINIC.norm(dim=1).tolist(), strict=True):
        assert k == fft_size(length / h)
    assert estimated_error(TRICLINIC, 1.5, 6, mesh) <= 1e-4
    assert min(mesh_size(0.1 * TRICLINIC, 1.5, 1e-2, 8)) == 8  # never below the order
