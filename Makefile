# Everything a developer does, each with one word. README.md says which Python and Node are needed.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
BIN := .venv/bin
BUILT := frontend/dist/index.html
MODULES := frontend/node_modules/.package-lock.json

# Caches need a home that can be written to; some services and containers have none.
ifneq ($(shell test -n "$$HOME" && test -w "$$HOME" && echo yes),yes)
export HOME := $(CURDIR)/.make/home
$(shell mkdir -p "$(HOME)")
endif

# Stamps lie in .venv, so that they go with it. Where the tools of development are installed,
# running needs no second install.
DEV := .venv/.installed-dev
RUN := $(if $(wildcard $(DEV)),$(DEV),.venv/.installed-run)

.PHONY: help
help: ## Show these words
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(RUN) $(BUILT) ## Run the site on http://localhost:8000 (PORT=... for another)
	@exec $(BIN)/tracetrack serve --with-parent

.PHONY: install
install: $(RUN) $(BUILT) ## Install packages and build the screens, as make run does first

.PHONY: demo
demo: $(RUN) ## Fill the site with demo areas and users
	@exec $(BIN)/tracetrack demo

.PHONY: test
test: $(DEV) $(BUILT) ## Run all tests: the screens' and the site's, in a real browser too
	@$(BIN)/python tests/e2e/chromium.py
	@cd frontend && npm test
	@$(PYTEST)

# Modules with the longest recorded time start first, each in one process.
PYTEST := $(BIN)/pytest -q -n 4 --dist loadfile --no-loadscope-reorder

.PHONY: test-times
test-times: $(DEV) $(BUILT) ## Run the site's tests on a quiet machine and record the time of each module
	@TRACETRACK_RECORD_TIMES=1 $(PYTEST)

.PHONY: screenshots
screenshots: $(DEV) $(BUILT) ## Take the pictures of the screens in docs/screens anew
	@TRACETRACK_SCREENSHOTS=1 $(BIN)/pytest -q tests/e2e -k for_everybody

.PHONY: icons
icons: $(DEV) ## Draw the application's icons anew, after frontend/public/favicon.svg
	@$(BIN)/python scripts/icons.py

# Every module that has two lengths (tests/lengths.py).
LONG := $(shell grep -lrw length tests --include='test_*.py')

.PHONY: soak
soak: $(DEV) $(BUILT) ## The long form of races, kills, faults and made-up input; figures go to docs/soak.md
	@TRACETRACK_SOAK=1 $(BIN)/pytest -rP $(LONG)
	@$(BIN)/python -m tests.trust.soak

.PHONY: check
check: $(DEV) $(MODULES) ## Check style, types, layers, lock files and the API client
	@scripts/locks.sh
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.timing
	@$(MAKE) api-is-fresh
	@$(MAKE) api-is-usable
	cd frontend && npm run check

.PHONY: format
format: $(DEV) $(MODULES) ## Put all code into the common form
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	cd frontend && npm run format

CLIENT := frontend/src/shared/api/schema.d.ts

.PHONY: api
api: api-made ## Make the screens' API client from the API
	@cp .make/schema.d.ts $(CLIENT)

.PHONY: api-made
api-made: $(DEV) $(MODULES)
	@mkdir -p .make
	@$(BIN)/tracetrack openapi > .make/openapi.json
	@node scripts/without-examples.cjs .make/openapi.json > .make/openapi-bare.json
	@cd frontend && npx --no-install openapi-typescript ../.make/openapi-bare.json -o ../.make/schema.d.ts >/dev/null

.PHONY: api-is-fresh
api-is-fresh: api-made
	@cmp -s .make/schema.d.ts $(CLIENT) \
	  || { echo "The screens' API client is stale: run 'make api' and commit what it makes." >&2; exit 1; }

API_TOOLS := tools/api/.venv/.installed

$(API_TOOLS): tools/api/package-lock.json tools/api/requirements.lock $(DEV)
	@scripts/node.sh
	@echo "API tools: installing packages"
	@cd tools/api && npm ci --loglevel=error >/dev/null
	@$(BIN)/python -m venv tools/api/.venv
	@tools/api/.venv/bin/python -m pip install -q --require-hashes -r tools/api/requirements.lock
	@touch $@

