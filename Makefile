PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: install demo pictures docs test test-slow test-all test-statistics test-kill test-fuzz test-chaos test-gpu test-scale test-report bench bench-search bench-pruning bench-memory lint clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dnsearch needs Python 3.11 or newer; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: install  ## the main job on real data: a search of 12 trials, its leaderboard, the best network's YAML
	$(BIN)/dnsearch tune --trials 12 --workers 2 --runs demo

pictures: demo  ## the README's terminals, anew
	$(BIN)/dnsearch compare starter --vary training.augmentation.crop=0,1,2 --pairs 12 --name crop --workers 2 --runs demo
	$(BIN)/python docs/pictures/make.py

docs: install  ## the site, in build/site, without network
	$(BIN)/mkdocs build --strict --quiet

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: install lint  ## what guards the code at every change (6 minutes on 2 cores)
	$(BIN)/pytest -n 2 --dist loadgroup -m "not slow and not statistics"

test-slow: install  ## what takes long: kills at many moments, whole searches, large networks
	$(BIN)/pytest -n 2 --dist loadgroup -m slow

test-all: install lint  ## all tests, with 2,000 random networks instead of 10
	DNSEARCH_EXAMPLES=2000 $(BIN)/pytest -n 2 --dist loadgroup

test-statistics: install  ## false alarms, coverage and power over thousands of simulated comparisons (3 minutes)
	$(BIN)/pytest tests/compare -m statistics -s

test-kill: install  ## 20 trainings and 20 migrations of a study, killed at random moments and gone on with
	DNSEARCH_KILLS=20 $(BIN)/pytest tests/train/test_run_killed.py tests/search/test_migrate_killed.py

test-fuzz: install  ## files of every kind that dnsearch reads, damaged: DNSEARCH_FUZZ=100000 make test-fuzz (20 minutes)
	DNSEARCH_FUZZ=$${DNSEARCH_FUZZ:-10000} $(BIN)/pytest tests/fuzz -s

test-chaos: install  ## 20 searches, each struck by six disasters at random moments (15 minutes)
	DNSEARCH_CHAOS=20 $(BIN)/pytest tests/chaos -s

test-scale: install  ## a Ray cluster of two nodes and a PostgreSQL that goes away, with kills
	tests/scale/install_postgres.sh
	DNSEARCH_SCALE=1 $(BIN)/pytest tests/scale tests/search/test_study_lock.py

test-report: install  ## reports in a headless Chromium: no error, no request, every section
	tests/report/install_chromium.sh
	DNSEARCH_CHROMIUM=1 $(BIN)/pytest tests/report/test_in_chromium.py

test-gpu: install  ## what only a graphics card can show; fails where there is none
	DNSEARCH_GPU=1 $(BIN)/pytest tests/gpu/test_on_a_card.py

bench: install  ## dnsearch against stock Keras and PyTorch; 15 minutes of a machine that does nothing else
	$(BIN)/python tests/benchmarks/bench.py

bench-search: install  ## whole searches against Optuna with stock Keras and KerasTuner (45 minutes)
	$(BIN)/python tests/benchmarks/bench_search.py

bench-pruning: install  ## searches for several objectives with and without pruning, trainings made up (2 minutes)
	$(BIN)/python tests/benchmarks/multi_objective.py

bench-memory: install  ## how much memory trainings take, for the prediction (10 minutes)
	$(BIN)/python tests/benchmarks/training_memory.py

clean:
	rm -rf $(VENV) demo runs build dist *.egg-info
