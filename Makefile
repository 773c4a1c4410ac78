# The only list of commands; `make` prints it.

SHELL := /bin/sh
.DEFAULT_GOAL := help

UV := $(or $(shell command -v uv 2>/dev/null),.uv/bin/uv)
BIN := .venv/bin
PYTHON_READY := .venv/.synced
SELECTED_EXTRAS := .venv/.extras
SYNC = $(UV) sync --locked --compile-bytecode
ALL_EXTRAS := .venv-extras
EXTRAS_READY := $(ALL_EXTRAS)/.synced
NODE_READY := ui/node_modules/.installed
PAGE := ui/dist/index.html
PAGE_SOURCES := $(shell find ui/src ui/public ui/index.html ui/vite.config.ts ui/tsconfig*.json -type f \
	! -name '*.spec.ts' 2>/dev/null)
GENERATED := ui/openapi.json ui/src/api/schema.d.ts
COMMITTED := .venv/types-committed
.PHONY: help up check test test-extras bench bench-compare bench-retrieval chaos types ui setup lint types-check test-python test-ui test-browser screenshots format clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

up: $(PYTHON_READY) $(PAGE) ## Start everything; Ctrl-C stops it
	@trap : INT; $(BIN)/dynavera up || test $$? -eq 130

check: lint types-check test-python test-ui ## Formatting, linting, types, imports, tests: must pass before a commit

test: test-python test-ui test-browser ## All tests, including the browser tests

test-extras: $(EXTRAS_READY) ## The tests of the extras, in a separate environment (7 GB)
	$(ALL_EXTRAS)/bin/pytest tests/extras

bench: $(PYTHON_READY) $(PAGE) ## Benchmark executions; JSON=file also saves the figures
	@$(BIN)/python -m benchmarks.executions $(addprefix --json ,$(JSON))

bench-compare: $(PYTHON_READY) ## Compare two runs of `make bench JSON=file`: BEFORE=file AFTER=file
	@$(BIN)/python -m benchmarks.executions.compare "$(BEFORE)" "$(AFTER)"

bench-retrieval: $(PYTHON_READY) ## Measure retrieval: COLLECTION=folder of a test collection; EMBEDDER=name for more of one
	@$(BIN)/python -m benchmarks.retrieval --collection "$(COLLECTION)" $(addprefix --embedder ,$(EMBEDDER)) \
		--passages $(or $(PASSAGES),100000)

chaos: $(PYTHON_READY) $(PAGE) ## Inject faults into every part in every phase; writes docs/reliability.md
	@$(BIN)/python -m benchmarks.chaos --long --first-start 20 --report docs/reliability.md

types: $(PYTHON_READY) $(NODE_READY) ## Generate the page's types from the API
	@$(BIN)/python -m api.openapi > ui/openapi.json.new && mv ui/openapi.json.new ui/openapi.json
	@cd ui && npm run --silent types

ui: $(PAGE) ## Build the page

setup: $(PYTHON_READY) $(NODE_READY) ## Install the locked environments: EXTRAS="office gpt4all" with these extras, EXTRAS= without
ifneq ($(origin EXTRAS),undefined)
	$(SYNC) $(addprefix --extra ,$(EXTRAS))
	@echo "$(addprefix --extra ,$(EXTRAS))" > $(SELECTED_EXTRAS)
endif

lint: $(PYTHON_READY) $(NODE_READY) ## Formatting, linting, types and imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	cd ui && npm run --silent format:check && npm run --silent lint && npm run --silent typecheck

types-check: $(PYTHON_READY) $(NODE_READY) ## Check that the page's types match the API
	@rm -rf $(COMMITTED) && mkdir $(COMMITTED) && cp $(GENERATED) $(COMMITTED)
	@$(MAKE) --no-print-directory types
	@for file in $(GENERATED); do \
		cmp -s $$file $(COMMITTED)/$$(basename $$file) || { echo "$$file was outdated: commit the new version."; stale=1; }; \
	done; rm -rf $(COMMITTED); test -z "$$stale"

test-python: $(PYTHON_READY) $(PAGE) ## The Python tests
	$(BIN)/pytest

test-ui: $(NODE_READY) ## The tests of the page
	cd ui && npm run --silent test

screenshots: $(PYTHON_READY) $(PAGE) ## Take the screenshots of the documentation
	cd ui && npm run --silent screenshots

test-browser: $(PYTHON_READY) $(PAGE) ## The browser tests
	cd ui && npm run --silent e2e

format: $(PYTHON_READY) $(NODE_READY) ## Format everything
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --quiet .
	cd ui && npm run --silent format

clean: ## Remove everything these commands created, except the data
	rm -rf .venv $(ALL_EXTRAS) .uv ui/node_modules ui/dist

.uv/bin/uv:
	@python3 -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "uv is missing, and Python cannot create an environment for it: run \`sudo apt-get install python3-venv\` (Debian), or install uv." >&2; \
		exit 1; }
	@echo "Installing uv …"
	@python3 -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check uv

$(PYTHON_READY): pyproject.toml uv.lock $(if $(filter .uv/bin/uv,$(UV)),.uv/bin/uv)
	$(SYNC) $$(cat $(SELECTED_EXTRAS) 2>/dev/null)
	@touch $@

$(EXTRAS_READY): pyproject.toml uv.lock $(if $(filter .uv/bin/uv,$(UV)),.uv/bin/uv)
	UV_PROJECT_ENVIRONMENT=$(ALL_EXTRAS) $(UV) sync --locked --all-extras --group extras-tests
	@touch $@

$(NODE_READY): ui/package.json ui/package-lock.json
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null || { \
		echo "Node 20 or later is missing: see https://nodejs.org, or run \`sudo apt-get install nodejs npm\` on Debian 13." >&2; \
		exit 1; }
	cd ui && npm ci --no-audit --no-fund
	@touch $@

$(PAGE): $(NODE_READY) $(PAGE_SOURCES)
	cd ui && npm run --silent build
	@touch $@
