# `make` alone explains itself. Everything a target needs is made by `make setup`, from Python 3.11+, git and make.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
NODE_BIN := PATH="$(CURDIR)/.venv/bin:$$PATH" node_modules/.bin
FORGE = $(firstword $(wildcard node_modules/@foundry-rs/forge-*/bin/forge) forge)
SOAK_OPERATIONS ?= 1000000
SEEDS ?= 300
FIRST_SEED ?= 1

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install everything the project needs into .venv and node_modules
	@scripts/setup.sh

.PHONY: setup-tools
setup-tools: ## Also install slither and ape, in an environment of their own
	@scripts/setup.sh tools

.PHONY: demo
demo: setup ## Four cities, one chain: the whole story in a few minutes
	@$(BIN)/yrdhub demo

.PHONY: up
up: setup ## As demo, and leave chain, sandbox registries and API running
	@$(BIN)/yrdhub up

.PHONY: test
test: setup artifacts-check ## Every test (under 20 minutes); random operations by a fixed seed, by a new one in soak
	@YRDHUB_SEED=$${YRDHUB_SEED:-15} $(PYTEST) -n 2 --dist loadfile --durations=15 --allowed-skips=.ci/allowed-skips

.PHONY: quick
quick: setup ## The tests that take under 2 minutes
	@$(BIN)/python scripts/compile.py --check-sources
	@$(PYTEST) -q -m "not slow" -n 2 --dist loadfile tests/unit tests/contracts

.PHONY: lint
lint: setup-tools lint-python lint-solidity ## Types, style, Solidity rules, slither and the deployment by ape
	@scripts/slither.sh
	@$(PYTEST) -q tests/integration/test_ape_deploy.py

.PHONY: lint-python
lint-python: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy

.PHONY: lint-solidity
lint-solidity: setup
	@$(NODE_BIN)/solhint --quiet --max-warnings 0 'contracts/**/*.sol'
	@$(FORGE) fmt --check contracts

.PHONY: format
format: setup ## Rewrite Python and Solidity in the project's format
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format --quiet .
	@$(FORGE) fmt contracts

.PHONY: artifacts
artifacts: setup ## Compile the contracts and write hub/chain/artifacts
	@$(BIN)/python scripts/compile.py

.PHONY: artifacts-check
artifacts-check: setup ## Recompile and compare with the committed artifacts
	@$(BIN)/python scripts/compile.py --check

.PHONY: bench
bench: setup ## Measure speed, memory and gas; prints the tables
	@$(BIN)/python -m scripts.bench

.PHONY: bench-full
bench-full: setup ## The same at the whole sizes: a city of 100,000 projects, 1,000,000 blocks (hours)
	@$(BIN)/python -m scripts.bench --full

.PHONY: gas-snapshot
gas-snapshot: setup ## Measure gas and write contracts/gas-snapshot.json anew
	@$(BIN)/python -m scripts.bench --write-gas-snapshot

.PHONY: storage-layout
storage-layout: setup ## Write contracts/storage-layout.json anew (after `make artifacts`)
	@$(BIN)/python -m scripts.storage_layout --write

.PHONY: soak
soak: setup ## The property test of the laws with a million operations
	@YRDHUB_SOAK_OPERATIONS=$(SOAK_OPERATIONS) $(PYTEST) -s --timeout=0 tests/contracts/test_laws.py

.PHONY: soak-cities
soak-cities: setup ## Four cities through random faults and kills, SEEDS times (300); ends in equal books on all sides
	@$(BIN)/python -m tests.integration.fault_run --seeds $(SEEDS) --first $(FIRST_SEED)

.PHONY: lock
lock: setup ## Resolve dependencies anew and write the lock files
	@scripts/lock.sh

.PHONY: wheel
wheel: setup ## Build the wheel into dist/
	@$(BIN)/uv build --wheel --quiet --out-dir dist .

.PHONY: clean
clean: ## Remove everything that make made (not a home with data)
	@rm -rf .venv .venv-tools node_modules .solcx .build build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
