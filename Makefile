# Two commands matter: `make lab` to read and run the book, `make test` to check it.
# Both set up .venv first, which takes 2 to 5 minutes once and no time afterwards.

# PYTHON=/path/to/python3   the Python to build .venv from (3.11 or newer)
# TORCH=cpu                 on Linux, a first set-up without NVIDIA's libraries
# LAB_FLAGS=--no-browser    whatever else JupyterLab should be told
# NOTEBOOKS="a.ipynb …"     what `make notebooks` runs; all, if not given
# PYTEST_FLAGS="-k bpe"     what else `make test` tells pytest

PY := .venv/bin/python
FIRST := notebooks/00_start_here.ipynb
# As root, as in a container, JupyterLab asks to be told that this is meant.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

export PYTHON TORCH TMPDIR
.DEFAULT_GOAL := help
.PHONY: help setup lab test lint format notebooks bench clean

help:  ## say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

setup:  ## create .venv and install everything; quick when that is done
	@sh tools/setup.sh

lab: setup  ## open the book in JupyterLab, for this machine only
	@echo "Starting JupyterLab on 127.0.0.1; end it with Ctrl-C."
	@JUPYTER_CONFIG_PATH=tools/jupyter $(PY) -m jupyterlab $(AS_ROOT) $(LAB_FLAGS) $(FIRST)

test: lint  ## lint, types, unit tests, every notebook at smoke scale, browser tests
	@echo "Running the unit tests, the browser tests and every notebook at smoke scale."
	@GPTLAB_SCALE=smoke OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder \
		--nbval --nbval-current-env \
		--nbval-sanitize-with=tests/nbval.cfg --nbval-cell-timeout=300 $(PYTEST_FLAGS)

lint: setup  ## check form, style and types, changing nothing
	@echo "Checking format and style (ruff) and types (mypy)."
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(PY) -m mypy

format: setup  ## bring the code into form
	@$(PY) -m ruff format
	@$(PY) -m ruff check --fix

notebooks: setup  ## run the notebooks at laptop scale and save their outputs
	@$(PY) tools/rerun.py $(NOTEBOOKS)

bench: setup  ## measure speed and memory beside the peers, on an idle machine
	@$(PY) -m benchmarks --write

clean:  ## delete .venv and all caches, nothing else
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find gptlab tests notebooks tools \( -name __pycache__ -o -name .ipynb_checkpoints \) \
		-prune -exec rm -rf {} +
