# Two commands: `make run` starts the service (the sample newspaper, until .env says otherwise), `make test` tests it.
# Both need only Python 3.11 or newer with its venv module, make, and a package index that pip reaches.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check clean

run: .venv/run.stamp
	@$(BIN)/digest init
	@exec $(BIN)/digest run

test: .venv/test.stamp
	@$(BIN)/pytest -n 2 --dist loadgroup tests

check: .venv/test.stamp
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Python 3.11 or newer is needed; name it: make run PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -m venv .venv

# Packages come from the lock file with their hashes; the project itself is linked, not copied.
.venv/run.stamp: requirements.lock pyproject.toml | .venv/bin/python
	@echo 'Installing into .venv (once) …'
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --no-index -e .
	@touch $@

.venv/test.stamp: requirements-dev.lock .venv/run.stamp
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
