"""NequIP with random weights: 2 layers, 64 features, l_max 2, r_c 6 Å, TorchScript. argv: `measure`'s."""

from __future__ import annotations

import warnings

warnings.filterwarnings("ignore")
from ase_times import measure  # noqa: E402
from e3nn.util.jit import script  # noqa: E402
from nequip.data.transforms import ChemicalSpeciesToAtomTypeMapper, NeighborListTransform  # noqa: E402
from nequip.integrations.ase import NequIPCalculator  # noqa: E402
from nequip.model import NequIPGNNModel  # noqa: E402
from nequip.utils.global_state import set_global_state  # noqa: E402

NAMES = ["Na", "Cl"]


def calculator() -> NequIPCalculator:
    set_global_state()
    model = NequIPGNNModel(
        seed=0,
        model_dtype="float32",
        type_names=NAMES,
        r_max=6.0,
        num_layers=2,
        l_max=2,
        parity=False,
        num_features=64,
        avg_num_neighbors=25.0,
        per_type_energy_scales=1.0,
        per_type_energy_shifts=0.0,
        compile_mode="eager",
    ).eval()
    scripted = script(model)
    transforms = [ChemicalSpeciesToAtomTypeMapper(NAMES), NeighborListTransform(r_max=6.0)]
    return NequIPCalculator(scripted, "cpu", transforms=transforms)


measure(calculator)
