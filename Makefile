# `make run` and `make test` are all that most people need; `make help` lists the rest.
PYTHON ?= python3
PORT ?= 8000
UV := .strata/tools/bin/uv
RUN := $(UV) run --frozen --no-sync
# Each suite keeps its own record of what failed, so that suites can run side by side.
TEST = $(RUN) pytest -o cache_dir=.strata/pytest/$@ $(if $(REPORTS),--junit-xml=$(REPORTS)/$@.xml) $(PYTEST_ARGS)
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help run test system-packages sync lint unit contracts integration browser test-faults pictures bench bench-lab bench-run test-properties clean lock
.PHONY: lab-image bench-spawn cluster-bin cluster cluster-down test-cluster

run: $(UV)  ## Start everything on this machine: registry, hub, service, labs (PORT=8000)
	@PYTHONPATH=docker/demo $(PYTHON) -m strata_demo --port $(PORT)

test: system-packages lint unit contracts integration browser  ## Set everything up and run the tests

system-packages:  ## What only the tests need from the system
	@$(PYTHON) .ci/system_packages.py

help:  ## What can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | column -t -s '	'

$(UV): .ci/bootstrap.py
	@$(PYTHON) .ci/bootstrap.py
	@touch $@

.strata/synced: $(UV) uv.lock pyproject.toml spawner/pyproject.toml labextension/pyproject.toml
	$(UV) sync --quiet --frozen --all-packages --all-groups --all-extras --python $(PYTHON)
	@touch $@

sync: .strata/synced  ## The development environment, in .venv

lint: sync  ## Style, types, import direction
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(RUN) lint-imports

unit: sync  ## The unit suite: pure, fast
	$(TEST) tests/unit

contracts: sync  ## The documents that the two distributions share, from both sides
	$(TEST) tests/contracts

integration: sync  ## Real registries, databases, servers and installers
	$(TEST) tests/integration

browser: sync  ## The pages in Chromium
	$(TEST) tests/browser

test-faults: sync  ## A kill and an error at each system call (FAULTS=0.03 tries that share of the cases)
	$(TEST) tests/faults

pictures: sync  ## Take the README's pictures, by walking the scientist's path
	STRATA_PICTURES=$(CURDIR)/docker/pictures $(TEST) tests/browser/test_walk.py

bench-run: sync  ## How long `make run` takes
	PYTHONPATH=docker/demo:tests $(RUN) python tests/benchmarks/bench_run.py

bench: sync  ## The hub's benchmarks: a table each
	@for name in tags registry refresh form; do \
		echo "== $$name"; PYTHONPATH=tests $(RUN) python tests/benchmarks/bench_$$name.py || exit 1; done

bench-lab: sync  ## The lab's benchmarks: a table each
	@for name in activation environments extension; do \
		echo "== $$name"; PYTHONPATH=docker/demo:tests $(RUN) python tests/benchmarks/bench_$$name.py || exit 1; done

test-properties: sync  ## The rules of tags, on a million strings (some minutes)
	STRATA_STRINGS=1000000 $(TEST) -q -s --timeout=3600 tests/unit/hub/tags/test_properties.py

CLUSTER := PYTHONPATH=tests $(RUN) python -m support.kubernetes

cluster-bin: sync  ## Kubernetes, etcd, containerd, kwok and Helm, from pinned Go modules (11 minutes once)
	$(CLUSTER).build

cluster: cluster-bin  ## Start a Kubernetes of our own: a node that runs pods as root, else a control plane
	@$(CLUSTER).run up

cluster-down: sync  ## End it; nothing of it is left
	@$(CLUSTER).run down

lab-image: sync  ## The lab image, built with buildah from this checkout (root)
	$(RUN) python docker/build.py lab

bench-spawn: cluster-bin  ## 100 concurrent spawns against stock KubeSpawner (COUNT=500)
	PYTHONPATH=tests $(RUN) python tests/benchmarks/bench_spawn.py --count $(or $(COUNT),100)

test-cluster: sync cluster-bin  ## The suites on a real Kubernetes
	$(TEST) tests/cluster

lock: $(UV)  ## Renew uv.lock
	$(UV) lock

clean:  ## Remove everything that was made here
	rm -rf .strata .venv
