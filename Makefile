# Every target sets up what it needs; the two to remember are `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
.DEFAULT_GOAL := help
INTEROP := build/interop/node_modules/.package-lock.json
.PHONY: help install demo check test interop bare format lock

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

install: $(STAMP) ## make .venv with the locked dependencies

demo: $(STAMP) ## three cities on this machine; ARGS=--once runs the story and stops
	$(BIN)/interurban demo $(ARGS)

check: $(STAMP) ## lint, format, types, direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

interop: $(INTEROP) ## other implementations in JavaScript, which tests/interop compares with

$(INTEROP): $(STAMP) tests/interop/package.json tests/interop/package-lock.json
	mkdir -p build/interop
	cp tests/interop/package.json tests/interop/package-lock.json build/interop/
	cd build/interop && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

test: $(STAMP) $(INTEROP) ## every test, on SQLite and on a PostgreSQL started for them, with coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses auto --dist loadfile $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bare: ## the protocol's tests where nothing but the protocol's own dependencies is installed
	$(PYTHON) -m venv build/bare
	build/bare/bin/python -m pip install --quiet --require-hashes --requirement requirements/protocol-test.txt
	echo "$(CURDIR)/protocol" > "$$(build/bare/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/protocol.pth"
	build/bare/bin/python -m pytest -q -p no:cacheprovider tests/protocol tests/conformance

format: $(STAMP) ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## renew the hash-locked requirements (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --all-extras --group dev pyproject.toml --output-file requirements/dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --all-extras pyproject.toml --constraint requirements/dev.txt --output-file requirements/node.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --group protocol-test pyproject.toml --constraint requirements/dev.txt --output-file requirements/protocol-test.txt
