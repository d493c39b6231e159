# `make demo` and `make test` need nothing but Python 3.11 or newer: both set up .venv by themselves.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed

# Processes that the tests are spread over; each takes about a gigabyte.
WORKERS ?= 2

# Spinning OpenMP workers slow the small steps of a training loop several times.
export OMP_WAIT_POLICY ?= PASSIVE

# What `make gpu` runs with: a machine's own Python where wheels were carried to it (see CONTRIBUTING.md), else the virtual environment.
CARRIED := $(wildcard .whl/*.whl)
GPU_PYTHON := $(if $(CARRIED),$(PYTHON),$(BIN)/python)
# Flags of benchmarks.gpu: make gpu GPU='--device cpu --tiny'
GPU ?=
# What a machine with torch, transformers, pandas, scikit-learn, xarray and h5py lacks; versions from constraints.txt.
GPU_PACKAGES := annotated-types arviz h5netcdf jaxtyping opt-einsum platformdirs pydantic pydantic-core pyro-api pyro-ppl rich \
	typer typing-extensions typing-inspection wadler-lindig xarray-einstats
GPU_MACHINE := --python-version 3.12 --implementation cp --platform manylinux_2_28_x86_64 --platform manylinux_2_17_x86_64 \
	--platform manylinux2014_x86_64

.PHONY: help demo test test-fast test-long test-thorough lint bench bench-fast gpu gpu-stores gpu-wheels docs clean

help:
	@echo "make demo       fit the example log and hold the result against the truth"
	@echo "make test       linters, types, layers and the tests"
	@echo "make test-fast  what is quick of them, in a minute or two: for work in between"
	@echo "make test-long  statistical tests of minutes"
	@echo "make test-thorough  the same with many more simulations, kills and generated cases: hours"
	@echo "make lint       linters, types and layers only"
	@echo "make bench      speed and memory, as README reports them"
	@echo "make bench-fast the headline of each comparison, in ten minutes (PROBRM_DATA names the folder of the data sets)"
	@echo "make gpu        what it does on a GPU: results, speed, memory (CONTRIBUTING.md)"
	@echo "make docs       the documentation as a site: site/index.html, to be opened from disk or served"
	@echo "make clean      remove caches and built files; .venv and runs/ stay"

# The encoder comes first and alone: pip checks hashes only when everything in an installation has one.
# The build backend comes second, pinned like everything else, so that the project is not built with whatever is newest.
$(READY): pyproject.toml constraints.txt offline.txt
	@command -v $(PYTHON) >/dev/null || { echo "error: there is no '$(PYTHON)' here; name a Python from 3.11 on: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: $(PYTHON) is Python %d.%d, probrm needs 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" % sys.version_info[:2])'
	@echo "Setting up .venv: about 2.7 GB, minutes where wheels have to be downloaded."
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --require-hashes -r offline.txt
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt hatchling editables
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[offline,dev]'
	@touch $@

demo: $(READY)
	$(BIN)/probrm fit implicit --data examples/log.parquet --propensity-features surface,position --derive code_block --out runs/demo --overwrite
	$(BIN)/probrm evaluate runs/demo --data examples/test_log.parquet
	@echo "Next:"
	@echo "  $(BIN)/probrm report runs/demo --data examples/test_log.parquet --overwrite"
	@echo "  $(BIN)/probrm posterior runs/demo --plots runs/demo-figures --row log-00001"
	@echo "  $(BIN)/probrm score runs/demo --data examples/test_log.parquet --out runs/scored.parquet"

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --threads $(WORKERS)
	$(BIN)/lint-imports

# One thread: the loops of the tests are small, and their sums come out the same on every machine size.
test: export OMP_NUM_THREADS = 1
test: lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

# The toolkit without encoders and whole fits, and the house's own tests.
test-fast: export OMP_NUM_THREADS = 1
test-fast: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile tests/probrm tests/test_house.py --ignore tests/probrm/encoders --ignore tests/probrm/recipes

test-long test-thorough: export OMP_NUM_THREADS = 1
test-long: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m long

test-thorough: $(READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m long --thorough --timeout 0

# Nothing is fitted twice in one folder: it is emptied first.
bench-fast: $(READY)
	rm -rf runs/bench-fast
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.pairs --fast --out runs/bench-fast/pairs
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.implicit --out runs/bench-fast/implicit --datasets synthetic --seeds 1 --anchors 0 50 --workers 2
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.selection --seeds 3 --prompts 500

bench: $(READY)
	@for script in $(filter-out benchmarks/implicit_sbc.py benchmarks/layers.py benchmarks/layer_sets.py benchmarks/selection.py,$(wildcard benchmarks/*.py)); do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done
	@echo "== benchmarks/layers.py"; $(BIN)/python -m benchmarks.layers --out runs/benchmark-layers --rows all
	@echo "== benchmarks/pairs"; $(BIN)/python -m benchmarks.pairs --out runs/benchmark-pairs
	@echo "== benchmarks/implicit"; $(BIN)/python -m benchmarks.implicit --out runs/benchmark-implicit
	@echo "== benchmarks/selection.py"; $(BIN)/python -m benchmarks.selection
	@echo "== benchmarks/implicit_sbc.py"; $(BIN)/python -m benchmarks.implicit_sbc --out runs/implicit-sbc

gpu: $(if $(CARRIED),,$(READY))
	@if [ -n "$(CARRIED)" ]; then $(PYTHON) -m pip install -q --no-index --no-deps --no-compile --upgrade --target .whl/site .whl/*.whl; fi
	PYTHONPATH="$(CURDIR)/.whl/site$${PYTHONPATH:+:$$PYTHONPATH}" $(GPU_PYTHON) -m benchmarks.gpu $(if $(wildcard .whl/stores/log.safetensors),--stores .whl/stores) $(GPU)

# For a GPU machine without a network: wheels, and the vectors of the example, into one folder that git leaves out.
gpu-wheels: $(READY)
	$(BIN)/python -m pip download -q --no-deps --only-binary=:all: $(GPU_MACHINE) -c constraints.txt -d .whl $(GPU_PACKAGES)

gpu-stores: $(READY)
	$(BIN)/python -m benchmarks.gpu.stores --out .whl/stores

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -f docs/site/mkdocs.yml

clean:
	rm -rf build dist site .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find probrm models cli tests examples benchmarks docs -name __pycache__ -prune -exec rm -rf {} +
