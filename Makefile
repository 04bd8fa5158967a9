.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
PYTHON ?= python3
BIN := .venv/bin
PIP_COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 18

.PHONY: run
run: .venv/service-installed ## Run the service, with an embedded database unless DATABASE_URL is set
	@exec $(BIN)/flask serve

.PHONY: test
test: .venv/checks-installed ## Run all tests, on an embedded database unless TEST_DATABASE_URL is set
	@# One process more than there are processors: some tests wait for processes they started.
	$(BIN)/pytest -n $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )) --dist worksteal

.PHONY: test-pgbouncer
test-pgbouncer: .venv/checks-installed ## Run TESTS (all, unless named) with the database behind PgBouncer
	@PATH="$$PATH:/usr/sbin" command -v pgbouncer >/dev/null || { \
		echo "PgBouncer is needed: install the Debian package pgbouncer"; exit 1; }
	@# Which server its connections lead to is PgBouncer's to know: one test is about the service knowing it.
	$(BIN)/pytest --pgbouncer -n $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )) --dist worksteal $(TESTS) \
		--deselect tests/db/test_lost_connections.py::test_a_server_that_takes_no_more_writes_is_left

.PHONY: test-partitioned
test-partitioned: .venv/checks-installed ## Run TESTS with the big tables cut by account, as over several servers
	@# Partitions have index names of their own; these three tests name indexes.
	$(BIN)/pytest --partitioned -n $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )) --dist worksteal $(TESTS) \
		--deselect tests/billing_accounts/test_statements.py::test_nothing_reads_a_whole_table \
		--deselect tests/cli/legacy_import/test_statistics.py::test_foreign_keys_are_checked_by_the_key \
		--deselect tests/cli/legacy_import/test_statistics.py::test_the_planner_would_use_any_index

.PHONY: lint
lint: .venv/checks-installed ## Check style, types, imports, migrations, and that docs/openapi.json is current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@echo "Comparing the models with the migrations"
	@dir=$$(mktemp -d) && trap 'rm -rf $$dir' EXIT && export DATABASE_URL= VAR_DIR=$$dir && \
		$(BIN)/flask db upgrade && $(BIN)/flask db check
	$(BIN)/python -m tests.migrations.lint
	$(BIN)/flask openapi print | diff -u docs/openapi.json - || { echo "docs/openapi.json is stale: make openapi"; exit 1; }

.PHONY: typescript
typescript: .venv/checks-installed tests/typescript/built/compiled ## Build the TypeScript package, generate clients, use them against the service
	cd tests/typescript && npm run --silent lint
	$(BIN)/python -m tests.typescript.run flows

.PHONY: browser
browser: .venv/checks-installed tests/typescript/built/compiled ## Open /docs and a page with the package in Chromium; draw the diagrams of docs/
	@command -v chromium >/dev/null || { echo "Chromium is needed, as the command chromium"; exit 1; }
	$(BIN)/python -m tests.typescript.run browser

.PHONY: pictures
pictures: .venv/checks-installed tests/typescript/built/compiled ## Draw the pictures of the README from the demo data, in Chromium
	$(BIN)/python -m tests.typescript.run pictures

# The package as an application installs it: packed, then unpacked among the others.
TYPESCRIPT_PACKAGE := tests/typescript/node_modules/billing-service-client

