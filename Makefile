# Every target installs first if it has to; PYTHON picks the interpreter of the virtual environment.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: install demo test test-all check serve bench docs clean

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	@echo "Installing into .venv, about a minute ..."
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: install
	$(BIN)/python -m samples.demo $(PICTURE)

# Two processes; tests/conftest.py says which tests stay together.
TEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadscope

test: install
	$(TEST) -m 'not (full or program or images)'

test-all: install
	$(TEST)

check: install
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy

serve: install
	$(BIN)/ocdrnet models build && $(BIN)/ocdrnet serve

bench: install
	$(BIN)/python -m benchmarks.pipeline

docs: install
	$(BIN)/python -m docs.write_options && $(BIN)/python -m docs.write_networks && $(BIN)/python -m docs.write_gateway
	$(BIN)/python -m helm.write_chart_documents && $(BIN)/python -m deploy.monitoring.write_monitoring

clean:
	rm -rf build .venv
