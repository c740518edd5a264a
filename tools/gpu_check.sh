#!/usr/bin/env bash
# Everything that needs a CUDA device, in one go: build, tests, compute-sanitizer, benchmark. Under 8 minutes, without
# network: only what is there already is used (python3 with torch, numpy, pytest, pybind11; cmake, ninja, nvcc, cuFFT).
#   make gpu-check          or   tools/gpu_check.sh [python]
# Log and table go to $OUT, or to build/gpu_check. Ends with 1 if a step fails; later steps run all the same.
set -uo pipefail
cd "$(dirname "$0")/.."
python=${1:-python3}
build=build/gpu_check
out=${OUT:-$PWD/$build}
export OUT=$out HOTPP_REQUIRE_CUDA=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
mkdir -p "$build" "$out"
exec > >(tee "$out/gpu_check.log") 2>&1
failed=()

total=470 # seconds for all of it

step() { # step <name> <seconds at most> <command ...>
  local name=$1 limit=$2 begin=$SECONDS
  shift 2
  ((limit > total - SECONDS)) && limit=$((total - SECONDS))
  echo "=== $name"
  ((limit > 0)) || { echo "=== $name: NOT RUN, no time left" && failed+=("$name") && return 1; }
  timeout "$limit" "$@"
  local status=$?
  echo "=== $name: $([[ $status == 0 ]] && echo good || echo "FAILED ($status)"), $((SECONDS - begin)) s"
  [[ $status == 0 ]] || failed+=("$name")
  return $status
}

command -v nvidia-smi && nvidia-smi --query-gpu=name,compute_cap,driver_version --format=csv
architecture=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d .)
architecture=${architecture:-90}

# cuFFT: the one that torch brings.
if [[ -z ${HOTPP_CUFFT:-} ]]; then
  found=$("$python" -c 'import glob, sysconfig; print(*sorted(glob.glob(sysconfig.get_path("purelib") + "/nvidia/*/lib/libcufft.so.1[0-9]")))')
  [[ -n $found ]] && export HOTPP_CUFFT=${found##* }
fi
echo "cuFFT: ${HOTPP_CUFFT:-by the loader}"

step "configure" 60 cmake -S . -B "$build" -G Ninja -DPython_EXECUTABLE="$(command -v "$python")" -DHOTPP_CUDA=ON \
  -DHOTPP_LAMMPS_PLUGIN=OFF -DCMAKE_CUDA_ARCHITECTURES="$architecture" || exit 1
# the programs without Python first: what they show is worth most
step "build of the checks without Python" 120 cmake --build "$build" --target hotpp_pme_device_check hotpp_message_check \
  hotpp_update_check || exit 1
step "build of modules and operators" 150 cmake --build "$build" --target _pme_cuda _pme_emulated _pme hotpp_ops \
  hotpp_ops_cuda hotpp_ops_emulated hotpp_graph_cuda

# The package with the modules of this build, beside the source tree.
stage=$build/python
rm -rf "$stage"
mkdir -p "$stage"
cp -r python/hotpp_lr "$stage/"
rm -f "$stage"/hotpp_lr/*.so
find "$build/csrc" \( -name '_pme*.so' -o -name 'libhotpp_ops*.so' \) -exec cp {} "$stage/hotpp_lr" \;
export PYTHONPATH=$PWD/$stage

check=$(find "$build" -name hotpp_pme_device_check -type f | head -n 1)
messages=$(find "$build" -name hotpp_message_check -type f | head -n 1)
updates=$(find "$build" -name hotpp_update_check -type f | head -n 1)
step "CUDA plan against the emulated one" 60 "$check"
step "tensor_message against the emulated one" 30 "$messages"
step "atom_update against the emulated one" 30 "$updates"
# its symbols are those of torch for CUDA, which no machine without one has seen
step "graphs of the plugin fit this torch" 30 "$python" -c 'import ctypes, sys, torch; ctypes.CDLL(sys.argv[1], 2)' \
  "$(find "$build" -name libhotpp_graph_cuda.so | head -n 1)"
mapfile -t tests < <(grep -lE 'mark\.gpu|import BACKENDS' -r tests --include='test_*.py')
step "tests with -m gpu" 120 "$python" -m pytest -q -p no:cacheprovider -m gpu "${tests[@]}"
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck; do
    step "compute-sanitizer $tool, mesh" 50 compute-sanitizer --tool $tool --error-exitcode 9 "$check" 6
    step "compute-sanitizer $tool, tensor_message" 50 compute-sanitizer --tool $tool --error-exitcode 9 "$messages"
    step "compute-sanitizer $tool, atom_update" 50 compute-sanitizer --tool $tool --error-exitcode 9 "$updates"
  done
else
  echo "compute-sanitizer is not here: memcheck and racecheck were NOT run."
fi
step "benchmark of the MD step, recorded and not" 70 "$python" benchmarks/network/gpu_step.py --seconds 40
step "benchmark of the mesh" 90 "$python" benchmarks/pme/gpu.py --seconds 60
step "benchmark of training and tensor_message" 60 "$python" benchmarks/network/gpu.py --seconds 40

echo "=== all of it: $SECONDS s; failed: ${failed[*]:-nothing}. Log and table: $out"
[[ ${#failed[@]} == 0 ]]
