"""OpenMM, CPU platform: PME of charges, order 5, float32."""

from __future__ import annotations

import time

NAME = "OpenMM CPU"
PRECISION = "float"
CONTENTS = ("q",)
ORDERS = (5,)
SEPARATED = (
    "OpenMM: getState of the reciprocal force group alone, less the fastest getState of an empty group (both copy "
    "the forces out)."
)
KJ_PER_MOL = 96.48533212331  # of one eV
NM = 0.1  # of one Å


def version() -> str:
    import openmm

    return openmm.__version__


def mesh_sizes(minimum: int):
    from peers import smooth_sizes

    return smooth_sizes(minimum)


def setup(configuration, content, order, mesh, threads):
    import openmm

    system = openmm.System()
    cell = configuration.cell * NM
    system.setDefaultPeriodicBoxVectors(*(openmm.Vec3(*row) for row in cell.tolist()))
    force = openmm.NonbondedForce()
    force.setNonbondedMethod(openmm.NonbondedForce.PME)
    force.setCutoffDistance(0.5)  # nm; of the direct part, which is never computed
    force.setPMEParameters(1.0 / (2**0.5 * configuration.smearing * NM), mesh, mesh, mesh)
    force.setReciprocalSpaceForceGroup(1)
    for charge in configuration.charges.tolist():
        system.addParticle(1.0)
        force.addParticle(charge, 1.0, 0.0)
    system.addForce(force)
    context = openmm.Context(
        system,
        openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName("CPU"),
        {"Threads": str(threads), "DeterministicForces": "false"},
    )
    context.setPositions(configuration.positions * NM)

    def seconds(group: int):
        begin = time.perf_counter()
        state = context.getState(getEnergy=True, getForces=True, groups={group})
        return time.perf_counter() - begin, state

    empty = min(seconds(7)[0] for _ in range(10))

    def run():
        full, state = seconds(1)
        forces = state.getForces(asNumpy=True)._value * (NM / KJ_PER_MOL)
        return full - empty, forces

    return run