.PHONY: api-is-usable
api-is-usable: api-made $(API_TOOLS) ## Lint the OpenAPI document, and generate clients in Python and TypeScript from it
	@scripts/api-is-usable.sh

.PHONY: bench
bench: $(DEV) $(BUILT) ## Measure speed on a quiet machine (ONLY=start,scans,feedback,...), then check times
	@$(BIN)/python -m tests.bench
	@test -n "$(ONLY)" || TRACETRACK_QUIET=1 $(BIN)/pytest -rP $(TIMED)

# Every module that asserts a time (tests/lengths.py).
TIMED := $(shell grep -lrw assert_fast tests --include='test_*.py')

.PHONY: load
load: $(DEV) $(BUILT) ## The site under load with a million bags: report in .make/load (WRITE=1: into docs)
	@$(BIN)/python -m tests.bench.load

.PHONY: growth
growth: $(DEV) $(BUILT) ## The same questions at 100 thousand, 1 and 10 million bags (SIZES=...)
	@$(BIN)/python -m tests.bench.growth

.PHONY: cluster
cluster: $(RUN) $(BUILT) ## Run the whole cluster on this machine (HOSTS=2, PORT=8000; Debian's packages)
	@exec $(BIN)/python -m deploy.cluster.loopback

.PHONY: cluster-test
cluster-test: $(DEV) $(BUILT) ## Kill, cut off and switch over the cluster's parts while people scan
	@TRACETRACK_CLUSTER_TEST=1 $(BIN)/pytest -rP tests/cluster

.PHONY: lighthouse
lighthouse: $(DEV) $(BUILT) ## Ask Lighthouse about the screens (npm fetches it for the run)
	@$(BIN)/python -m tests.bench.lighthouse

.PHONY: check-alerts
check-alerts: ## Let promtool (Debian: apt install prometheus) check deploy/'s alerts and configuration
	@command -v promtool >/dev/null || { echo "promtool is not there: apt install prometheus" >&2; exit 1; }
	promtool check rules deploy/alerts.yml
	promtool check config deploy/prometheus.yml

.PHONY: lock
lock: $(DEV) ## Choose package versions anew, with hashes and without addresses
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) --upgrade pyproject.toml --group build \
	  -o backend/requirements.lock
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) --upgrade pyproject.toml --group dev \
	  -c backend/requirements.lock -o backend/requirements-dev.lock
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) --upgrade tools/api/requirements.in -o tools/api/requirements.lock
	@$(BIN)/python scripts/locks.py backend/requirements.lock backend/requirements-dev.lock
	cd frontend && npm install --package-lock-only
	cd tools/api && npm install --package-lock-only
	@scripts/locks.sh
LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes

.PHONY: audit
audit: $(DEV) ## Ask the advisory services about every locked package (exit code 2: they cannot be asked)
	@$(BIN)/python scripts/audit.py

.PHONY: clean
clean: ## Remove what was built and installed; the site's data stays
	rm -rf .venv .make frontend/node_modules frontend/dist .pytest_cache .mypy_cache .ruff_cache \
	  .import_linter_cache .hypothesis test-results
	find backend tests alembic -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed-run: backend/requirements.lock backend/requirements-uv.lock pyproject.toml scripts/python.sh
	@scripts/python.sh backend/requirements.lock
	@touch $@

$(DEV): backend/requirements-dev.lock backend/requirements-uv.lock pyproject.toml scripts/python.sh
	@scripts/python.sh backend/requirements-dev.lock
	@touch $@

$(MODULES): frontend/package-lock.json frontend/package.json frontend/.npmrc
	@scripts/node.sh
	@echo "Screens: installing packages"
	@cd frontend && npm ci --loglevel=error >/dev/null
	@touch $@

$(BUILT): $(MODULES) $(shell find frontend -path frontend/node_modules -prune -o -path frontend/dist -prune -o -type f -print 2>/dev/null)
	@scripts/node.sh
	@echo "Screens: building"
	@cd frontend && npm run --silent build -- --logLevel warn
	@touch $@
