"""Random systems and the reference results that the native mesh core is compared with."""

import numpy as np
import torch
from hotpp_lr.electrostatics.mesh import pme_energy

SMEARING = 1.1
ORDERS = range(3, 9)
MESHES = [(12, 10, 14), (9, 11, 15), (12, 9, 16)]  # even, odd, mixed
DECONVOLUTIONS = ["alias", "plain", "none"]
# largest allowed error relative to the largest element: rounding of some hundred operations
TOLERANCE = {"double": 1e-12, "float": 1e-5}


class System:
    """Atoms in a random triclinic cell of about 9 Å, also outside of the cell; net charge not zero."""

    def __init__(self, seed: int = 0, n: int = 25):
        rng = np.random.default_rng(seed)
        self.cell = np.diag([8.0, 9.0, 10.0]) + rng.uniform(-1.5, 1.5, (3, 3))
        self.positions = rng.uniform(-15, 25, (n, 3))
        self.positions[0] = 0.0  # on a mesh point
        self.positions[1] = -1e-17  # rounds to a whole cell
        self.charges = rng.normal(size=n) + 0.1
        self.dipoles = 0.3 * rng.normal(size=(n, 3))

    def atoms(self, with_dipoles: bool = True) -> tuple:
        return self.positions, self.charges, self.dipoles if with_dipoles else None


def error(actual, expected) -> float:
    """Largest deviation relative to the largest expected element."""
    actual, expected = np.asarray(actual, dtype=float), np.asarray(expected, dtype=float)
    assert actual.shape == expected.shape
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


def reference(system: System, order: int, mesh: tuple, deconvolution: str = "alias", with_dipoles: bool = True) -> dict:
    """All outputs of a plan by automatic differentiation of the Python mesh energy."""

    def variable(values):
        return torch.tensor(values, dtype=torch.float64, requires_grad=True)

    r, q, mu = variable(system.positions), variable(system.charges), variable(system.dipoles)
    strain = variable(np.zeros((3, 3)))
    deformation = torch.eye(3, dtype=torch.float64) + strain
    smooth_forces = order >= 4 or not with_dipoles
    energy = pme_energy(
        r @ deformation.T if smooth_forces else r.detach(),
        (torch.tensor(system.cell) @ deformation.T)[None],
        q,
        mu if with_dipoles else None,
        torch.zeros(len(q), dtype=torch.int64),
        smearing=SMEARING,
        order=order,
        mesh=torch.tensor([mesh]),
        deconvolution=deconvolution,
    ).sum()
    results = {"energy": energy.item()}
    if smooth_forces:
        gradients = torch.autograd.grad(energy, [q, r, strain, *([mu] if with_dipoles else [])])
        results |= {
            "potential": gradients[0].numpy(),
            "forces": -gradients[1].numpy(),
            "strain_derivative": gradients[2].numpy(),
        }
        if with_dipoles:
            results["field"] = -gradients[3].numpy()
    else:
        gradients = torch.autograd.grad(energy, [q, mu])
        results |= {"potential": gradients[0].numpy(), "field": -gradients[1].numpy()}
    return results
