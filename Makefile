# `make serve` and `make test` set up everything that they need; the second time they only check that it is there.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV := .venv
PEERS := .venv-peers
BIN := $(VENV)/bin
WEB := src/backend/neuronscope/web
PAGE := src/frontend
PAGE_SOURCES := $(shell find $(PAGE)/src $(PAGE)/public -type f 2>/dev/null) $(PAGE)/index.html $(PAGE)/vite.config.ts $(PAGE)/package.json
ARGS ?=

.PHONY: help serve test test-full lint format api docs architectures bench bench-peers screenshots wheel setup setup-dev page chromium clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

serve: $(VENV)/.installed $(WEB)/index.html ## Set up everything and open the dashboard (ARGS="--port 8000")
	@$(BIN)/neuronscope serve $(ARGS)

test: setup-dev page chromium ## Set up everything and run all tests
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)
	cd $(PAGE) && npm test --silent && npm run size --silent

test-full: setup-dev page chromium ## The same with 5,000 random requests and 50 kills
	NEURONSCOPE_FUZZ_CASES=5000 NEURONSCOPE_KILLS=50 $(BIN)/python -m pytest $(ARGS)

lint: setup-dev $(PAGE)/node_modules/.installed ## Style and types, Python and TypeScript
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd $(PAGE) && npm run lint --silent

format: setup-dev $(PAGE)/node_modules/.installed ## Put both languages into their style
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	cd $(PAGE) && npm run format --silent

docs: setup-dev ## Write docs/reference.md and the tree of ARCHITECTURE.md anew
	$(BIN)/python scripts/write_reference.py

architectures: setup-dev ## Write docs/architectures.md anew from a sweep over every architecture
	$(BIN)/python scripts/write_architectures.py

api: setup-dev $(PAGE)/node_modules/.installed ## Write openapi.json and the page's types anew
	$(BIN)/python scripts/export_openapi.py
	cd $(PAGE) && npm run api --silent

bench: setup-dev page ## Measure every target that this version has and print one table
	$(BIN)/python benchmarks/run.py $(ARGS)

bench-peers: setup-dev $(PEERS)/.installed ## Measure TransformerLens beside NeuronScope, in an environment of its own
	PYTHONPATH=benchmarks $(BIN)/python benchmarks/peers/run.py $(ARGS)

screenshots: setup-dev page chromium ## Take the pictures in images/ from the running program
	$(BIN)/python scripts/take_screenshots.py

wheel: setup-dev page ## Build the wheel that carries the page
	rm -rf build/lib && $(BIN)/python -m build --wheel --outdir dist

setup: $(VENV)/.installed
setup-dev: $(VENV)/.installed-dev
page: $(WEB)/index.html

$(VENV)/bin/python:
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "NeuronScope needs Python 3.11 or newer; install it, or name it: make PYTHON=/path/to/python3.11 …" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python requirements.txt constraints.txt pyproject.toml
	@echo "Installing the Python packages into $(VENV) (the first time this takes some minutes) …"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements.txt setuptools
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements-dev.txt
	@touch $@

$(PEERS)/.installed: $(VENV)/bin/python benchmarks/peers/requirements.txt constraints.txt
	@echo "Installing what is measured beside NeuronScope into $(PEERS) …"
	$(BIN)/python -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r benchmarks/peers/requirements.txt
	@touch $@

$(PAGE)/node_modules/.installed: $(PAGE)/package-lock.json
	@command -v npm > /dev/null || { echo "The page is built with Node 20 and npm; install them (https://nodejs.org), then try again." >&2; exit 1; }
	cd $(PAGE) && npm ci --silent --no-fund --no-audit
	@touch $@

$(WEB)/index.html: $(PAGE)/node_modules/.installed $(PAGE_SOURCES)
	@echo "Building the page …"
	cd $(PAGE) && npm run build --silent
	@touch $@

chromium:
	@if command -v chromium > /dev/null || command -v chromium-browser > /dev/null || command -v google-chrome > /dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
	  echo "Installing chromium for the browser tests …"; \
	  apt-get update -qq > /dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium > /dev/null; \
	else echo "No chromium was found: the browser tests will be skipped. Install it (apt install chromium) to run them." >&2; fi

clean: ## Remove what was set up and built, not what the program keeps
	rm -rf $(VENV) $(PEERS) build dist $(WEB) $(PAGE)/node_modules