tests/typescript/built/compiled: tests/typescript/node_modules/installed $(TYPESCRIPT_PACKAGE)/package.json \
		docs/clients.md docs/charge-for-a-job.md tests/typescript/documented.py tests/typescript/openapi-ts.config.ts tests/typescript/tsconfig.json \
		$(wildcard tests/typescript/flows/*.ts tests/typescript/client/*.ts tests/typescript/browser/*.ts) | .venv/checks-installed
	cd tests/typescript && npm run --silent generate
	$(BIN)/python -m tests.typescript.documented
	cd tests/typescript && npm run --silent build
	@touch $@

$(TYPESCRIPT_PACKAGE)/package.json: tests/typescript/node_modules/installed clients/typescript/node_modules/installed \
		docs/openapi.json clients/typescript/tsconfig.json $(wildcard clients/typescript/src/*.ts)
	cd clients/typescript && npm pack --silent --pack-destination $(CURDIR)/tests/typescript/node_modules
	@mkdir -p $(@D)
	@tar -xzf tests/typescript/node_modules/billing-service-client-*.tgz -C $(@D) --strip-components 1
	@touch $@

%/node_modules/installed: %/package-lock.json
	@command -v npm >/dev/null || { echo "Node.js 20 or newer with npm is needed"; exit 1; }
	@echo "Installing the pinned npm packages of $*"
	@cd $* && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: bench
bench: .venv/checks-installed ## Measure the service as production runs it and write docs/performance.md
	$(BIN)/python -m bench.run

FINDINGS := var/findings.jsonl
# Checks that run whole may take longer than a test.
PROVE := $(BIN)/pytest -o faulthandler_timeout=0 --whole --findings $(FINDINGS)

.PHONY: prove
prove: .venv/checks-installed ## Run the checks of tests/prove whole and write docs/reliability.md
	@mkdir -p var && rm -f $(FINDINGS)
	$(PROVE) -n 2 tests/prove tests/edge/test_fuzz.py \
		tests/billing_accounts/test_against_model.py tests/credits/test_spending_order.py \
		--ignore tests/prove/test_resource_use.py --ignore tests/prove/test_hostile_sizes.py
	# These measure time and memory: alone.
	$(PROVE) -n 0 \
		tests/prove/test_resource_use.py tests/prove/test_hostile_sizes.py
	$(BIN)/python -m bench.findings $(FINDINGS)

.PHONY: prove-ha
prove-ha: .venv/ha-installed ## Fail over, break replicas, restart the service under load; write docs/scaling.md (needs root)
	@mkdir -p var && rm -f $(FINDINGS)
	$(PROVE) -n 0 tests/prove/ha tests/prove/test_replica_reads.py
	$(BIN)/python -m bench.findings $(FINDINGS)

.PHONY: migration
migration: .venv/checks-installed ## Write the next migration from the models: make migration MESSAGE="Add cost centers"
	@test -n "$(MESSAGE)" || { echo 'Say what it does: make migration MESSAGE="Add cost centers"'; exit 1; }
	@# On a database of its own, so that the one in var/ may be at any step.
	@dir=$$(mktemp -d) && trap 'rm -rf $$dir' EXIT && export DATABASE_URL= VAR_DIR=$$dir && \
		next=$$(ls migrations/versions/[0-9]*.py | wc -l | awk '{printf "%04d", $$1 + 1}') && \
		$(BIN)/flask db upgrade && $(BIN)/flask db revision --autogenerate --rev-id $$next -m "$(MESSAGE)" && \
		$(BIN)/ruff check --quiet --fix migrations && $(BIN)/ruff format --quiet migrations

.PHONY: openapi
openapi: .venv/service-installed ## Write docs/openapi.json
	$(BIN)/flask openapi print > docs/openapi.json

.PHONY: settings
settings: .venv/service-installed ## Write .env.example
	$(BIN)/python -m app.config > .env.example

.PHONY: requirements
requirements: .venv/checks-installed ## Pin the packages of requirements*.in anew
	$(PIP_COMPILE) --upgrade --output-file requirements.txt requirements.in
	$(PIP_COMPILE) --upgrade --output-file requirements-embedded.txt requirements-embedded.in
	$(PIP_COMPILE) --upgrade --output-file requirements-dev.txt requirements-dev.in
	$(PIP_COMPILE) --upgrade --output-file requirements-ha.txt requirements-ha.in

# A stamp is written only when an install has finished: one that was killed is done again.
.venv/created:
	@$(PYTHON) -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer with its venv module is needed. Name it: make PYTHON=/path/to/python3"; exit 1; }
	@rm -rf .venv
	@echo "Creating .venv"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/service-installed: requirements.txt requirements-embedded.txt .venv/created
	@echo "Installing the pinned packages"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r requirements.txt -r requirements-embedded.txt
	@touch $@

.venv/checks-installed: requirements-dev.txt .venv/service-installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# In a directory of their own: other programs than those of this project run them.
.venv/ha-installed: requirements-ha.txt .venv/checks-installed
	@echo "Installing Patroni and etcd"
	@rm -rf .venv/ha
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --target .venv/ha -r requirements-ha.txt
	@touch $@
