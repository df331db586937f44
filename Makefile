# Every target sets up what it needs in .venv; nothing is installed outside this folder but caches.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
MEMBERS := shared watcher submitter local
STAMP  := $(VENV)/.installed
ENGINE ?= docker
TAG    ?= $(shell sed -n 's/^appVersion: //p' helm/nbargo/Chart.yaml)
BENCHES := events latency once memory request_rates install lists reference pages submit staging

.PHONY: help setup demo test mutations soak images test-images test-chart test-cluster test-browser check format pins clean bench bench-startup bench-fleet docs outputs fault-matrix screenshots

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 20

setup: $(STAMP)  ## make the virtual environment in .venv

$(STAMP): pins/dev.txt $(MEMBERS:%=%/pyproject.toml) $(shell find submitter/etc -name '*.json')
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "nbargo needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3.11 ..." >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV) ..."
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' pins/dev.txt)"
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python pins/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(MEMBERS:%=-e ./%)
	@touch $@

demo: setup  ## the whole loop on this machine: local Argo, watcher, JupyterLab (EXIT=1: stop after the examples)
	@$(BIN)/nbargo-demo $(if $(EXIT),--exit) $(DEMO_ARGS)

test: setup  ## unit, contract, fault and end-to-end tests, and those of the installed jupyter-scheduler
	@$(BIN)/python -m pytest $(ARGS)

soak: setup  ## kill two watchers every few seconds under churn and faults, for MINUTES=10 (SEED=1: the same choices)
	@$(BIN)/python tests/faults/soak.py --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

images:  ## build the images of watcher and lab (ENGINE=docker or podman, REGISTRY=registry.example, TAG=0.1.0)
	@command -v $(ENGINE) > /dev/null || \
	  { echo "There is no '$(ENGINE)': install Docker or Podman, or name one with ENGINE=." >&2; exit 2; }
	@$(ENGINE) info > /dev/null 2>&1 || \
	  { echo "'$(ENGINE) info' fails: start the engine, or name another one with ENGINE=." >&2; exit 2; }
	@for name in watcher lab; do \
	  $(ENGINE) build --file images/$$name/Dockerfile --tag $(if $(REGISTRY),$(REGISTRY)/)nbargo-$$name:$(TAG) . || exit; \
	done

test-images: setup  ## carry out the images' Dockerfiles without an engine, and run what comes of them as pods do
	@$(BIN)/python -m pytest tests/images $(ARGS)

test-chart: setup  ## render the chart with the pinned Helm, built with Go, and check all that comes of it
	@$(BIN)/python tests/chart/helm.py
	@$(BIN)/python -m pytest tests/chart --timeout 300 $(ARGS)

test-cluster: setup  ## against the real kube-apiserver, etcd and Argo controller, built with Go (or NBARGO_TEST_KUBECONFIG)
	@test -n "$$NBARGO_TEST_KUBECONFIG" || $(BIN)/python tests/cluster/build.py
	@$(BIN)/python tests/chart/helm.py
	@$(BIN)/python tests/chart/kubectl.py
	@$(BIN)/python -m pytest tests/cluster $(if $(NBARGO_TEST_KUBECONFIG),,-n 4 --dist loadfile --no-loadscope-reorder) $(ARGS)

test-browser: setup  ## JupyterLab's scheduler pages in Debian's Chromium, which root may have installed by this
	@PYTHONPATH=tests $(BIN)/python -m support.chromium
	@$(BIN)/python -m pytest tests/browser $(ARGS)

mutations: setup  ## break each property of the watcher on purpose; a test must fail each time (ARGS="P09 P12": these)
	@$(BIN)/python tests/faults/mutations.py $(ARGS)

check: setup  ## ruff, mypy, pyright, import-linter, shellcheck
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/pyright
	@$(BIN)/lint-imports
	@$(BIN)/shellcheck .ci/run images/*.sh tests/images/*.sh examples/kind/*.sh

bench: setup  ## every benchmark, half an hour; each prints a JSON object as its last line (QUICK=1: two minutes)
	@for name in $(BENCHES); do $(BIN)/python bench/$$name.py $(if $(QUICK),--quick) || exit; done
	@$(BIN)/python bench/lab_startup.py

bench-startup: setup  ## what the plugin adds to the lab's start-up, beside stock jupyter-scheduler
	@$(BIN)/python bench/lab_startup.py

bench-fleet: setup  ## what 200 watchers cost a real kube-apiserver: a quarter of an hour (QUICK=1: two minutes)
	@$(BIN)/python tests/cluster/build.py
	@$(BIN)/python bench/fleet.py $(if $(QUICK),--quick)

docs: setup  ## write the parts of the documentation that come from the code
	@$(BIN)/python docs/write_layers.py
	@$(BIN)/python docs/write_operators.py

outputs: setup  ## take the watcher's outputs in docs/operators.md anew, from jobs that are run for it
	@$(BIN)/python docs/take_outputs.py

fault-matrix: setup  ## play the fault matrix, and write its figures into docs/reliability.md
	@PYTHONPATH=tests $(BIN)/python docs/write_fault_matrix.py

screenshots: setup  ## take the pictures of docs/ in a headless Chromium
	@PYTHONPATH=tests $(BIN)/python -m support.chromium
	@PYTHONPATH=tests $(BIN)/python docs/take_screenshots.py

format: setup  ## let ruff mend and format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

pins: setup  ## resolve pins/dev.in anew into pins/dev.txt, and take the images' pins from it
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links \
	  --no-annotate --no-header pins/dev.in -o pins/dev.txt
	@$(MAKE) --no-print-directory setup
	@$(BIN)/python pins/write.py

clean:  ## remove what the targets made
	@rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
