# The commands of this repository. `make` alone lists them.
#
# Every target makes what it needs: an environment in .venv from requirements.lock (with hashes), by
# uv where it is present, else by venv and pip.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
VENV ?= .venv
BIN := $(VENV)/bin
# The first interpreter that starts and is 3.11, 3.12 or 3.13.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& { command -v $$p; break; }; done)
# One hosts' bytecode switch would make every start of Airflow compile again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo test lint bench-ingest bench lock clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

install: $(VENV)/.installed  ## make the environment in .venv

$(VENV)/.installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "no Python 3.11, 3.12 or 3.13 found: install one," \
		"or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version) ..."
	@rm -rf $(VENV)
	@if command -v uv >/dev/null; then \
		uv venv --quiet --python "$(PYTHON)" $(VENV); \
		uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock; \
		uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .; \
	else \
		$(PYTHON) -m venv $(VENV); \
		$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock; \
		$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .; \
	fi
	@touch $@

demo: install  ## real recorded data through the whole pipeline, about two minutes
	@$(BIN)/livinglab demo

lint: install  ## formatter, linter and strict types
	@$(BIN)/ruff format --check --quiet . || { echo "run: $(BIN)/ruff format ." >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy

test: install lint  ## all tests, on a real Mosquitto, InfluxDB and Airflow
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

bench-ingest: install  ## ingest beside Telegraf and a plain script, CPU-seconds per 100 000 messages
	@$(BIN)/python bench/ingest.py

lock: install  ## make requirements.lock anew
	@uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --quiet \
		--generate-hashes --no-header --no-annotate --no-emit-package livinglab \
		--no-emit-index-url --output-file requirements.lock

clean:  ## remove the environment and caches of this checkout
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
