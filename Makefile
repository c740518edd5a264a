# Each target is a few commands that a person could type; see README.md.
#   make demo    train, export, run in LAMMPS, look at the pictures (5 minutes on two cores)
#   make test    all tests
#   make test-sanitize   the tests of the mesh under AddressSanitizer and UBSan
#   make test-sanitize-all   and those of the operators of torch, and the plugin in LAMMPS
#   make test-memory     the plugin in LAMMPS under valgrind (five minutes)
#   make wheel           dist/*.whl, for machines without compilers (docs/install.md)
#   make wheel-check     that wheel in an empty environment (ten minutes, network)
#   make bench-pme       the mesh beside its peers (15 minutes; their packages go to .venv-peers)
#   make bench-network   MD and training steps beside MACE and NequIP, memory (20 minutes; their packages go to .venv-mace, .venv-nequip)
#   make gpu-check       everything that needs a CUDA device: build, tests, sanitizer, benchmark (8 minutes)
#   make bench   the tables under benchmarks/results (hours)
#   make lint    style
# An environment is made in .venv from requirements.lock. To use one of your own, which holds the packages of
# requirements.lock or close relatives: make test PYTHON=/path/to/python

VENV ?= .venv
ifdef PYTHON
  ENVIRONMENT :=
else
  PYTHON := $(VENV)/bin/python
  ENVIRONMENT := $(VENV)/.ready
endif
BOOTSTRAP_PYTHON ?= python3
BIN = $(dir $(PYTHON))
SOURCES := $(shell find python csrc lammps_plugin cmake -type f -not -name '*.so' -not -name '*.pyc' 2>/dev/null)
# Path of the BaTiO3 data set (see benchmarks/batio3.py), for bench-batio3.
BATIO3 ?= BaTiO3.xyz.gz
INSTALLED := build/.installed-$(subst /,_,$(PYTHON))
# One thread per process: the tests run two processes side by side.
PYTEST := OMP_NUM_THREADS=1 MPLBACKEND=Agg $(PYTHON) -m pytest

# Python of the environment of the mesh benchmark's peers.
PEERS ?= $(VENV)-peers/bin/python

.PHONY: install demo test test-sanitize test-sanitize-all test-memory wheel wheel-check cuda gpu-check bench bench-melt bench-batio3 bench-pme bench-network lint format clean

install: $(INSTALLED)

$(VENV)/.ready: requirements.lock
	@$(BOOTSTRAP_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "error: $(BOOTSTRAP_PYTHON) is older than 3.10; give a newer one: make BOOTSTRAP_PYTHON=python3.11"; exit 1; }
	@$(BOOTSTRAP_PYTHON) -m venv $(VENV) || \
	  { echo "error: $(BOOTSTRAP_PYTHON) cannot make environments; on Debian and Ubuntu: apt install python3-venv python3-dev"; exit 1; }
	@echo "Installing the Python packages of requirements.lock into $(VENV) (once) ..."
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@touch $@

$(INSTALLED): $(ENVIRONMENT) $(SOURCES) pyproject.toml CMakeLists.txt
	@$(PYTHON) -c 'import os, sys, sysconfig; os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")) or sys.exit("error: Python.h of $(PYTHON) is missing; on Debian and Ubuntu: apt install python3-dev")'
	@echo "Building hotpp-lr (about five minutes the first time) ..."
	@PATH="$(abspath $(BIN)):$$PATH" $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps .
	@mkdir -p build && touch $@

demo: $(INSTALLED)
	@$(PYTHON) examples/molten_nacl/demo.py --output demo_output

test: $(INSTALLED)
	@$(PYTEST) -n 2 --dist loadfile

test-sanitize: $(ENVIRONMENT)
	@mkdir -p build
	@MPLBACKEND=Agg tests/native/sanitize.sh $(PYTHON)

test-sanitize-all: test-sanitize
	@MPLBACKEND=Agg tests/native/sanitize.sh $(PYTHON) --operators
	@tests/native/sanitize.sh $(PYTHON) --plugin

test-memory: $(INSTALLED)
	@$(PYTHON) tests/lammps/memcheck.py

wheel: $(INSTALLED)
	@PATH="$(abspath $(BIN)):$$PATH" $(PYTHON) -m pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps -w dist .
	@ls dist/*.whl

wheel-check: wheel
	@tools/wheel_check.sh $(PYTHON)

# Compiles the CUDA code for sm_80 and sm_90; nothing runs.
cuda: $(ENVIRONMENT)
	@command -v nvcc >/dev/null || { echo "nvcc is not on PATH: the CUDA code is NOT compiled here"; exit 0; }; \
	  export PATH="$(abspath $(BIN)):$$PATH" && mkdir -p build && \
	  { cmake -S . -B build/cuda -G Ninja -DPython_EXECUTABLE="$$(command -v $(PYTHON))" -DHOTPP_CUDA=ON \
	    -DHOTPP_LAMMPS_PLUGIN=OFF && \
	  cmake --build build/cuda --target _pme_cuda hotpp_pme_device_check hotpp_message_check hotpp_update_check \
	    hotpp_ops_cuda_objects hotpp_device_cuda hotpp_graph_cuda; } >build/cuda.log 2>&1 || \
	  { tail -n 40 build/cuda.log; exit 1; }

# With the Python that is there and its packages, not with an environment of ours: for machines without network.
gpu-check:
	@tools/gpu_check.sh $(if $(ENVIRONMENT),python3,$(PYTHON))

bench: bench-melt

bench-melt: $(INSTALLED)
	@$(PYTHON) benchmarks/melt_variants.py

bench-batio3: $(INSTALLED)
	@$(PYTHON) benchmarks/batio3.py --data $(BATIO3)

# A peer that does not install is a line in the table, not an error.
$(VENV)-peers/bin/python: benchmarks/pme/requirements.txt
	@$(BOOTSTRAP_PYTHON) -m venv $(VENV)-peers
	-@sed -n '/^torch==/p' $< | xargs $(VENV)-peers/bin/python -m pip install --quiet --disable-pip-version-check
	-@$(VENV)-peers/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# Environments of MACE and NequIP exclude each other; without them: make bench-network PEERS_NETWORK=
PEERS_NETWORK ?= mace nequip
.venv-%/bin/python: benchmarks/md/requirements-%.txt
	@$(BOOTSTRAP_PYTHON) -m venv .venv-$*
	-@sed -n '/^torch==/p' $< | xargs $@ -m pip install --quiet --disable-pip-version-check
	-@$@ -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

bench-network: $(INSTALLED) $(PEERS_NETWORK:%=.venv-%/bin/python)
	@$(PYTHON) benchmarks/md/step_time.py $(foreach p,$(PEERS_NETWORK),--$(p)-python .venv-$(p)/bin/python)
	@$(PYTHON) benchmarks/training/step_time.py
	@$(PYTHON) benchmarks/md/profile_table.py
	@$(PYTHON) benchmarks/md/largest_system.py

bench-pme: $(INSTALLED) $(PEERS)
	@$(PYTHON) benchmarks/pme/cpu.py --peers-python $(PEERS)
	@$(PYTHON) benchmarks/pme/crossover.py

lint: $(ENVIRONMENT)
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check .
	@$(BIN)clang-format --dry-run --Werror $(shell git ls-files '*.cpp' '*.h' '*.cu' '*.cuh')

format: $(ENVIRONMENT)
	@$(PYTHON) -m ruff check --fix . ; $(PYTHON) -m ruff format .
	@$(BIN)clang-format -i $(shell git ls-files '*.cpp' '*.h' '*.cu' '*.cuh')

clean:
	rm -rf build demo_output
