# Order Desk. `make` lists the targets; PORT, RUN_DIR, DATABASE_URL and the other
# settings of .env.example can be given with them: `make run PORT=8001`.

VENV := .venv
BIN := $(VENV)/bin
# The interpreter for a new $(VENV): the first one of a supported version.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(if \
  $(shell $(name) -c 'import sys; print((3, 11) <= sys.version_info < (3, 14) or "")' 2>/dev/null),$(name))))

REQUIREMENTS := requirements requirements-run requirements-dev
COMPILE := UV_CUSTOM_COMPILE_COMMAND='make requirements' $(BIN)/uv pip compile --quiet \
  --universal --python-version 3.11 --generate-hashes

# In parallel, with tests that share a server in one process; ARGS='-n 0' runs them in a row.
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses=4 --dist=loadgroup

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test faults-full test-stack bench lint format requirements requirements-check clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.run ## Start everything and print where to log in; Ctrl-C stops it
	@exec $(BIN)/python -m config.serve

test: $(VENV)/.dev ## Run the tests on a PostgreSQL and a Redis of their own
	@exec $(PYTEST) $(ARGS)

faults-full: $(VENV)/.dev ## Run the fault tests that take minutes, and those of `make test`
	@exec $(PYTEST) tests/faults -o 'python_files=test_*.py long_*.py' $(ARGS)

test-stack: $(VENV)/.dev ## Start the whole stack in Docker and test it end to end
	@PYTHON=$(BIN)/python exec tests/e2e/run $(ARGS)

bench: $(VENV)/.dev ## Compare sweep and clock with alternatives; ARGS=--full
	@exec $(BIN)/python -m benchmarks $(ARGS)

lint: $(VENV)/.dev requirements-check ## Check style, types, imports, migrations, settings, pins
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-logo
	$(BIN)/python manage.py makemigrations --check --dry-run
	SITE_URL=https://orders.example.com $(BIN)/python manage.py check --deploy --fail-level WARNING

format: $(VENV)/.dev ## Format the code and apply ruff's fixes
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

requirements: $(VENV)/.dev ## Pin the versions for *.in; ARGS=--upgrade takes new releases
	@for name in $(REQUIREMENTS); do \
	  $(COMPILE) $(ARGS) $$name.in --output-file $$name.txt || exit; \
	done

# Compiled over a copy of the pins, so that a newer release is not a difference.
requirements-check: $(VENV)/.dev
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	for name in $(REQUIREMENTS); do \
	  cp $$name.txt "$$scratch" && \
	  $(COMPILE) $$name.in --output-file "$$scratch/$$name.txt" && \
	  diff $$name.txt "$$scratch/$$name.txt" || \
	  { echo "$$name.txt does not match $$name.in: run make requirements" >&2; exit 1; }; \
	done

clean: ## Remove everything that was created here: environment, data, caches
	@[ ! -x $(BIN)/python ] || $(BIN)/python -m embedded.remove $(or $(RUN_DIR),.run)
	rm -rf $(VENV) staticfiles .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	  .import_linter_cache .grimp_cache

# The stamp files record what an environment contains: it is installed again only when
# the requirements change. Packages without a matching hash are refused.
$(VENV)/.python:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=/path/to/python3.13 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit("$(PYTHON) is not Python 3.11, 3.12 or 3.13")'
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.run $(VENV)/.dev: $(VENV)/.%: requirements-%.txt | $(VENV)/.python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
