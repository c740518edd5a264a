"""Slabs and clusters in the native core against the Python reference, direct sums and large vacuum."""

import numpy as np
import pytest
import torch
from hotpp_lr import _pme
from hotpp_lr.electrostatics.backend import native_cluster, native_pme
from hotpp_lr.electrostatics.boundary import cluster_energy, slab_correction
from hotpp_lr.electrostatics.mesh import pme_energy
from hotpp_lr.electrostatics.response import energy_derivatives
from pme_systems import error

SMEARING = 1.1
OUTPUTS = ("energy", "potential", "field", "forces", "strain_derivative")


class Atoms:
    """Random atoms in a box; a slab is a flat one in a tall cell."""

    def __init__(self, edges, n=30, net_charge=0.0, seed=1, dipoles=True):
        rng = np.random.default_rng(seed)
        self.positions = rng.random((n, 3)) * edges
        charges = rng.normal(size=n)
        self.charges = charges - charges.mean() + net_charge / n
        self.dipoles = 0.3 * rng.normal(size=(n, 3)) if dipoles else None

    def arrays(self):
        return self.positions, self.charges, self.dipoles

    def derivatives(self, energy_function, cell=None):
        mu = None if self.dipoles is None else torch.tensor(self.dipoles)
        cell = torch.eye(3, dtype=torch.float64) if cell is None else torch.tensor(cell)
        structure = torch.zeros(len(self.charges), dtype=torch.int64)
        return energy_derivatives(
            energy_function, torch.tensor(self.positions), cell[None], torch.tensor(self.charges), mu, structure
        )


def squeezed(value):
    return np.asarray(value.squeeze(0) if value.ndim in (1, 3) and value.shape[0] == 1 else value)


@pytest.mark.parametrize("dipoles", [True, False])
@pytest.mark.parametrize("net_charge", [0.0, 1.5])
def test_slab_is_that_of_python(net_charge, dipoles):
    atoms = Atoms((8.0, 9.0, 3.0), net_charge=net_charge, dipoles=dipoles)
    atoms.positions += [0.0, 0.0, 4.0]
    cell, mesh = np.array([[8.0, 0.0, 0.0], [2.0, 9.0, 0.0], [1.0, -1.5, 15.0]]), (12, 14, 20)
    options = {"smearing": SMEARING, "order": 6, "mesh": torch.tensor([mesh])}

    def slab(r, cell, q, mu, structure):
        return pme_energy(r, cell, q, mu, structure, **options) + slab_correction(r, cell, q, mu, structure)

    expected = atoms.derivatives(slab, cell)
    found = native_pme(*atoms.arrays()[:1], cell, *atoms.arrays()[1:], smearing=SMEARING, order=6, mesh=mesh,
                       boundary="slab")  # fmt: skip
    for name in OUTPUTS:
        assert error(getattr(found, name), squeezed(getattr(expected, name))) < 1e-11, name  # rounding


def test_slab_does_not_depend_on_the_vacuum():
    atoms = Atoms((6.0, 6.0, 2.5), n=24, net_charge=0.8, seed=3)
    forces = []
    for height, points in ((18.0, 60), (30.0, 100)):
        cell = np.diag([6.0, 6.0, height])
        found = native_pme(*atoms.arrays()[:1], cell, *atoms.arrays()[1:], smearing=SMEARING, order=8,
                           mesh=(20, 20, points), boundary="slab")  # fmt: skip
        forces.append(found.forces)
    # images at 15 Å decay as exp(-2 pi 15/6) = 1e-7; the mesh itself, 0.27 smearings at order 8, is as good
    assert error(forces[0], forces[1]) < 2e-6


def test_errors_of_slabs():
    atoms = Atoms((8.0, 8.0, 4.1))
    atoms.positions[:2, 2] = 0.0, 4.1
    plan = _pme.Plan(6, (12, 12, 16), 1.0, boundary="slab")
    plan.set_cell(np.diag([8.0, 8.0, 12.0]))
    with pytest.raises(ValueError, match=r"4.10 Å thick in a cell of height 12.00 Å: make the vacuum at least 2 times"):
        plan.execute(*atoms.arrays())
    plan.set_cell(np.array([[8.0, 0.0, 1.0], [0.0, 8.0, 0.0], [0.0, 0.0, 30.0]]))
    with pytest.raises(ValueError, match=r"must lie in the xy plane"):
        plan.execute(*atoms.arrays())
    with pytest.raises(ValueError, match=r"The boundary is 'wire': choose periodic or slab; clusters have no cell"):
        _pme.Plan(6, (12, 12, 16), 1.0, boundary="wire")


@pytest.mark.parametrize("dipoles", [True, False])
@pytest.mark.parametrize("kernel", ["gaussian", "prolate"])
@pytest.mark.parametrize("net_charge", [0.0, 2.0])
def test_direct_sum_of_a_cluster_is_that_of_python(net_charge, kernel, dipoles):
    atoms = Atoms((40.0, 14.0, 9.0), n=70, net_charge=net_charge, dipoles=dipoles)
    atoms.positions[1] = atoms.positions[0]  # two atoms at one place: smeared charges do not mind

    def direct(r, cell, q, mu, structure):
        return cluster_energy(r, q, mu, structure, 1, smearing=SMEARING, kernel=kernel)

    atoms.positions[1, 0] += 1e-9  # the reference has no derivative of a distance at zero
    expected = atoms.derivatives(direct)
    found = native_cluster(*atoms.arrays(), smearing=SMEARING, kernel=kernel, method="direct")
    for name in OUTPUTS:
        assert error(getattr(found, name), squeezed(getattr(expected, name))) < 1e-12, name  # rounding


