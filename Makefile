# One line each; `make help` lists them.
SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TEST_DATA ?= $(VENV)/test-data
PYTEST := DASHMON_DATA_DIR=$(TEST_DATA) $(BIN)/python -m pytest
VECTORS ?= tests/vectors
WORKERS ?= 2
QUEUES ?= checks,metrics,notifications,default
export DJANGO_SETTINGS_MODULE = dashmon.settings

.PHONY: help setup setup-dev run test services-test e2e lint format types imports schema vectors bench demo worker beat scale chaos lock nightly clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1: /p' $(MAKEFILE_LIST)

$(VENV)/runtime: requirements/runtime.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Dashmon's locked dependencies (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.lock
	@-$(BIN)/python manage.py fetch_assets --quiet
	@touch $@

$(VENV)/dev: requirements/dev.lock $(VENV)/runtime
	@echo "Installing the tools for tests (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	@touch $@

setup: $(VENV)/runtime ## install what the product needs

setup-dev: $(VENV)/dev ## install what its tests need besides

run: setup ## serve on http://127.0.0.1:8000 (PORT, HOST)
	@exec $(BIN)/python -m dashmon.server

test: setup-dev ## the whole suite on SQLite, no service needed
	$(PYTEST) -n 2 --dist loadgroup -m "not nightly and not browser"

services-test: setup-dev ## the same suite on PostgreSQL and Redis
	$(BIN)/python -m tests.services -n 2 --dist loadgroup -m "not nightly and not browser"

e2e: setup-dev ## pages in Chromium, with accessibility checks
	$(PYTEST) -m browser tests/e2e

lint: setup-dev ## style, types, import rule, templates, missing migrations, OpenAPI
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djlint templates --check --lint --quiet
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py spectacular --fail-on-warn --file /dev/null

format: setup-dev ## write the formatting that lint asks for
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djlint templates --reformat --quiet

types: setup-dev ## mypy alone
	$(BIN)/mypy

imports: setup-dev ## import-linter alone
	$(BIN)/lint-imports --no-cache

vectors: setup-dev ## replay the vector files of VECTORS through the product's rules
	@$(BIN)/python -m tests.replay $(VECTORS)

bench: setup-dev ## the benchmarks (BENCH=group for one): one JSON line per figure, a table on stderr
	@$(BIN)/python -m tests.perf $(BENCH)

demo: setup ## a workspace full of live data, in a data folder of its own
	@DASHMON_DATA_DIR="$${DASHMON_DATA_DIR:-data/demo}" $(BIN)/python -m dashmon.demo

scale: setup ## web, WORKERS Celery workers and the beat in the foreground (DATABASE_URL, REDIS_URL)
	@exec $(BIN)/python -m dashmon.scale --workers $(WORKERS)

worker: setup ## one Celery worker in the foreground (QUEUES; every one unless said otherwise)
	@exec $(BIN)/celery -A dashmon worker --loglevel info -Q $(QUEUES)

beat: setup ## the beat in the foreground (scale-out)
	@exec $(BIN)/celery -A dashmon beat --loglevel info --schedule "$${DASHMON_DATA_DIR:-data}/beat"

chaos: setup-dev ## kills, freezes and failing stores on both databases (CHAOS_MINUTES, CHAOS_MONITORS, CHAOS_SEED)
	$(PYTEST) -s -m chaos tests/chaos

nightly: setup-dev ## what is too long for CI
	$(PYTEST) -m nightly

lock: setup-dev ## renew the hashed locks from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --generate-hashes --no-annotate --no-header --universal --python-version 3.11 -o requirements/runtime.lock
	$(BIN)/uv pip compile pyproject.toml --group dev --generate-hashes --no-annotate --no-header --universal --python-version 3.11 -o requirements/dev.lock

clean: ## remove what set-up and tests made, never the data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis node_modules static/vendor
