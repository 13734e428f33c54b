# Two commands on a fresh machine: `make search` and `make test`.
PYTHON ?= python3
VENV := .venv
# Test processes at once.
JOBS ?= 2
RUN := $(VENV)/bin/python
# Spinning OpenMP threads starve each other on small machines.
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: install search test test-slow lint clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --constraint constraints.txt torch
	$(VENV)/bin/pip install --quiet --constraint constraints.txt --editable '.[cpu,dev]'
	touch $@

# The main job: measure this CPU, fit the predictor, search, verify, report.
search: install
	$(RUN) -m profiler.build_lut --device cpu --recipe flownas-small --resume
	$(RUN) -m predictor.fit --target cpu --recipe flownas-small
	$(RUN) -m evolution.run --target cpu --recipe flownas-small --out runs/quickstart --resume

test: install lint
	$(RUN) -m pytest -n $(JOBS) --dist loadfile

test-slow: install
	$(RUN) -m pytest -m slow

lint: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