@pytest.mark.parametrize("precision", ["double", "float"])
@pytest.mark.parametrize("kernel", ["gaussian", "prolate"])
@pytest.mark.parametrize("accuracy", [1e-3, 1e-4, 1e-5])
def test_mesh_of_a_cluster_reaches_the_accuracy_that_is_asked_for(accuracy, kernel, precision):
    if kernel == "prolate" and accuracy < 1e-4:
        with pytest.raises(ValueError, match=r"The accuracy is 0.00001\d*, but the prolate kernel ends with a step"):
            _pme.Cluster(1.5, kernel, accuracy, "mesh")
        return
    for net_charge, edges, dipoles in ((0.0, (14.0, 14.0, 14.0), True), (3.0, (25.0, 12.0, 2.0), False)):
        atoms = Atoms(edges, n=150, net_charge=net_charge, dipoles=dipoles)
        options = {"smearing": 1.5, "kernel": kernel, "accuracy": accuracy}
        direct = native_cluster(*atoms.arrays(), **options, method="direct")
        found = native_cluster(*atoms.arrays(), **options, method="mesh", precision=precision)
        difference = np.linalg.norm(found.forces - direct.forces) / np.linalg.norm(direct.forces)
        assert difference < 2 * accuracy  # the estimate is good to a factor of two
        # energies are sums, potentials integrals of forces: they are better
        assert abs(found.energy / direct.energy - 1) < accuracy
        assert np.linalg.norm(found.potential - direct.potential) < accuracy * np.linalg.norm(direct.potential)


@pytest.mark.parametrize("method", ["direct", "mesh"])
def test_cluster_without_self_energy_taken_off(method):
    atoms = Atoms((9.0, 8.0, 7.0))
    b0, b1 = _pme.Kernel("gaussian", SMEARING).at_zero()
    with_self, without = (
        _pme.Cluster(SMEARING, accuracy=1e-5, method=method, subtract_self=s).execute(*atoms.arrays())
        for s in (False, True)
    )
    k_e = 14.399645478425668
    own = 0.5 * k_e * (b0 * (atoms.charges**2).sum() + b1 * (atoms.dipoles**2).sum())
    assert with_self["energy"] - without["energy"] == pytest.approx(own, rel=1e-12)
    assert error(with_self["potential"] - without["potential"], k_e * b0 * atoms.charges) < 1e-11
    assert error(with_self["field"] - without["field"], -k_e * b1 * atoms.dipoles) < 1e-11


def test_the_cheaper_method_is_taken():
    cluster = _pme.Cluster(1.5, accuracy=1e-3)
    cluster.execute(*Atoms((9.0, 8.0, 7.0)).arrays())
    assert cluster.order == 0  # direct
    cluster.execute(*Atoms((30.0, 30.0, 30.0), n=3000).arrays())
    assert cluster.order >= 4 and min(cluster.mesh) > 10


def test_direct_sum_gives_the_same_bits_for_any_number_of_threads():
    atoms = Atoms((20.0, 20.0, 20.0), n=200)
    results = []
    for threads in (1, 2, 3):
        _pme.set_num_threads(threads)
        results.append(native_cluster(*atoms.arrays(), smearing=1.0, method="direct"))
    _pme.set_num_threads(1)
    for other in results[1:]:
        for name in OUTPUTS:
            assert np.array_equal(getattr(other, name), getattr(results[0], name)), name


def test_a_moving_cluster_keeps_its_box_until_it_does_not_fit():
    atoms = Atoms((12.0, 12.0, 12.0), n=60)
    cluster = _pme.Cluster(1.2, accuracy=1e-4, method="mesh")
    cluster.execute(*atoms.arrays())
    first = cluster.mesh
    for scale in (1.02, 1.3, 0.5):
        moved = scale * atoms.positions + 100.0
        found = cluster.execute(moved, atoms.charges, atoms.dipoles)
        direct = native_cluster(moved, atoms.charges, atoms.dipoles, smearing=1.2, method="direct")
        assert (cluster.mesh == first) == (scale == 1.02)
        assert np.linalg.norm(found["forces"] - direct.forces) < 2e-4 * np.linalg.norm(direct.forces)


def test_errors_of_clusters():
    atoms = Atoms((9.0, 8.0, 7.0))
    with pytest.raises(ValueError, match=r"The method is 'fast': choose auto, direct or mesh"):
        _pme.Cluster(1.0, method="fast")
    with pytest.raises(ValueError, match=r"The accuracy is 2"):
        _pme.Cluster(1.0, accuracy=2.0)
    with pytest.raises(ValueError, match=r"The smearing is 0"):
        _pme.Cluster(0.0)
    atoms.positions[2, 0] = 1e9
    with pytest.raises(ValueError, match=r"across: look for an atom that has left it"):
        _pme.Cluster(1.0).execute(*atoms.arrays())
    atoms.positions[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"The position of atom 3 is"):
        _pme.Cluster(1.0).execute(*atoms.arrays())


@pytest.mark.parametrize("method", ["auto", "direct", "mesh"])
@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny_clusters(n, method):
    atoms = Atoms((1.0, 2.0, 3.0), n=2)
    arrays = [x[:n] for x in atoms.arrays()]
    found = _pme.Cluster(1.0, method=method).execute(*arrays)
    expected = _pme.Cluster(1.0, method="direct").execute(*arrays)
    # 1e-4 of the self energy, which is taken off
    assert found["energy"] == pytest.approx(expected["energy"], abs=1e-4 * 14.4 * 0.8)
