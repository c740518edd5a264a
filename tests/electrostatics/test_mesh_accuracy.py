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
    choose,
    estimated_error,
    fft_size,
    mesh_cost,
    mesh_size,
    relative_spacing,
)
from hotpp_lr.electrostatics.boundary import slab_correction
from hotpp_lr.electrostatics.error_model import ErrorModel, Sources
from hotpp_lr.electrostatics.ewald import ewald_energy
from hotpp_lr.electrostatics.kernel import make_kernel
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


def measured(system, reference):
    mu = None if system.dipoles is None else system.dipoles.numpy()
    rms = float(reference.norm()) / len(reference) ** 0.5
    return Sources.measured(system.positions.numpy(), system.charges.numpy(), mu, rms_force=rms)


def energy_of(name, smearing, kernel):
    """Any of the sums, with the slab correction where it belongs."""

    def energy(function):
        def total(r, cell, q, mu, structure, **options):
            value = function(r, cell, q, mu, structure, smearing=smearing, kernel=kernel, **options)
            return value + slab_correction(r, cell, q, mu, structure) if name == "slab" else value

        return total

    return energy


@pytest.mark.parametrize("kernel", ["gaussian", "prolate"])
@pytest.mark.parametrize("smearing", [1.0, 1.7])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_estimated_error_is_the_true_one_within_a_factor_of_two(name, smearing, kernel):
    system, energy = CONFIGURATIONS[name], energy_of(name, smearing, kernel)
    reference = gradients(energy(ewald_energy), system, k_max_sigma=7.0)[1]
    model = ErrorModel(system.cell[0].numpy(), make_kernel(kernel, smearing), measured(system, reference))
    for order in (4, 5, 6, 8):
        for spacing in (0.4, 0.6, 0.9):
            mesh = mesh_for(system, smearing * spacing).clamp(min=order)
            found = gradients(energy(pme_energy), system, order=order, mesh=mesh)[1]
            ratio = model.relative_error(order, mesh[0].tolist()) / relative_rms(found, reference)
            assert 0.5 < ratio < 2.0, (order, mesh)


def test_estimate_holds_on_anisotropic_meshes():
    system = CONFIGURATIONS["charges and dipoles"]
    reference = gradients(ewald_energy, system, smearing=1.3, k_max_sigma=7.0)[1]
    model = ErrorModel(system.cell[0].numpy(), make_kernel("gaussian", 1.3), measured(system, reference))
    for mesh in ((12, 20, 20), (20, 12, 20), (20, 18, 10)):
        found = gradients(pme_energy, system, smearing=1.3, order=6, mesh=torch.tensor([mesh]))[1]
        assert 0.5 < model.relative_error(6, mesh) / relative_rms(found, reference) < 2.0


@pytest.mark.parametrize("kernel", ["gaussian", "prolate"])
@pytest.mark.parametrize("smearing", [1.0, 1.7])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_error_stays_below_twice_the_requested_accuracy(name, smearing, kernel):
    system, energy = CONFIGURATIONS[name], energy_of(name, smearing, kernel)
    reference = gradients(energy(ewald_energy), system, k_max_sigma=7.0)[1]
    sources, cell, dipoles = measured(system, reference), system.cell[0], system.dipoles is not None
    # without a measured structure a melt of charges is assumed: of no use to dipoles alone
    choices = [sources] if name == "dipoles" else [sources, None]
    checked = 0
    for order in (4, 5, 6, 8):
        for accuracy in (1e-2, 1e-4, 1e-6):
            for given in choices:
                try:
                    mesh = mesh_size(cell, smearing, accuracy, order, kernel=kernel, dipoles=dipoles,
                                     n_atoms=len(system.charges), sources=given)  # fmt: skip
                except ValueError as refusal:
                    assert "raise the order" in str(refusal) and order < 6
                    continue
                if mesh[0] * mesh[1] * mesh[2] > 32**3:  # keep the test fast
                    continue
                found = gradients(energy(pme_energy), system, order=order, mesh=torch.tensor([mesh]))[1]
                # the estimate is good to a factor of two
                assert relative_rms(found, reference) < 2 * accuracy, (order, accuracy, mesh)
                checked += 1
    assert checked >= 4


@pytest.mark.parametrize("kernel", ["gaussian", "prolate"])
@pytest.mark.parametrize("dipoles", [False, True])
def test_spacing_grows_with_the_allowed_error(kernel, dipoles):
    model = ErrorModel(TRICLINIC.numpy(), make_kernel(kernel, 1.2), Sources.assumed(300, dipoles))
    for order in range(5, 9):
        spacings = [relative_spacing(a, order, model) for a in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)]
        assert spacings == sorted(spacings, reverse=True)
        assert relative_spacing(0.9, order, model) == 1.0  # never coarser than the smearing


def test_the_choice_is_the_cheapest_that_is_accurate_enough():
    cell = 22.0 * CUBIC
    for dipoles in (False, True):
        found = choose(cell, 1000, smearing=1.0, accuracy=1e-4, dipoles=dipoles)
        assert found.estimate <= 1e-4
        for order in range(5, 9):
            mesh = mesh_size(cell, 1.0, 1e-4, order, dipoles=dipoles, n_atoms=1000)
            assert mesh_cost(1000, found.order, found.mesh, dipoles=dipoles) <= mesh_cost(
                1000, order, mesh, dipoles=dipoles
            )


def test_charges_alone_and_the_prolate_kernel_need_coarser_meshes():
    cell = 30.0 * CUBIC
    both, charges = (mesh_size(cell, 1.0, 1e-4, 6, dipoles=d)[0] for d in (True, False))
    assert charges < both
    assert mesh_size(cell, 1.0, 1e-4, 6, kernel="prolate")[0] < both


def test_mesh_sizes_are_products_of_small_primes():
    assert [fft_size(x) for x in (7.0, 10.2, 11, 13, 17, 19, 22.9, 97, 121)] == [
        7, 12, 12, 14, 18, 20, 24, 98, 125,
    ]  # fmt: skip
    mesh = mesh_size(TRICLINIC, 1.5, 1e-4, 6, n_atoms=298)
    model = ErrorModel(TRICLINIC.numpy(), make_kernel("gaussian", 1.5), Sources.assumed(298, True))
    h = 1.5 * relative_spacing(1e-4, 6, model)
    for k, length in zip(mesh, TRICLINIC.norm(dim=1).tolist(), strict=True):
        assert k == fft_size(length / h)
    assert estimated_error(TRICLINIC, 1.5, 6, mesh, n_atoms=298) <= 1e-4
    assert min(mesh_size(0.1 * TRICLINIC, 1.5, 1e-2, 8)) == 8  # never below the order
