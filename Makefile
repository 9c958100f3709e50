# GNU make 3.81 (macOS) is enough. Everything is installed into .venv; nothing outside this folder is touched.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3; do \
	"$$p" -c 'import ensurepip, sys; sys.exit(sys.version_info[:2] < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; \
	done)
BIN := .venv/bin
PY := $(BIN)/python
PIP := $(PY) -m pip install -qq --disable-pip-version-check

# A repository of the user's on PYTHONPATH has no say here.
unexport PYTHONPATH PYTHONHOME

.PHONY: help demo test soak check bench chaos lock clean
.DEFAULT_GOAL := help

help: ## Say what there is to do.
	@echo 'make demo    see a training planned, suspended, moved and accounted for, on this machine'
	@echo 'make check   format, lint, types and the arrows between the packages'
	@echo 'make test    the tests, those on real local Ray clusters too'
	@echo 'make soak    the few tests that take long: rounds of faults on real clusters'
	@echo 'make bench   time the planner and the simulation'
	@echo 'make chaos   break everything at random and count what was lost (ARGS="--seed 7 --rounds 20")'
	@echo 'make lock    bring requirements.lock up to pyproject.toml (UPGRADE=1: to the newest)'
	@echo 'make clean   remove .venv, caches and builds'

demo: .venv/installed
	@$(BIN)/carbonsched demo

check: .venv/installed
	@$(PY) -m ruff format --check --quiet . || { echo 'format them with: $(PY) -m ruff format .'; exit 1; }
	@$(PY) -m ruff check --quiet .
	@$(PY) -m mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo
	@echo 'check: all good'

test: .venv/installed
	@$(PY) -m pytest -n auto --dist loadgroup -m "not soak" $(ARGS)

soak: .venv/installed
	@$(PY) -m pytest -n auto --dist loadgroup -m soak $(ARGS)

bench: .venv/installed
	@set -e; for file in benchmarks/bench_*.py; do echo "== $$file"; $(PY) "$$file"; done

chaos: .venv/installed
	@$(PY) -m tests.chaos $(ARGS)

# The stamp is written last and holds this folder's path: an interrupted install leaves none, and a folder that was
# moved or copied gets a new environment, because the old one's scripts name the old place.
ifneq ($(shell cat .venv/installed 2>/dev/null),$(CURDIR))
.PHONY: .venv/installed
endif
.venv/installed: pyproject.toml requirements.lock
	@[ -n '$(PYTHON)' ] || { echo 'No Python 3.11 or newer was found. Install one, or: make PYTHON=/path/to/python3'; exit 1; }
	@[ "$$(cat $@ 2>/dev/null)" = '$(CURDIR)' ] && $(PY) -c '' 2>/dev/null || { \
		echo "Making .venv with $$("$(PYTHON)" --version): once, a minute or two ..."; "$(PYTHON)" -m venv --clear .venv; }
	@rm -f $@
	@$(PIP) --no-deps --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@printf '%s' '$(CURDIR)' > $@

# Needs uv on the PATH, for this target only.
lock:
	@uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --extra local --group dev \
		--generate-hashes --custom-compile-command 'make lock' --no-annotate --output-file requirements.lock \
		$(if $(UPGRADE),--upgrade)

clean:
	@rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
