# Everything needed is set up by the targets themselves; the second time nothing is installed again.
PYTHON ?= python3
BIN := .venv/bin
JOB ?= quickstart
export DAGSTER_HOME ?= $(CURDIR)/.dagster
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run ui test test-slow screenshots bench kill-matrix lint clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: .venv/.installed $(DAGSTER_HOME)/dagster.yaml ## run the quickstart job: a CSV of real data into SQLite
	$(BIN)/dagster job execute -f lumos_dagster/definitions.py -j $(JOB)
	@echo; $(BIN)/lumos show $(JOB)
	@echo; echo 'The first rows of table damaging_strikes in out/quickstart.db:'
	@$(BIN)/python -c 'import pandas, sqlite3; \
	print(pandas.read_sql("select * from damaging_strikes limit 5", sqlite3.connect("out/quickstart.db")).to_string(index=False))'
	@echo; echo 'Look at the run, its graph and its logs:  make ui'

ui: .venv/.installed $(DAGSTER_HOME)/dagster.yaml ## the Dagster UI of this workspace, on http://127.0.0.1:3000
	$(BIN)/dagster dev -w workspace.yaml -h 127.0.0.1 -p $(or $(PORT),3000)

test: .venv/.installed-test ## lint, types, import floors and the whole default test suite
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest

test-slow: .venv/.installed-test .venv/.installed-slow ## the long tests: fuzzing, large files, then the whole kill matrix
	$(BIN)/python -m pytest -m slow -n 0 --timeout 1800
	$(BIN)/python -m pytest --hypothesis-profile thorough --timeout 1800 lumos_dagster_tests/transforms lumos_dagster_tests/connectors/csv
	$(BIN)/python -m lumos_dagster_tests.kill

screenshots: .venv/.installed-test ## the pictures of the UI in docs/images, taken by its tests
	@mkdir -p docs/images
	LUMOS_SCREENSHOTS=$(CURDIR)/docs/images $(BIN)/python -m pytest -n 0 -p no:randomly lumos_dagster_tests/ui

bench: .venv/.installed-test ## Lumos beside psql, DuckDB, ingestr, dlt, .. on 1 million rows; writes docs/performance.md
	@(command -v sqlite3 && command -v pgloader) >/dev/null || { apt-get update -q && apt-get install -qy --no-install-recommends pgloader sqlite3; } >/dev/null
	@case "$(BENCH)" in *spark*) apt-get update -q && apt-get install -qy --no-install-recommends default-jre-headless libpostgresql-jdbc-java;; esac >/dev/null
	$(BIN)/python -m benchmarks.run --write-docs $(BENCH)

kill-matrix: .venv/.installed-test ## kill and harm hundreds of loads, resume each, compare; writes docs/promises.md
	$(BIN)/python -m lumos_dagster_tests.kill --write-docs

lint: .venv/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean: ## remove what was installed and what runs left behind
	rm -rf .venv .dagster out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; apt-get update -q && apt-get install -qy python3-venv && $(PYTHON) -m venv .venv; }

.venv/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/pip install -q -e .
	@$(BIN)/python -m compileall -q lumos_dagster
	@touch $@

.venv/.installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/pip install -q -e '.[test]'
	@$(BIN)/python -m compileall -q lumos_dagster lumos_dagster_tests
	@(command -v chromium && command -v clang && command -v gcc && command -v wasm-ld && command -v mariadbd && command -v my_print_defaults && ls /usr/lib/postgresql/*/bin/postgres) >/dev/null 2>&1 || { apt-get update -q && apt-get install -qy --no-install-recommends chromium clang gcc libc6-dev lld mariadb-server-core mariadb-client-core postgresql; } >/dev/null
	@touch $@ .venv/.installed

.venv/.installed-slow: .venv/.installed-test
	$(BIN)/pip install -q 'componentize-py>=0.25,<1'
	@command -v npm >/dev/null || { apt-get update -q && apt-get install -qy --no-install-recommends npm; } >/dev/null
	npm install --silent --no-audit --no-fund --prefix .venv 'assemblyscript@>=0.28 <0.29' 'componentize-qjs@>=0.4 <0.5'
	@ls /usr/bin/rustc /usr/lib/rustlib/wasm32-unknown-unknown >/dev/null 2>&1 || { apt-get update -q && apt-get install -qy --no-install-recommends rustc libstd-rust-dev-wasm32; } >/dev/null
	@touch $@

$(DAGSTER_HOME)/dagster.yaml: dagster.yaml
	@mkdir -p $(DAGSTER_HOME)
	@cp dagster.yaml $@
