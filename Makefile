# The only list of commands; `make` prints it.

SHELL := /bin/sh
.DEFAULT_GOAL := help

UV := $(or $(shell command -v uv 2>/dev/null),.uv/bin/uv)
BIN := .venv/bin
PYTHON_READY := .venv/.synced
CHOSEN := .venv/.extras
SYNC = $(UV) sync --locked --compile-bytecode
ALL_EXTRAS := .venv-extras
EXTRAS_READY := $(ALL_EXTRAS)/.synced
NODE_READY := ui/node_modules/.installed
PAGE := ui/dist/index.html
PAGE_SOURCES := $(shell find ui/src ui/public ui/index.html ui/vite.config.ts ui/tsconfig*.json -type f \
	! -name '*.spec.ts' 2>/dev/null)
GENERATED := ui/openapi.json ui/src/api/schema.d.ts
BEFORE := .venv/types-before
.PHONY: help up check test test-extras bench bench-retrieval chaos types ui setup lint types-check test-python test-ui test-browser screenshots format clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

up: $(PYTHON_READY) $(PAGE) ## Start everything this machine needs; Ctrl-C stops it
	@trap : INT; $(BIN)/dynavera up || test $$? -eq 130

check: lint types-check test-python test-ui ## Format, lint, types, imports, tests: what must be green before a commit

test: test-python test-ui test-browser ## All tests, the browser test too

test-extras: $(EXTRAS_READY) ## The tests of the extras, in an environment of their own (7 GB)
	$(ALL_EXTRAS)/bin/pytest tests/extras

bench: $(PYTHON_READY) $(PAGE) ## Measure executions
	@$(BIN)/python -m benchmarks.executions

bench-retrieval: $(PYTHON_READY) ## Measure how well and how fast passages are found: COLLECTION=folder of a test collection
	@$(BIN)/python -m benchmarks.retrieval --collection "$(COLLECTION)" --embedder "$(or $(EMBEDDER),wordllama)" \
		--passages $(or $(PASSAGES),100000)

chaos: $(PYTHON_READY) $(PAGE) ## Break every part in every phase; writes docs/reliability.md
	@$(BIN)/python -m benchmarks.chaos --long --first-start 20 --report docs/reliability.md

types: $(PYTHON_READY) $(NODE_READY) ## Generate the page's types from the API
	@$(BIN)/python -m api.openapi > ui/openapi.json.new && mv ui/openapi.json.new ui/openapi.json
	@cd ui && npm run --silent types

ui: $(PAGE) ## Build the page

setup: $(PYTHON_READY) $(NODE_READY) ## Bring the locked environments: EXTRAS="office gpt4all" with these extras, EXTRAS= without
ifneq ($(origin EXTRAS),undefined)
	$(SYNC) $(addprefix --extra ,$(EXTRAS))
	@echo "$(addprefix --extra ,$(EXTRAS))" > $(CHOSEN)
endif

lint: $(PYTHON_READY) $(NODE_READY) ## Format, lint, types and imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	cd ui && npm run --silent format:check && npm run --silent lint && npm run --silent typecheck

types-check: $(PYTHON_READY) $(NODE_READY) ## See that the page's types are those of the API
	@rm -rf $(BEFORE) && mkdir $(BEFORE) && cp $(GENERATED) $(BEFORE)
	@$(MAKE) --no-print-directory types
	@for file in $(GENERATED); do \
		cmp -s $$file $(BEFORE)/$$(basename $$file) || { echo "$$file was stale: commit the new one."; stale=1; }; \
	done; rm -rf $(BEFORE); test -z "$$stale"

test-python: $(PYTHON_READY) $(PAGE) ## The tests of the services
	$(BIN)/pytest

test-ui: $(NODE_READY) ## The tests of the page's parts
	cd ui && npm run --silent test

screenshots: $(PYTHON_READY) $(PAGE) ## Make the pictures of the documentation anew
	cd ui && npm run --silent screenshots

test-browser: $(PYTHON_READY) $(PAGE) ## The test in a real browser
	cd ui && npm run --silent e2e

format: $(PYTHON_READY) $(NODE_READY) ## Format everything
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix --quiet .
	cd ui && npm run --silent format

clean: ## Remove what the commands made, but not the data
	rm -rf .venv $(ALL_EXTRAS) .uv ui/node_modules ui/dist

.uv/bin/uv:
	@python3 -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "uv is missing, and Python cannot make a place for it: run \`sudo apt-get install python3-venv\` (Debian), or install uv." >&2; \
		exit 1; }
	@echo "Bringing uv …"
	@python3 -m venv .uv && .uv/bin/pip install --quiet --disable-pip-version-check uv

$(PYTHON_READY): pyproject.toml uv.lock $(if $(filter .uv/bin/uv,$(UV)),.uv/bin/uv)
	$(SYNC) $$(cat $(CHOSEN) 2>/dev/null)
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
