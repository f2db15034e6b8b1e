# Everything that a person types. `make` alone lists it.

# The first Python here that is new enough; PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; exit; fi; done; echo python3)

export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Most of a short process's time is compiling what it imports, if it may not keep that.
unexport PYTHONDONTWRITEBYTECODE
# Node brings certificates of its own; a company's proxy is known to the system only.
export NODE_USE_SYSTEM_CA ?= 1

PY := .venv/bin/python
NPM := .venv/bin/npm
NPM_CI := $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error
SQS := apps/standalone/engines/sqs
WEB := academyfront
WEB_SOURCES := $(shell find $(WEB) \( -name node_modules -o -name dist \) -prune -o -type f -not -name '*.tsbuildinfo' -print 2>/dev/null)

.DEFAULT_GOAL := help
# Each step stands on the one before, except those that `install` starts together.
ifndef TOGETHER
.NOTPARALLEL:
endif
.PHONY: help run check test proof chaos acceptance audit lint format lock install install-dev web browser

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: install web ## Start everything here; WORKERS=2 for two workers, ACADEMY_PORT=9000 for another address
	@exec $(PY) -m apps.standalone

check: install-dev $(WEB)/node_modules/.package-lock.json ## While you work, in seconds: what has changed, and the tests nearest to it
	@$(PY) -m tests.circles check

test: install-dev web browser ## Before a change, in minutes: install what the tests need, and run everything that CI runs
	@$(PY) -m tests.circles test
	@$(MAKE) --no-print-directory audit

proof: install-dev web browser ## Before a release, in hours: every death in every life, every seeded bug, long chaos
	@$(PY) -m tests.circles proof

UPLOADS ?= 200
SEED ?= 1

chaos: install-dev ## Let everything fail at random during UPLOADS=200 uploads; SEED=1 chooses what, CHAOS=--encode really encodes
	@$(PY) -m tests.chaos --uploads $(UPLOADS) --seed $(SEED) $(CHAOS)

acceptance: install-dev web ## Upload a clip and show its way through queue and log with the aws command
	$(PY) -m pytest tests/acceptance -s -q --no-header

audit: ## Ask whether a pinned package has a known vulnerability; without a network it says so and goes on
	@$(PYTHON) requirements/audit.py

lint: install-dev $(WEB)/node_modules/.package-lock.json ## Check style, types and layers
	@$(PY) -m tests.circles lint

format: install-dev ## Format the Python code
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

lock: install-dev ## Pin requirements/*.in again, with hashes
	for size in uv base node standalone dev; do \
		$(PY) -m piptools compile --quiet --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
			--no-emit-trusted-host --no-emit-options --strip-extras --allow-unsafe \
			--output-file requirements/$$size.txt requirements/$$size.in || exit; \
	done

STEP := $(PYTHON) requirements/install.py step
NODE_MODULES := $(SQS)/node_modules/.package-lock.json $(WEB)/node_modules/.package-lock.json

install: ## Install what `make run` needs
install-dev: ## Install what the checks and tests need
install: SIZE := standalone
install-dev: SIZE := dev
# npm needs Node and nothing else of Python's packages, so it does not wait for them.
install install-dev:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: apt-get install python3 python3-venv" >&2; exit 78; }
	@$(PYTHON) requirements/install.py node
	@$(MAKE) --no-print-directory --silent -j TOGETHER=1 packages SIZE=$(SIZE) $(NODE_MODULES)

.PHONY: packages
packages:
	@$(PYTHON) requirements/install.py $(SIZE)

browser:
	@$(PYTHON) requirements/install.py browser

web: install ## Build the web app, if its sources have changed
	@$(MAKE) --no-print-directory --silent $(WEB)/dist/index.html

# A build that failed halfway is not up to date, although its file is new.
.DELETE_ON_ERROR:

$(SQS)/node_modules/.package-lock.json: $(SQS)/package-lock.json
	@$(STEP) "Installed the queue's packages" $(NPM_CI) --prefix $(SQS)
	@touch $@

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	@$(STEP) "Installed the web app's packages" $(NPM_CI) --prefix $(WEB)
	@touch $@

# `npm run build` without its check of the types, which `make lint` does: that takes longer than all the rest.
$(WEB)/dist/index.html: $(WEB)/node_modules/.package-lock.json $(WEB_SOURCES)
	@$(STEP) "Built the web app" sh -c 'cd $(WEB) && node_modules/.bin/vite build && node scripts/firstLoad.js'
	@touch $@
