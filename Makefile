# Needs Python >= 3.11, make and the package registry; everything lands in .venv and build.
# make demo PYTHON=python3.12 takes another interpreter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test lint format benchmark clean

help:
	@echo "make demo       set up, cut out datasets/samples into build/demo"
	@echo "make test       set up with the training and development extras, run every check"
	@echo "make benchmark  time and memory of a 12-megapixel photo, stage by stage"
	@echo "make format     let ruff sort imports and lay out the code"
	@echo "make clean      remove what make made, .venv included"

demo: $(VENV)/.set-up-demo
	$(BIN)/eyecut run datasets/samples/images build/demo --force
	@echo "Open build/demo/report/index.html"

test: lint
	$(BIN)/python -m pytest

lint: $(VENV)/.set-up-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy scripts

format: $(VENV)/.set-up-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmark: $(VENV)/.set-up-demo
	$(BIN)/python scripts/benchmark.py

# The stamps hold the time and space that setting up took. The install is editable, so only a change
# of pyproject.toml calls for another.
$(VENV)/.set-up-demo: pyproject.toml scripts/set_up.sh
	PYTHON="$(PYTHON)" sh scripts/set_up.sh $(VENV) "." $@

$(VENV)/.set-up-test: pyproject.toml scripts/set_up.sh
	PYTHON="$(PYTHON)" sh scripts/set_up.sh $(VENV) ".[train,dev]" $@
	touch $(VENV)/.set-up-demo

clean:
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache .hypothesis
