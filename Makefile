# Two commands on a fresh machine: `make demo` opens the console, `make test` runs the tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEV := $(VENV)/.dev-installed
DEMO := $(VENV)/.demo-installed

.PHONY: demo test test-labs check lint bench chaos test-matrix lab-hosts lab-kube tools compiled pictures pictures-hosts pictures-kube pictures-bringup clean

demo: $(DEMO)
	$(BIN)/etcdtui demo

# Most tests wait for elections: three of them at a time keep two cores busy.
JOBS ?= 3
test: $(DEV) tools compiled
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not hosts and not kube and not long"

# What takes minutes, then on real hosts under systemd and on a real Kubernetes: root, Debian 12 and some minutes to
# build them once.
test-labs: $(DEV) tools compiled lab-hosts lab-kube
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "long and not hosts and not kube"
	$(BIN)/python -m pytest -m hosts
	$(BIN)/python -m pytest -m kube -n $(JOBS) --dist loadfile

# Every pair of sizes, bootstraps, kinds of TLS, users and versions of etcd, brought up in both labs: some 20 minutes.
test-matrix: $(DEV) tools lab-hosts lab-kube
	$(BIN)/python -m pytest --matrix -rP tests/labs/hosts/test_founding_matrix.py tests/sites/kube/test_founding_matrix.py

check: lint test

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(DEV) tools compiled
	$(BIN)/python -m bench

# Every operation under a writer, its console and nodes killed at every point: make chaos SEED=7 SHARE=0.2
# On real hosts behind a jump host, whose power is cut too (as root): make chaos SITE=hosts SHARE=0.1
# On pods, which are deleted too: make chaos SITE=kube SHARE=0.1
SEED ?= 1
SHARE ?= 1.0
SITE ?= local
chaos: $(DEV) tools compiled
	$(BIN)/python -m tests.chaos --site $(SITE) --seed $(SEED) --share $(SHARE) --jobs $(JOBS) $(MORE)

# The jump host and three nodes under systemd that tests/labs/hosts boots: needs root and Debian, about a minute.
lab-hosts: $(DEV)
	$(BIN)/python -m tests.labs.hosts build

# A Kubernetes 1.20 from Debian's source that tests/labs/kube starts: needs root and Debian 12, some eight minutes.
lab-kube: $(DEV)
	$(BIN)/python -m tests.labs.kube build

# The README's pictures, drawn from a real cluster.
pictures: $(DEV)
	$(BIN)/python -m docs.pictures.make

# Those of the pages about SSH, drawn on the lab of hosts: needs root.
pictures-hosts: $(DEV) lab-hosts
	$(BIN)/python -m docs.pictures.hosts

# Those of the page about Kubernetes, drawn on its lab: needs root.
pictures-kube: $(DEV) lab-kube
	$(BIN)/python -m docs.pictures.kube

# Those of the page about bring-ups, drawn on both labs: needs root.
pictures-bringup: $(DEV) lab-hosts lab-kube
	$(BIN)/python -m docs.pictures.bringup

# Debian's etcd 3.4 beside PyPI's 3.5, unpacked into .cache without touching the system.
tools:
	@sh tests/support/debian-etcd.sh

# Hundreds of consoles are started: none of them should compile everything anew where bytecode is not written.
compiled: $(DEV)
	@$(BIN)/python -m compileall -q etcdtui tests

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(DEMO): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo]'
	@touch $@

$(DEV): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(DEMO)

clean:
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache dist
