# Everything a newcomer needs is `make demo` and `make test`; `make help` lists the rest.
# Needs Python >= 3.11 with venv and pip. Nothing is installed outside this folder.

# The first Python that is new enough and can make environments; `make PYTHON=python3.13 ...` chooses another.
PYTHON ?= $(shell for candidate in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$candidate -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& echo $$candidate && break; done)
VENV ?= .venv
VENV_SDK ?= .venv-sdk

PACKAGES := acp pool bot loopback
# `make pytest MEASURE=` does without measuring coverage.
MEASURE := --cov --cov-report=

BIN := $(VENV)/bin
PIP := -m pip --disable-pip-version-check --quiet install
# The lock is complete, so nothing is resolved: a resolver may ask for "coverage[toml]" in a newer version than the
# locked one, which has no hash.
LOCKED := --no-deps --require-hashes
READY := $(VENV)/.ready
READY_SDK := $(VENV_SDK)/.ready
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help demo test check quick pytest cluster-test bench chaos docs picture dist images lock format clean
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# Where it is set, each of the hundreds of programs that the tests start would compile the code anew.
unexport PYTHONDONTWRITEBYTECODE

help: ## list the targets
	@echo "Threadline. The two to start with are demo and test."
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## see it work: no token, no network (ONCE=1 plays the conversation and exits)
	@$(BIN)/threadline demo $(if $(filter-out 0,$(ONCE)),--once)

test: check pytest ## everything that must pass: lint, types, tests, coverage
	@$(BIN)/coverage report --fail-under=100 || \
		{ echo "make test: the lines and branches above need a test." >&2; exit 1; }

check: $(READY) ## lint, formatting and types
	@$(BIN)/ruff check || { echo "make check: correct what ruff shows; 'make format' does the simple part." >&2; exit 1; }
	@$(BIN)/ruff format --check || { echo "make check: run 'make format'." >&2; exit 1; }
	@$(BIN)/mypy || { echo "make check: correct the types above." >&2; exit 1; }

# What needs neither the SDK nor a server nor the processes of other machines, of the bot only what needs no event loop
# either; few examples of each property, and no bulk of cases.
QUICK = -m 'not bulk' tests/acp tests/pool --ignore=tests/acp/test_sdk_peer.py \
	$(addprefix --ignore=,$(shell grep -rl real_time tests/acp/places --include='test_*.py')) \
	$(shell grep -rLE 'async def test|fork_server|loopback|subprocess' tests/bot --include='test_*.py') --hypothesis-profile=quick

quick: check ## the same with the quick tests alone: acp, pool and the pure parts of bot, in less than a minute
	@$(BIN)/pytest -q -n 4 --dist worksteal $(QUICK) || \
		{ echo "make quick: see the failures above; one alone: $(BIN)/pytest -k NAME" >&2; exit 1; }

# Most tests wait for processes most of the time: six at once keep two cores busy.
pytest: $(READY) $(READY_SDK) ## the tests alone, with coverage (ARGS="-k name" is passed on)
	@$(BIN)/pytest -n 6 --dist loadfile --no-loadscope-reorder $(MEASURE) $(ARGS) || \
		{ echo "make pytest: see the failures above; one alone: $(BIN)/pytest -k NAME" >&2; exit 1; }

cluster-test: $(READY) ## the tests in containers, and on a Kubernetes of two nodes, which the first run builds (15 minutes)
	@$(BIN)/python -m tests.cluster.kubernetes
	@CLUSTER_TEST=1 $(BIN)/pytest -v --durations=0 --durations-min=1 tests/cluster/kubernetes tests/cluster/test_container_place.py $(ARGS)

bench: $(READY) ## measure: a table, and JSON beside it
	@$(BIN)/python -m bench $(ARGS)

chaos: $(READY) ## kill, cut off and restart it while people talk, and see that nothing is lost (ROUNDS=, SEED=)
	@$(BIN)/python -m bench.chaos $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

docs: $(READY) ## build the documentation site into build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet && echo "Open build/site/index.html"

picture: $(READY) ## record the README's moving picture again, with a browser
	@$(BIN)/python -m tests.browser.moving docs/moving.webp

dist: $(READY) ## build what is published into dist/, the wheel from the source archive, and check both
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --outdir dist
	@$(BIN)/twine check --strict dist/*

images: ## build the container images with docker or podman, and start each once (AGENTS=codex; ARGS= is passed on)
	@deploy/build-images $(ARGS)

lock: $(READY) ## choose all versions again, for every supported Python
	@$(LOCK) --upgrade --group dev pyproject.toml --output-file requirements.txt
	@$(LOCK) --constraint requirements.txt pyproject.toml --output-file deploy/requirements.txt
	@$(LOCK) --constraint requirements.txt --group build --output-file deploy/build-requirements.txt
	@$(LOCK) --upgrade tests/peers/requirements.in --output-file tests/peers/requirements.txt
	@echo "Locked. 'make test' installs the new versions and tests them."

format: $(READY) ## format the code and correct what ruff can
	@$(BIN)/ruff check --fix --quiet || true
	@$(BIN)/ruff format

clean: ## remove environments, caches and measurements
	@rm -rf .venv .venv-* build dist .coverage .coverage.* htmlcov bench/results
	@rm -rf tests/browser/node_modules tests/loopback/discordjs/node_modules
	@rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find $(wildcard $(PACKAGES) bench tests) -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || \
		{ echo "Threadline needs Python 3.11 or newer with venv; name one with 'make PYTHON=/path/to/python3'." >&2; exit 1; }
	@echo "Setting up $(VENV) (once, and again when the locked versions change) ..."
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python $(PIP) $(LOCKED) -r requirements.txt || \
		{ echo "Installing the locked versions failed; is the network there? Then run make again." >&2; exit 1; }
	@$(BIN)/python $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(READY_SDK): tests/peers/requirements.txt
	@echo "Setting up $(VENV_SDK) (the official SDK, for the tests) ..."
	@$(VENV_SDK)/bin/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV_SDK)
	@$(VENV_SDK)/bin/python $(PIP) $(LOCKED) -r tests/peers/requirements.txt || \
		{ echo "Installing the SDK failed; is the network there? Then run make again." >&2; exit 1; }
	@touch $@
