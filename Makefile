# Two commands do everything on a machine with Python 3.11 and make:
#   make demo   sets itself up, then learns handwritten digits from 50 and from 1,000 examples
#   make test   sets itself up, then checks format, types, behaviour and the build
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check lint types tests build clean

demo: .venv/installed
	$(BIN)/topwork demo --out demo

test: check

check: lint types tests build

lint: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/installed-dev
	$(BIN)/mypy

tests: .venv/installed-dev
	$(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal --durations=10

build: .venv/installed-dev
	$(BIN)/python -m build --outdir build/dist .

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Topwork needs Python 3.11 or later, and this is " + sys.version.split()[0] + ": make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip

.venv/installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-dev: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ .venv/installed

clean:
	rm -rf .venv build demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
