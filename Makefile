# make demo: try the whole thing.  make test: everything that CI runs.  make help: the rest.
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo test lint types imports unit bench mutants lives texts constraints clean
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed; say which with PYTHON=...")'
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@echo "Installing pec-tracker into $(VENV) ..."
	@$(PIP) install -c constraints.txt -e '.[pdf]'
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@echo "Installing what the tests need ..."
	@$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(VENV)/installed ## Send eight PEC through the sandbox, collect their receipts, show where each stands, prove one
	$(BIN)/pec-tracker demo

test: $(VENV)/installed-dev ## Lint, types, import rules and every test; installs or starts the servers that it needs
	sh tools/test-servers.sh
	$(MAKE) --no-print-directory lint types imports unit

lint: $(VENV)/installed-dev ## Ruff: style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed-dev ## mypy --strict, here and as on Windows
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/windows pec_tracker

imports: $(VENV)/installed-dev ## The import rules of the house
	$(BIN)/lint-imports

unit: $(VENV)/installed-dev ## Every test, without the rest
	$(BIN)/pytest -n auto

bench: $(VENV)/installed-dev ## Measure what must be fast, as users run it, beside what is required; `python -m bench --help` says more
	sh tools/test-servers.sh
	$(BIN)/python -m bench

mutants: $(VENV)/installed-dev ## Change deciding expressions one by one: do the tests notice? (half an hour)
	sh tools/test-servers.sh
	$(BIN)/python tools/mutants.py

lives: $(VENV)/installed-dev ## Play thousands of lives of a house, each cut short at random: is a letter lost or doubled? (an hour)
	$(BIN)/python tools/crash_matrix.py

texts: $(VENV)/installed-dev ## Update and compile the translations
	$(BIN)/python tools/texts.py

constraints: ## Pin the versions that were tested
	$(BIN)/python -m pip freeze --exclude-editable | grep -E '^[A-Za-z0-9_.-]+==' > constraints.txt

clean: ## Remove what was made, but not the virtual environment
	rm -rf demo-output bench-output dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
