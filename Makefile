# CityVitals. `make` alone lists the verbs. Everything lives in .venv, build and var, here.

SHELL := /bin/sh
.DEFAULT_GOAL := help
export UV_SYSTEM_CERTS := 1
# Processes that cannot keep what they compiled compile all of it at every start.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
READY := .venv/ready
DASHBOARD := api/dashboard/dist/index.html
DASHBOARD_SOURCES := $(wildcard api/dashboard/*.* api/dashboard/src/*.* api/dashboard/src/*/*.*)
TIMESCALEDB := tests/timescaledb/node_modules/.package-lock.json
ARGS ?=
ONLY ?=
DATA ?= var

.PHONY: help up dashboard test check bench bench-peers soak clean lock

help: ## List the verbs (ARGS="…" hands options on, as in make up ARGS="--port 8081")
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: $(READY) $(DASHBOARD) ## Run the whole service with a simulated city; Ctrl-C ends it
	@exec $(BIN)/cityvitals up $(ARGS)

dashboard: $(READY) ## Build the dashboard anew
	@sh deploy/local/dashboard.sh

test: check $(TIMESCALEDB) ## Run the checks and every test that this machine can run
	@echo "== tests, two at a time (servers and browser as far as they are here)"
	@exec $(BIN)/pytest tests --ignore=tests/benchmarks -m "not soak" -n 2 --dist loadscope --no-loadscope-reorder $(ARGS)

check: $(READY) $(DASHBOARD) ## Check style, types, layers and structure
	@echo "== ruff: style" && $(BIN)/ruff check .
	@echo "== ruff: format" && $(BIN)/ruff format --check .
	@echo "== mypy: types" && $(BIN)/mypy
	@echo "== import-linter: layers" && $(BIN)/lint-imports
	@echo "== tsc: the dashboard's types" && PATH="$(BIN):$$PATH" npm run --silent --prefix api/dashboard check
	@echo "== structure: lengths, cycles, ownership" && $(BIN)/pytest -q tests/unit/test_structure.py

# A TimescaleDB compiled to WebAssembly. Where it cannot be had, its tests are skipped and say so.
$(TIMESCALEDB): tests/timescaledb/package.json tests/timescaledb/package-lock.json
	@echo "== a TimescaleDB for tests, by npm"
	@cd tests/timescaledb && npm ci && touch node_modules/.package-lock.json || echo "no npm or no network: on without it"

$(DASHBOARD): $(READY) $(DASHBOARD_SOURCES)
	@sh deploy/local/dashboard.sh

bench: $(READY) $(DASHBOARD) $(TIMESCALEDB) ## Measure, and write build/bench.json (ONLY="…" picks figures)
	@mkdir -p build
	@ONLY="$(ONLY)" exec $(BIN)/python -m tests.benchmarks $(ARGS)

bench-peers: $(READY) $(TIMESCALEDB) ## Measure others beside us; writes build/peers.json
	@mkdir -p build
	@exec $(BIN)/python -m tests.benchmarks.peers $(ARGS)

soak: $(READY) ## Run the long tests (marked soak)
	@exec $(BIN)/pytest tests --ignore=tests/benchmarks -m soak $(ARGS)

clean: ## Remove what was built and the data of `make up` (DATA=var)
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m deploy.local.clean $(DATA); fi
	@rm -rf build .venv tests/timescaledb/node_modules tests/benchmarks/peers/nodered/node_modules api/dashboard/node_modules api/dashboard/dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "removed: $(DATA), build, .venv and the tools' caches"

# For who changes pyproject.toml; the list above is for everybody.
lock: $(READY)
	@sh deploy/local/lock.sh $(ARGS)

$(READY): uv.lock pyproject.toml deploy/local/setup.sh deploy/local/installer.sh
	@sh deploy/local/setup.sh
	@touch $@
