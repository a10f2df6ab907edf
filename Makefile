# Two commands on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
STAMP := $(VENV)/.installed

export QT_QPA_PLATFORM_DEFAULT := offscreen

.PHONY: help setup demo test lint types layers unit soak bench package campaign-lgg campaign-ct campaign-brain clean

help:
	@echo "make demo   set up, then open the window on a demo project"
	@echo "make test   set up, then lint, types, layers and all tests"
	@echo "make soak   the long fault and fuzz runs"
	@echo "make bench  the figures of docs/benchmarks.md"
	@echo "make package  what people install, for this system, in build/; PACKAGE=FOLDER puts it elsewhere"
	@echo "make guide-pictures  the pictures and the page of keys of docs/guide, from the real window"
	@echo "make campaign-lgg  hours of training on the LGG slices, resumable; CAMPAIGN=FOLDER keeps it"
	@echo "make campaign-brain  the brain starter from nothing, on made-up heads; CAMPAIGN_BRAIN=FOLDER keeps it"
	@echo "make campaign-circle  suggested slices against slices by lot; CAMPAIGN_CIRCLE=FOLDER keeps it"
	@echo "make campaign-ct   the same on the CT slices: yes or no, then masks; CAMPAIGN_CT=FOLDER keeps it"

setup: $(STAMP)

$(STAMP): requirements.lock installer/setup.sh
	bash installer/setup.sh "$(PYTHON)" "$(VENV)"
	@touch $@

demo: setup
	@bash installer/demo.sh "$(PY)"

test: lint types layers unit

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

layers: setup
	PYTHONPATH=. $(BIN)/lint-imports

unit: setup
	bash installer/run-tests.sh "$(PY)"

soak: setup
	$(PY) -m pytest -s -m soak tests/faults tests/fuzz tests/unit/core/test_dicom_seg.py --override-ini=addopts=-q --timeout=0

bench: setup
	$(PY) -m pytest tests/bench --override-ini=addopts=-q

PACKAGE ?= build
package:
	$(PYTHON) installer/build.py --out $(PACKAGE)

CAMPAIGN ?= ../campaign/lgg
campaign-lgg: setup
	nice $(PY) tests/campaigns/lgg.py $(CAMPAIGN)

CAMPAIGN_CT ?= ../campaign/ct
campaign-ct: setup
	nice $(PY) tests/campaigns/ct.py $(CAMPAIGN_CT)

CAMPAIGN_BRAIN ?= ../campaign/brain
campaign-brain: setup
	nice $(PY) tests/campaigns/brain.py $(CAMPAIGN_BRAIN)
	nice $(PY) tests/campaigns/brain_folds.py $(CAMPAIGN_BRAIN)-folds --begin $(CAMPAIGN_BRAIN)
	nice $(PY) tests/campaigns/brain.py $(CAMPAIGN_BRAIN)-real --begin $(CAMPAIGN_BRAIN)

CAMPAIGN_CIRCLE ?= ../campaign/circle
campaign-circle: setup
	nice $(PY) tests/campaigns/circle.py $(CAMPAIGN_CIRCLE)

guide-pictures: setup
	$(PY) tests/guide/make_pictures.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis
