# Everything a newcomer or a contributor runs; `make help` lists it. The first target that needs it makes .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check
READY := $(VENV)/.ready

.DEFAULT_GOAL := help

help:  ## list the targets
	@echo "minutes are those of 2 quiet cores:"
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(READY)  ## make .venv with the tested versions of everything: 2 to 3 minutes, 6 GB

# basicsr, which some tests compare with, is built without isolation: its build would otherwise download a second torch
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV): about 3 minutes and 6 GB, most of it torch"
	$(PIP) --upgrade pip setuptools wheel
	$(PIP) -c constraints.txt torch torchvision
	$(PIP) -c constraints.txt --no-build-isolation basicsr
	$(PIP) -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY)  ## run the bundled study of eleven networks into results/demo, page, tables, figures: 2 to 3 minutes
	$(BIN)/l2xbench run configs/demo.yaml

gallery: demo  ## the docs' pictures, from the bundled study: seconds after the demo
	$(BIN)/python scripts/gallery.py results/demo

test: $(READY)  ## the tests but the slow ones, at most 8 minutes; some need chromium and pdflatex, and skip
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m 'not slow'

test-slow: $(READY)  ## the slow tests, wheel in a fresh environment and the like: 45 minutes beside other work
	$(BIN)/python -m pytest -m slow --timeout 1800

# PYTHONS="3.10:lowest 3.12": others; QUICK=--quick: a part of the suite
PYTHONS ?= 3.10:lowest 3.10 3.11 3.12 3.13
test-pythons: $(READY)  ## the tests on each Python that is here, and with the oldest versions allowed: not timed as a whole
	$(BIN)/python scripts/test_pythons.py $(QUICK) $(PYTHONS)

# on a GPU a quarter of an hour; on a CPU many hours: OPTIONS="--steps 2000 --precision float32" for a first look
train-compact: $(READY)  ## train all compact networks anew, make train-compact DATA=FOLDER: 15 minutes on a GPU, resumable
	@test -n "$(DATA)" || { echo "train-compact: DATA=FOLDER is missing: a folder of HR images"; exit 2; }
	$(BIN)/python scripts/train.py --all --data "$(DATA)" --out results/training --install $(OPTIONS)

check: $(READY)  ## lint, format, imports, types: half a minute, seconds the next time
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

gpu-check: $(READY)  ## on a GPU, tests, the cost of maps and a study by replays and without: at most 10 minutes
	$(BIN)/python scripts/gpu_check.py $(if $(DATA),--data-root "$(DATA)") $(OPTIONS)

hooks: $(READY)  ## have git run `make check` before each commit: seconds
	$(BIN)/pre-commit install

format: $(READY)  ## put the format right: a second
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

notebooks: $(READY)  ## run the docs' notebooks and store them with what came out: 2 to 3 minutes
	OMP_NUM_THREADS=2 $(BIN)/python scripts/notebooks.py

docs: $(READY)  ## build the site into site/, to be opened at site/index.html: 10 seconds
	NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict --quiet

wheel: $(READY)  ## build the wheel, configs and models included, into dist/: a quarter of a minute
	$(BIN)/python -m build --wheel --outdir dist

# the wheel is built from the sdist, so that what is published builds
dist: $(READY)  ## build sdist and wheel into dist/, and check that an index would take them: half a minute
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*

clean:  ## remove what was built; keeps .venv and results: at once
	rm -rf build dist site .pythons .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.PHONY: help setup demo gallery test test-slow test-pythons train-compact check gpu-check hooks format notebooks docs wheel dist clean
