"""MACE with random weights: 2 interactions, r_c 6 Å, its defaults otherwise. argv: irreps, then those of `measure`."""

from __future__ import annotations

import sys
import warnings

import torch

warnings.filterwarnings("ignore")
torch.serialization.add_safe_globals([slice])  # e3nn 0.4 reads a table of its own with torch.load
from ase_times import measure  # noqa: E402
from e3nn import o3  # noqa: E402
from mace import modules  # noqa: E402
from mace.calculators import MACECalculator  # noqa: E402

IRREPS = sys.argv.pop(1)


def calculator() -> MACECalculator:
    torch.set_default_dtype(torch.float32)
    torch.manual_seed(0)
    model = modules.ScaleShiftMACE(
        r_max=6.0,
        num_bessel=8,
        num_polynomial_cutoff=5,
        max_ell=3,
        interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        interaction_cls_first=modules.interaction_classes["RealAgnosticInteractionBlock"],
        num_interactions=2,
        num_elements=2,
        hidden_irreps=o3.Irreps(IRREPS),
        MLP_irreps=o3.Irreps("16x0e"),
        atomic_energies=torch.zeros(2).numpy(),
        avg_num_neighbors=25.0,
        atomic_numbers=[11, 17],
        correlation=3,
        gate=torch.nn.functional.silu,
        atomic_inter_scale=1.0,
        atomic_inter_shift=0.0,
    )
    return MACECalculator(models=model, device="cpu", default_dtype="float32")


measure(calculator)
