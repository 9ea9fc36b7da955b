# make demo: install everything and run the main job on images that it makes.
# make test: install everything and run what CI runs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test format lint types unit bench chaos fuzz clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: install
	$(BIN)/foveate demo --out demo

test: install format lint types unit

format:
	$(BIN)/ruff format --check .

lint:
	$(BIN)/ruff check .

types:
	$(BIN)/mypy

unit:
	$(BIN)/python -m pytest -n 2 --dist loadgroup

bench: install
	$(BIN)/python -m tests.benchmarks.run

# Every fault that has a test, one after the other, on an archive of 300 images.
chaos: install
	FOVEATE_CHAOS_IMAGES=300 $(BIN)/python -m pytest tests/jobs/test_faults.py tests/jobs/test_crashing_decoder.py -v --durations=0

# Ten minutes of damaged files; what it finds lies in runs/fuzz.
fuzz: install
	$(BIN)/python -m tests.fuzz --minutes 10

clean:
	rm -rf $(VENV) demo .mypy_cache .ruff_cache .pytest_cache
