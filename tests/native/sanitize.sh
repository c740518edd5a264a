#!/usr/bin/env bash
# Builds the native code with AddressSanitizer and UBSan in build/sanitize and runs tests on it:
#   tests/native/sanitize.sh <python> [arguments of pytest]      the mesh
#   tests/native/sanitize.sh <python> --operators [arguments]    the operators of torch, with the kernels of every processor
#   tests/native/sanitize.sh <python> --plugin [deck ...]        the plugin in lmp (tests/lammps/memcheck.py)
# Any finding ends the test process. Leaks are not looked for: Python itself leaves memory behind at its end (make
# test-memory does).
set -euo pipefail
cd "$(dirname "$0")/../.."
python=$(command -v "$1")
shift
export PATH="$(dirname "$python"):$PATH"
build=build/sanitize
package=$build/python/hotpp_lr
what=mesh
case "${1:-}" in --operators | --plugin)
  what=${1#--}
  shift
  ;;
esac

options=(-DHOTPP_OPS=OFF -DHOTPP_LAMMPS_PLUGIN=OFF)
targets=(all)
case $what in
  operators)
    options=(-DHOTPP_OPS=ON -DHOTPP_LAMMPS_PLUGIN=OFF)
    targets=(hotpp_ops hotpp_ops_emulated)
    ;;
  plugin)
    options=(-DHOTPP_OPS=ON -DHOTPP_LAMMPS_PLUGIN=ON)
    targets=(hotpp_ops hotpp_lammps_pair hotppplugin hotpp_device_emulated)
    ;;
esac
cmake -S . -B $build -G Ninja -DPython_EXECUTABLE="$python" -DHOTPP_SANITIZE=ON "${options[@]}" \
  -DHOTPP_CUDA=OFF -DCMAKE_BUILD_TYPE=Sanitize -DCMAKE_CXX_FLAGS_SANITIZE=-O1 >$build.log 2>&1 ||
  { cat $build.log; exit 1; }
cmake --build $build --target "${targets[@]}" >$build.log 2>&1 || { tail -n 40 $build.log; exit 1; }

rm -rf "$package"
mkdir -p $build/python
cp -r python/hotpp_lr $build/python/
rm -f "$package"/*.so
find $build -path $build/python -prune -o \
  \( -name '_pme*.so' -o -name 'libhotpp_*.so' -o -name 'hotppplugin.so' \) -exec cp {} "$package" \;

# The interpreter is not instrumented, so the runtimes must be there before it loads an instrumented module.
compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' $build/CMakeCache.txt)
export LD_PRELOAD="$("$compiler" -print-file-name=libasan.so) $("$compiler" -print-file-name=libubsan.so)"
# exitcode: not that of an error of LAMMPS
export ASAN_OPTIONS=detect_leaks=0:detect_odr_violation=0:allocator_may_return_null=1:exitcode=99
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:exitcode=99
export PYTHONPATH=$PWD/$build/python OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive PYTHONDONTWRITEBYTECODE=1
[[ $what == plugin ]] && exec "$python" tests/lammps/memcheck.py --sanitizer "$@"
# capture=sys: a finding goes to the file descriptor, past Python, and must be seen
pytest=("$python" -m pytest -q -p no:cacheprovider --capture=sys)
if [[ $what == mesh ]]; then
  [[ $# -gt 0 ]] || set -- tests/native/test_pme_*.py
  exec "${pytest[@]}" "$@"
fi
# Derivatives by differences and TorchScript bring no other code of ours.
[[ $# -gt 0 ]] ||
  set -- tests/native/test_{tensor_message,atom_update,mesh_,operators_}*.py tests/lammps/test_ghost_exchange.py \
    -k "not differences and not gradcheck and not torchscript"
for isa in portable avx2 avx512; do  # a processor takes the best of what it has
  HOTPP_ISA=$isa "${pytest[@]}" "$@"
done
