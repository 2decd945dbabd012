# The commands of the project. `make` alone lists them. The environment lives in .venv.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
# Override with `make setup PYTHON=/path/to/python3.12`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $$p && exit; \
  done; command -v python3)
# One more than there are cores: some tests wait for real time.
JOBS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
EXAMPLE := examples/quantivista

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint types imports deps spelling workflows chaos bench fmt

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(STAMP) ## set up .venv with everything that the project needs

$(STAMP): pyproject.toml deploy/requirements-dev.lock
	@$(SHELL) .ci/python.sh "$(PYTHON)"
	@if [ ! -x $(BIN)/python ] || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  rm -rf $(VENV); "$(PYTHON)" -m venv $(VENV); fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: setup ## run the main job on simulated systems, in this terminal
	@$(BIN)/release-bot demo

test: setup ## run the tests, each conversation on SQLite or on PostgreSQL
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal --databases=either

check: setup ## what CI runs: tests on both databases, coverage, lint, types, imports, workflows, and all of the chaos
	rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal --databases=sqlite --cov --cov-report=
	$(BIN)/python -m coverage report
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal --databases=postgresql
	$(MAKE) lint types imports deps spelling workflows chaos

lint: setup ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## mypy, strict
	$(BIN)/mypy

imports: setup ## the import contracts
	$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

deps: setup ## declared and used dependencies agree
	$(BIN)/deptry bot commands integrations migrations

spelling: setup ## codespell
	$(BIN)/codespell bot commands integrations migrations docs examples README.md CHANGELOG.md

workflows: setup ## the example workflows: GitHub's schemas, and zizmor
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(EXAMPLE)/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions $(EXAMPLE)/actions/*/action.yml
	$(BIN)/zizmor --offline --no-config --no-progress --quiet --persona auditor --strict-collection \
	  $(EXAMPLE)/workflows/*.yml $(EXAMPLE)/actions/*/action.yml

chaos: setup ## kill -9 at every boundary
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal -m chaos_full

bench: setup ## figures, as ratios against a named peer measured in the same run
	$(BIN)/python -m tests.bench

fmt: setup ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
