# Everything runs in a virtual environment of its own: nothing has to be installed by hand but Python and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test test-slow test-gpu test-tensorrt check bench bench-train clean

demo: $(STAMP)
	$(BIN)/python -m tests.demo

test: $(STAMP)
	$(BIN)/python -m pytest

test-slow: $(STAMP)
	$(BIN)/python -m pytest -m slow

test-gpu: $(STAMP)
	$(BIN)/python -m pytest -m gpu

# Proves what could not be run without an NVIDIA GPU and TensorRT (pip install 'cgtool[tensorrt]').
test-tensorrt: $(STAMP)
	$(BIN)/pip install --quiet --editable '.[dev,tensorrt]'
	$(BIN)/python -m pytest -m gpu tests/backends/tensorrt

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

bench: $(STAMP)
	$(BIN)/python -m tests.benchmarks.pipeline
	$(BIN)/python -m tests.benchmarks.engines
	$(BIN)/python -m tests.benchmarks.train_speed

bench-train: $(STAMP)
	$(BIN)/python -m tests.benchmarks.train_speed

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 10), "cgtool needs Python 3.10 or newer: make PYTHON=..."'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist demo .pytest_cache .mypy_cache .ruff_cache
	find cgtool tests -name __pycache__ -type d -prune -exec rm -rf {} +
