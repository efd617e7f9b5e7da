# Two commands: `make demo` shows the guard at work, `make test` runs all tests. Both need Python 3.11+ and nothing else.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test drivers driver-table bench lint opa axe kafka compiled pure wheel clean

demo: $(VENV)/.demo  ## the guided run; KEEP=1 leaves the guarded database running
	@exec $(BIN)/readonly-guard demo $(if $(KEEP),--keep)

test: $(VENV)/.dev  ## all tests, a file at a time on each processor; ARGS="tests/proxy -x" runs what it says, in one process
	$(BIN)/pytest $(or $(ARGS),--numprocesses=logical --maxprocesses=4 --dist=loadfile --max-worker-restart=0)

drivers: $(VENV)/.drivers  ## other people's clients through the guard; needs psql, psqlODBC, Node, Java, Go, Rust
	$(BIN)/pytest tests/drivers --require-drivers $(ARGS)

driver-table: $(VENV)/.drivers  ## write down what the clients showed, and README's table of it
	$(BIN)/pytest tests/drivers --ignore=tests/drivers/test_matrix.py --require-drivers --record-drivers $(ARGS)
	$(BIN)/python scripts/generate_docs.py

bench: $(VENV)/.dev  ## what the guard costs beside PgBouncer; needs postgresql and pgbouncer; ARGS="--quick" or --help
	$(BIN)/python -m benchmarks.wire $(ARGS)

lint: $(VENV)/.dev  ## style, types, architecture
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

compiled: $(VENV)/.dev  ## the hot path compiled in place, for this Python; needs a C compiler. `make pure` undoes it
	$(BIN)/python scripts/compile.py

pure: $(VENV)/.dev
	$(BIN)/python scripts/compile.py --clean

wheel: $(VENV)/.dev  ## a wheel in dist/ with the hot path compiled, for this Python and this kind of machine; needs a C compiler
	$(BIN)/python scripts/compiled_wheel.py

opa: .tools/opa  ## OPA, for the checks and tests that want the real one; needs Go
	.tools/opa check --strict --schema policies/schema policies
	.tools/opa fmt --list --fail policies
	@.tools/opa test policies
	@.tools/opa test --coverage --threshold 100 policies > .tools/coverage.json || { cat .tools/coverage.json; exit 1; }

.tools/opa:  # without what only a debugger reads, and the compiler with room for garbage: a quarter less to compute
	GOBIN=$(CURDIR)/.tools CGO_ENABLED=0 GOGC=400 go install -gcflags=all=-dwarf=false -ldflags='-s -w' \
		github.com/open-policy-agent/opa@v1.22.2

kafka: .tools/kafka  ## a Kafka broker, for the tests of the sink that carries the log there; needs Java and Maven

.tools/kafka: tests/plugins/kafka/pom.xml
	mvn --quiet --batch-mode --file $< \
		org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=$(CURDIR)/$@
	@touch $@

axe: .tools/node_modules/axe-core/axe.min.js  ## axe-core, for the tests of the review's page; needs Node

.tools/node_modules/axe-core/axe.min.js:
	npm install --silent --no-save --prefix .tools axe-core@4.14.1

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "readonly-guard needs Python 3.11 or newer: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }  # half of one, without pip, would be taken for a whole one

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing readonly-guard into $(VENV) …"
	@$(PIP) --editable '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing readonly-guard with its tools into $(VENV) …"
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.drivers: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing readonly-guard with its tools and the drivers into $(VENV) …"
	@$(PIP) --editable '.[dev,drivers]'
	@touch $@ $(VENV)/.dev $(VENV)/.demo

clean:
	rm -rf $(VENV) .tools .mypy_cache build dist *.egg-info src/*.egg-info
