# Every target installs first if it has to. PYTHON=/path/to/python picks the interpreter of the virtual environment.
BIN := .venv/bin

.PHONY: help demo serve test test-all coverage check bench docs doctor clean

help:
	@echo "make demo [PICTURE=photo.jpg]   reads an image through a real Triton, and draws what was read"
	@echo "make serve                      serves on 127.0.0.1 until Ctrl-C"
	@echo "make test                       the tests that take minutes; make test-all: every one"
	@echo "make check                      formatting, lints, types, who imports whom; make coverage: which lines make test runs"
	@echo "make doctor                     what this machine has and lacks"
	@echo "make bench, make docs, make clean"

# To read images: 0.9 GB. To test and develop: 2.4 GB, and all of the former.
.venv/serve: pyproject.toml constraints.txt
	@sh deploy/install/install.sh serve
	@touch $@

.venv/dev: pyproject.toml constraints.txt
	@sh deploy/install/install.sh dev
	@touch .venv/serve $@

demo: .venv/serve
	$(BIN)/python -m samples.demo $(PICTURE)

# tests/conftest.py says which tests stay together, and which go to a third process. Beside the long tests a third one
# takes some minutes off, and starved a server in one run of one: a step without a processor for a second ends.
TEST := $(BIN)/python -m pytest --dist loadscope --numprocesses

test: .venv/dev
	$(TEST) 3 -m 'not (full or program or images)'

test-all: .venv/dev
	$(TEST) 2 --durations 12

coverage: .venv/dev
	$(TEST) 3 -m 'not (full or program or images)' --cov --cov-report term:skip-covered

check: .venv/dev
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports --no-cache

serve: .venv/serve
	$(BIN)/ocdrnet models build && $(BIN)/ocdrnet serve

bench: .venv/dev
	-$(BIN)/python -m benchmarks.separate_peers
	$(BIN)/python -m benchmarks.pipeline --isa avx512-vnni native --resume && $(BIN)/python -m docs.write_speed

docs: .venv/dev
	$(BIN)/python -m docs.write_options && $(BIN)/python -m docs.write_networks && $(BIN)/python -m docs.write_gateway
	$(BIN)/python -m docs.write_speed
	$(BIN)/python -m helm.write_chart_documents && $(BIN)/python -m deploy.monitoring.write_monitoring

doctor:
	@sh deploy/install/install.sh doctor

clean:
	rm -rf build .venv
