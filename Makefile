# Two commands: `make run` starts the service (the sample newspaper, until .env says otherwise), `make test` tests it.
# Both need only Python 3.11 or newer with its venv module, make, and a package index that pip reaches.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
NOT_INSTALLED = echo 'The packages could not be installed; what pip said stands above. Does pip reach a package index?' \
  'Run the same command again when it does.' >&2; exit 1

.PHONY: run test check clean

run: .venv/run.stamp
	@$(BIN)/digest init
	@exec $(BIN)/digest run

test: .venv/test.stamp
	@$(BIN)/pytest -n 3 --dist loadgroup tests

check: .venv/test.stamp
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# A stamp is written only when its step is through: whatever stopped half-way is begun again the next time.
.venv/made.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo 'Python 3.11 or newer is needed, and $(PYTHON) is not one. Name it: make $(MAKECMDGOALS) PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo 'The venv module of $(PYTHON) is missing. On Debian or Ubuntu: apt install python3-venv' >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv || \
	  { echo '.venv could not be made; what Python said stands above.' >&2; exit 1; }
	@touch $@

# Packages come from the lock file with their hashes; the project itself is linked, not copied.
.venv/run.stamp: requirements.lock pyproject.toml | .venv/made.stamp
	@echo 'Installing into .venv (once) …'
	@$(PIP) --require-hashes -r requirements.lock || { $(NOT_INSTALLED); }
	@$(PIP) --no-build-isolation --no-deps --no-index -e . || { $(NOT_INSTALLED); }
	@touch $@

.venv/test.stamp: requirements-dev.lock .venv/run.stamp
	@echo 'Installing what the tests need into .venv (once) …'
	@$(PIP) --require-hashes -r requirements-dev.lock || { $(NOT_INSTALLED); }
	@touch $@
