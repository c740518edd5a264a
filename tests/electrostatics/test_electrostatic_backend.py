"""The entry point for all boundary conditions, and the native core behind it."""

import pytest
import torch
from electrostatic_systems import F64, TRICLINIC, random_system
from hotpp_lr.electrostatics.backend import electrostatic_energy, native_available, native_pme
from hotpp_lr.electrostatics.boundary import cluster_energy, slab_correction
from hotpp_lr.electrostatics.mesh import pme_energy
from hotpp_lr.electrostatics.response import pme_derivatives


def test_one_call_for_all_boundaries():
    thin = random_system(6, torch.diag(torch.tensor([9.0, 9.0, 3.0], dtype=F64)), 5)
    system = thin.with_(cell=torch.diag(torch.tensor([9.0, 9.0, 12.0], dtype=F64))[None])
    options = {"smearing": 1.0, "order": 6, "mesh": torch.tensor([[16, 16, 20]])}
    periodic = electrostatic_energy(*system.args(), **options)
    torch.testing.assert_close(periodic, pme_energy(*system.args(), **options))
    slab = electrostatic_energy(*system.args(), boundary="slab", **options)
    torch.testing.assert_close(slab - periodic, slab_correction(*system.args()))
    r, _, q, mu, structure = system.args()
    cluster = electrostatic_energy(*system.args(), boundary="cluster", **options)
    torch.testing.assert_close(cluster, cluster_energy(r, q, mu, structure, 1, smearing=1.0))
    with pytest.raises(ValueError, match="boundary is 'wire': choose one of periodic, slab, cluster"):
        electrostatic_energy(*system.args(), boundary="wire", **options)


@pytest.mark.skipif(not native_available(), reason="hotpp_lr._pme is not built")
def test_native_core_gives_the_derivatives_of_the_reference():
    system = random_system(20, 0.5 * TRICLINIC, seed=3, net_charge=1.0)
    reference = pme_derivatives(*system.args(), smearing=1.2, order=6, mesh=torch.tensor([[12, 14, 15]]))
    r, cell, q, mu, _ = (x.numpy() for x in system.args())
    native = native_pme(r, cell[0], q, mu, smearing=1.2, order=6, mesh=(12, 14, 15))
    assert native.energy == pytest.approx(float(reference.energy[0]), rel=1e-12)
    for name in ("potential", "field", "forces", "strain_derivative"):
        expected = getattr(reference, name).reshape(getattr(native, name).shape)
        value = torch.from_numpy(getattr(native, name))
        torch.testing.assert_close(value, expected, rtol=1e-11, atol=1e-11 * float(expected.abs().max()))
