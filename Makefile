# Two commands matter: `make dashboard` and `make test`. Both make .venv first; a second call starts at once.
PYTHON ?= python3
PORT ?= 8501
VENV := .venv
RUN := $(VENV)/bin/python
ARTIFACTS := $(or $(SEDCORE_ARTIFACTS),artifacts)
DEMO := artifacts/datasets/demo/features/logmel.npy

.PHONY: dashboard test test-long bench bench-quality lint demo-runs chromium
.DELETE_ON_ERROR:

# Training is switched on because the page is open to this machine alone.
dashboard: $(VENV)/installed $(if $(SEDCORE_ARTIFACTS),,$(DEMO))
	SEDBOARD_TRAINING=on SEDCORE_ARTIFACTS="$(ARTIFACTS)" $(RUN) -m streamlit run dashboard.py \
		--server.address 127.0.0.1 --server.port $(PORT)

test: $(VENV)/installed-tests chromium
	$(RUN) -m ruff check .
	$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# More jobs, more faults, longer trainings: minutes to an hour.
test-long: $(VENV)/installed-tests chromium
	$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "long or not long"

# Speed and memory of everything, as tables: up to an hour on two cores that have nothing else to do.
bench: $(VENV)/installed-tests chromium
	$(RUN) -m benchmarks.training
	$(RUN) -m benchmarks.features
	$(RUN) -m benchmarks.evaluation
	$(RUN) -m benchmarks.bootstrap
	$(RUN) -m benchmarks.scale
	$(RUN) -m benchmarks.tensorboard_curves
	$(RUN) -m benchmarks.board
	$(RUN) -m benchmarks.large_pages
	$(RUN) -m benchmarks.importing

# The report's models in plain Keras against the one to begin with, on a data set of yours: hours; what is done is kept.
bench-quality: $(VENV)/installed
	$(RUN) -m benchmarks.quality --artifacts "$(ARTIFACTS)" --data "$(DATA)" --ablation

lint: $(VENV)/installed-tests
	$(RUN) -m ruff check .

# The committed results, made again: about half an hour on two cores.
demo-runs: $(VENV)/installed
	$(RUN) -m sedcore demo-runs

$(DEMO): | $(VENV)/installed
	$(RUN) -m sedcore demo-data

chromium: $(VENV)/installed-tests
	@sh tests/browser/get-chromium.sh $(VENV)/bin/playwright

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq python3-venv; } || \
		{ echo "Python's venv module is missing. Try: sudo apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.txt | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/installed-tests: requirements-test.txt requirements-cluster.txt $(VENV)/installed | $(VENV)/bin/python
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements-test.txt
	@touch $@
