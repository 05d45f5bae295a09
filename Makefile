# Two commands do everything on a machine with Python 3.11 and make:
#   make demo   sets up what the main job needs, then learns digits from 50 and from 1,000 examples
#   make test   sets up everything, then checks format, types, behaviour, the build and the base
PYTHON ?= python3
BIN := .venv/bin
BASE := .venv-base/bin

.PHONY: demo test check lint types tests build smoke clean

demo: .venv-base/installed
	$(BASE)/topwork demo --out demo

test: check

check: lint types tests build smoke

lint: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/installed-dev
	$(BIN)/mypy

tests: .venv/installed-dev
	$(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal --durations=10

build: .venv/installed-dev
	$(BIN)/python -m build --outdir build/dist .

# The base alone, without torch: a model trained with torch is used there too.
smoke: .venv/installed-dev .venv-base/installed
	$(BIN)/python -m tests.base.deep_models build/smoke
	$(BASE)/python tests/base/smoke.py build/smoke

define new-environment
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Topwork needs Python 3.11 or later, and this is " + sys.version.split()[0] + ": make PYTHON=python3.11")'
	$(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install --quiet --upgrade pip
endef

.venv/bin/python:
	$(call new-environment,.venv)

.venv-base/bin/python:
	$(call new-environment,.venv-base)

# What is not compiled to bytecode now is compiled where it is used: half of it never is.
.venv-base/installed: .venv-base/bin/python pyproject.toml
	$(BASE)/python -m pip install --quiet --no-compile --editable .
	touch $@

.venv/installed-dev: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv .venv-base build demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
