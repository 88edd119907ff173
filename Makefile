# Each target makes the virtual environment it needs; only python3 (3.11 or newer), pip and make must be there.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock
# numerical libraries on one thread each, since the tests themselves run side by side
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 NUMBA_NUM_THREADS=1

.PHONY: help demo serve test test-slow test-faults lint audit format bench bench-scale tables clean

help:            ## Show what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 14

demo: $(VENV)/.ready-run  ## From nothing to a ranked search result with pictures: demo-output/report.html
	$(BIN)/attrieve demo --out demo-output

serve: demo-output/gallery/gallery.json  ## The demo gallery's page at http://127.0.0.1:8000; runs the demo first if need be
	$(INSTALL) --editable '.[train,serve]'
	$(BIN)/attrieve serve demo-output/gallery --run demo-output/runs/multi-task

demo-output/gallery/gallery.json:
	$(MAKE) demo

test: $(VENV)/.ready-develop  ## All tests but the slow ones
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist worksteal

test-slow: $(VENV)/.ready-develop  ## The slow tests
	$(ONE_THREAD) $(BIN)/python -m pytest -m slow

test-faults: $(VENV)/.ready-develop  ## Kills, full disks and crowds of readers in full, a quarter of an hour
	$(ONE_THREAD) $(BIN)/python -m pytest -m "slow or not slow" tests/faults

lint: $(VENV)/.ready-develop  ## Style, types, import order, dependencies, and whether the tables are up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/tables.py --check
	$(BIN)/python .ci/audit.py --offline-is-no-failure

audit: $(VENV)/.ready-develop  ## Pins and licences of what the service is made of, and its known vulnerabilities
	$(BIN)/python .ci/audit.py

format: $(VENV)/.ready-develop  ## Let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.ready-develop  ## Measure against the named baselines and write results/benchmark-*.json
	for benchmark in asmr training_step loading retrieval_metrics drawn_people gallery_store exact_search indexing; do \
		$(BIN)/python benchmarks/$$benchmark.py --write || exit 1; done
	$(BIN)/python docs/tables.py

bench-scale: $(VENV)/.ready-develop  ## What galleries of growing size cost: half an hour, 14 GB of disk
	$(BIN)/python benchmarks/scale.py --write
	$(BIN)/python docs/tables.py

tables: $(VENV)/.ready-develop  ## Write the tables in README and docs from results/
	$(BIN)/python docs/tables.py

clean:           ## Remove the virtual environment and what tests and demo left
	rm -rf $(VENV) demo-output .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready-run: pyproject.toml requirements.lock | $(BIN)/python
	$(INSTALL) "$$(grep '^torch==' requirements.lock)"
	$(INSTALL) --editable '.[train]'
	@touch $@

$(VENV)/.ready-develop: pyproject.toml requirements.lock | $(BIN)/python
	$(INSTALL) "$$(grep '^torch==' requirements.lock)"
	$(INSTALL) --editable '.[train,dev]'
	@touch $@ $(VENV)/.ready-run
