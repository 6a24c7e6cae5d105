# Every job of the repository, by name. `make help` lists them.
PYTHON ?= python3
DATA ?=
ROOT ?=
EXPERIMENT ?=
BIN := .venv/bin
# What install.py writes when a part of the environment is there; all of it (installed) has each part.
STAMPS := .venv/run .venv/app .venv/docs .venv/installed
INSTALLED := .venv/installed
part = $(firstword $(wildcard $(INSTALLED)) .venv/$(1))
# An environment that was moved begins anew: its programs name the folder in which they were made.
ifneq ($(filter-out $(realpath .venv),$(shell cat /dev/null $(wildcard $(STAMPS)))),)
.PHONY: $(STAMPS)
endif
# A file that is gone from a package is noticed where a run fails.
OR_CHECK := || { status=$$?; $(PYTHON) install.py check; exit $$status; }

# Handed over as they were written: neither make nor the shell may read a quote or a $ in a folder's name.
export DATA_GIVEN := $(value DATA)
export ROOT_GIVEN := $(value ROOT)
export EXPERIMENT_GIVEN := $(value EXPERIMENT)
unexport DATA ROOT EXPERIMENT
CHOICES := --data "$$DATA_GIVEN" --root "$$ROOT_GIVEN"

.DEFAULT_GOAL := help
.PHONY: help app repro classic test test-slow benchmark lint format params lock ui docs

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

repro: $(call part,run)  ## run it all: the sample, or ROOT=/photos [DATA=… EXPERIMENT=…]
	@$(BIN)/python -m pipeline.repro $(CHOICES) --experiment "$$EXPERIMENT_GIVEN" $(OR_CHECK)

classic: $(call part,run)  ## the classic one-file script as a recipe [DATA=…] [ROOT=…]
	@$(BIN)/python -m pipeline.repro $(CHOICES) --experiment classic $(OR_CHECK)

# Two processes: most tests wait for programs that start, which uses one core.
test: $(INSTALLED)  ## the fast tests
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow"

# Three: whole runs wait for disks, servers and one another too, a fifth of the time of two.
test-slow: $(INSTALLED)  ## the tests that take minutes: whole runs, killed runs, sweeps
	$(BIN)/pytest -n 3 --dist worksteal -m slow --durations=12 tests

benchmark: $(INSTALLED)  ## all figures beside what is wanted, a table [ROOT=… of CASIA]
	@$(BIN)/python -m benchmarks --root "$$ROOT_GIVEN"

lint: $(INSTALLED)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)  ## put the code into the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

params: $(call part,run)  ## bring params.yaml in step with conf/
	@$(BIN)/python -m pipeline.params write
	@$(BIN)/python -m pipeline.params check

app: $(call part,app)  ## a page to drop pictures on, of the detector in models/
	@$(BIN)/python -m pipeline.app

ui: $(call part,run)  ## compare runs in the browser
	$(BIN)/mlflow ui

docs: $(call part,docs)  ## the documents as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lock: $(INSTALLED)  ## pin the dependencies of pyproject.toml anew (3.11-3.13)
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --no-annotate --quiet --all-extras \
	  --group docs --group dev pyproject.toml -o requirements.lock

$(STAMPS): requirements.lock pyproject.toml install.py $(BIN)/python
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else \
	  f"error: Python 3.11, 3.12 or 3.13 is needed, {sys.executable} is {v[0]}.{v[1]}; name another one: make PYTHON=python3.12 …")'
	@command -v git > /dev/null || { echo "error: git is needed and was not found" >&2; exit 1; }
	@$(PYTHON) install.py $(@F)

$(BIN)/python: ;
