#!/usr/bin/env bash
# Builds the native modules with AddressSanitizer and UBSan in build/sanitize and runs the tests of the mesh on them:
#   tests/native/sanitize.sh <python> [arguments of pytest]
# Any finding ends the test process. Leaks are not looked for: Python itself leaves memory behind at its end.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=$(command -v "$1")
shift
export PATH="$(dirname "$python"):$PATH"
build=build/sanitize
package=$build/python/hotpp_lr

cmake -S . -B $build -G Ninja -DPython_EXECUTABLE="$python" -DHOTPP_SANITIZE=ON -DHOTPP_OPS=OFF \
  -DHOTPP_LAMMPS_PLUGIN=OFF -DHOTPP_CUDA=OFF -DCMAKE_BUILD_TYPE=Sanitize -DCMAKE_CXX_FLAGS_SANITIZE=-O1 >$build.log 2>&1 ||
  { cat $build.log; exit 1; }
cmake --build $build >$build.log 2>&1 || { tail -n 40 $build.log; exit 1; }

rm -rf "$package"
mkdir -p $build/python
cp -r python/hotpp_lr $build/python/
rm -f "$package"/*.so
find $build/csrc -name '_pme*.so' -exec cp {} "$package" \;

# The interpreter is not instrumented, so the runtimes must be there before it loads an instrumented module.
compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' $build/CMakeCache.txt)
export LD_PRELOAD="$("$compiler" -print-file-name=libasan.so) $("$compiler" -print-file-name=libubsan.so)"
export ASAN_OPTIONS=detect_leaks=0:detect_odr_violation=0:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export PYTHONPATH=$PWD/$build/python OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive PYTHONDONTWRITEBYTECODE=1
[[ $# -gt 0 ]] || set -- tests/native/test_pme_*.py
# capture=sys: a finding goes to the file descriptor, past Python, and must be seen
exec "$python" -m pytest -q -p no:cacheprovider --capture=sys "$@"
